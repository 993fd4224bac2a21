//! What the children do. Most have the ticket in their environment.

use std::env;
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::process;
use std::thread;
use std::time::Duration;

use foreground::process::{Command, RemoteSender, StartedRemoteSender, Ticket};

use crate::common;
use crate::raw::{self, Raw};

pub fn behave(behaviour: &str) {
    match behaviour {
        "heed" => heed(),
        "ignore" => ignore(),
        "linger" => linger(),
        "sleep" => sleep(),
        "abort" => abort(),
        "stdin" => stdin(),
        "look" => look(),
        "middle" => middle(),
        "deaf" => deaf(),
        "unread" => unread(),
        "nonsense" => nonsense(),
        "middle that exits" => middle_that_exits(),
        "survive" => survive(),
        "serve" => serve(),
        "serve without a log" => serve_without_a_log(),
        "replaced" => replaced(),
        "hands_on_nothing" => super::streams::hands_on_nothing(),
        "unwaited" => super::ends::unwaited(),
        "ten_thousand" => super::many::ten_thousand(),
        "two_hundred" => super::many::two_hundred(),
        other => panic!("no such behaviour: {other}"),
    }
}

fn started() -> StartedRemoteSender<u32> {
    let sender = RemoteSender::<u32>::from_env().unwrap().start();
    sender.send(process::id()).unwrap();
    sender
}

/// Tells its number, and stops when it is asked to, with the code 5.
fn heed() {
    let sender = started();
    while sender.send(0).is_ok() {
        thread::yield_now();
    }
    drop(sender);
    process::exit(5);
}

/// Tells its number, and does nothing more, for ever.
fn ignore() {
    let _sender = started();
    sleep();
}

/// Tells its number and stops to send, but goes on until its standard input ends; then it ends with the code 6.
fn linger() {
    drop(started());
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    process::exit(6);
}

fn sleep() {
    loop {
        thread::sleep(Duration::from_secs(1000));
    }
}

fn abort() {
    let _sender = RemoteSender::<u32>::from_env().unwrap().start();
    process::abort();
}

/// Comes with the ticket that it reads, and tells how many bytes follow.
fn stdin() {
    let mut input = io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line).unwrap();
    let sender = RemoteSender::<u32>::from_ticket(line.parse().unwrap()).unwrap().start();
    let mut rest = Vec::new();
    input.read_to_end(&mut rest).unwrap();
    sender.send(rest.len() as u32).unwrap();
}

/// Tells what descriptors it has, before it opens any itself.
fn look() {
    let descriptors = super::streams::descriptors();
    let sender = RemoteSender::<u32>::from_env().unwrap().start();
    descriptors.into_iter().for_each(|descriptor| sender.send(descriptor).unwrap());
}

/// What starts a child in which the behaviour runs that this process was told.
fn child_of_the_middle() -> Command {
    // The shell outlives the two, and tells how the child ended.
    let mut shell = process::Command::new("sh");
    shell.args(["-c", r#""$@"; echo "code=$?""#, "sh"]).arg(env::current_exe().unwrap());
    shell.args(common::TO_BEHAVE).env(common::BEHAVIOUR, env::var("OF_THE_CHILD").unwrap());
    Command::from(shell)
}

/// A program with a router and a child, which is killed.
fn middle() {
    let router = common::router::<()>();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    receiver.on_message(|(), _| {});
    let _child = child_of_the_middle().ticket(ticket).log_stderr(None).spawn().unwrap();
    router.route_until(&mut (), |()| false, None).unwrap();
}

/// A program with a router and a child, which ends as programs do.
fn middle_that_exits() {
    let router = common::router::<bool>();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    receiver.on_message(|has_begun, _| *has_begun = true);
    let child = child_of_the_middle().ticket(ticket).log_stderr(None).spawn().unwrap();
    router.route_until(&mut false, |has_begun| *has_begun, None).unwrap();
    child.stop();
    router.stop().unwrap();
}

/// Sends once, and never looks whether anybody listens.
fn deaf() {
    let sender = started();
    say("serving");
    // The close may have come by now.
    let _ = sender.send(1);
    sleep();
}

/// Says all that it has to say, and is gone, without having read a word.
fn unread() {
    let ticket = Ticket::from_env().unwrap();
    let parts = raw::Parts::of(&ticket);
    let said = [parts.hello(), raw::start(), raw::message(1), raw::message(2), raw::end(raw::STOPPED)];
    Raw::connect(&parts).write(&said.concat());
    process::exit(0);
}

/// Says something that is no message, and is gone.
fn nonsense() {
    let mut raw = Raw::welcome(&Ticket::from_env().unwrap());
    raw.write(&[raw::start(), raw::message(1), raw::frame(b'M', &[0xff; 20])].concat());
    process::exit(0);
}

fn say(what: &str) {
    let mut stdout = io::stdout().lock();
    // A mark, and the beginning of a line, for the harness of the tests says something too.
    writeln!(stdout, "\nsaid={what}").and_then(|()| stdout.flush()).unwrap();
}

/// Sends for ever, and is ended by that.
fn serve() {
    let sender = started();
    say("serving");
    while sender.send(0).is_ok() {
        thread::yield_now();
    }
    // The end of this process is on its way.
    sleep();
}

/// The same with a logger that panics, as many do whose standard error is gone.
fn serve_without_a_log() {
    struct Gone;

    impl log::Log for Gone {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, _: &log::Record<'_>) {
            panic!("on purpose");
        }

        fn flush(&self) {}
    }

    log::set_logger(&Gone).unwrap();
    log::set_max_level(log::LevelFilter::Error);
    serve();
}

/// Sends until it cannot, which it lives to tell.
fn survive() {
    let sender =
        RemoteSender::<u32>::builder().survive().connect(Ticket::from_env().unwrap()).unwrap().start();
    sender.send(1).unwrap();
    say("serving");
    while sender.send(0).is_ok() {
        thread::yield_now();
    }
    assert!(sender.is_closed() && sender.send(0).unwrap_err().is_closed());
    say("survived");
    process::exit(7);
}

/// Its file is removed, and it starts itself once more.
fn replaced() {
    let file = env::current_exe().unwrap();
    assert!(file.ends_with("renamed"), "this removes {file:?}");
    fs::remove_file(file).unwrap();
    let router = common::router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    common::collect(&receiver);
    let child = common::child("heed", ticket).spawn().unwrap();
    let mut seen = common::Seen::default();
    router
        .route_until(&mut seen, |seen: &mut common::Seen<u32>| !seen.messages.is_empty(), common::WAIT)
        .unwrap();
    assert_eq!(seen.messages[0], child.id());
}
