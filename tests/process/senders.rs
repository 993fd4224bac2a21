//! What the children of these tests do: each is a sender of its own sort.

use std::env;
use std::process;
use std::sync::OnceLock;
use std::thread;

use foreground::process::{RemoteSendErrorKind, RemoteSender, StartedRemoteSender, Ticket};

use crate::raw::{Parts, Raw};

/// The second ticket of a child that has two.
pub const SECOND: &str = "FOREGROUND_TEST_SECOND_TICKET";
/// How many messages a child is to send.
pub const COUNT: &str = "FOREGROUND_TEST_COUNT";

fn count() -> u32 {
    env::var(COUNT).map_or(1000, |count| count.parse().unwrap())
}

fn started() -> StartedRemoteSender<u32> {
    RemoteSender::from_env().unwrap().start()
}

pub fn behave(behaviour: &str) {
    match behaviour {
        "send" => send(),
        "panic" => panic_in_a_thread(),
        "never start" => drop(RemoteSender::<u32>::from_env().unwrap()),
        "exit with a static sender" => exit_with_a_static_sender(),
        "clones" => clones(),
        "two tickets" => two_tickets(),
        "until closed" => until_closed(),
        "as many as there is room for" => as_many_as_there_is_room_for(),
        "for ever" => for_ever(),
        "where is the door" => places(),
        "speak bytes to the door" => speak_bytes_to_the_door(),
        "come to a foreign door" => come_to_a_foreign_door(),
        other => panic!("no such behaviour: {other}"),
    }
}

/// Sends so many numbers, and stops.
fn send() {
    let sender = started();
    (0..count()).for_each(|n| sender.send(n).unwrap());
}

/// Sends a message, and panics in a thread, whose panic is caught.
fn panic_in_a_thread() {
    let sender = started();
    sender.send(1).unwrap();
    let clone = sender.clone();
    let _ = thread::spawn(move || {
        clone.send(2).unwrap();
        panic!("on purpose");
    })
    .join();
    sender.send(3).unwrap();
    drop(sender);
}

/// Exits while a sender is where nothing drops it.
fn exit_with_a_static_sender() {
    static SENDER: OnceLock<StartedRemoteSender<u32>> = OnceLock::new();
    let sender = SENDER.get_or_init(started);
    sender.send(1).unwrap();
    process::exit(7);
}

/// Four threads send, each its own thousand in order: the thread in the upper part of the number.
fn clones() {
    let sender = started();
    thread::scope(|scope| {
        for id in 0..4 {
            let sender = sender.clone();
            scope.spawn(move || (0..1000).for_each(|n| sender.send(id * 10_000 + n).unwrap()));
        }
    });
}

/// One process with two pipes.
fn two_tickets() {
    let first = started();
    let second = RemoteSender::<String>::from_ticket(Ticket::from_variable(SECOND).unwrap()).unwrap().start();
    for n in 0..100 {
        first.send(n).unwrap();
        second.send(n.to_string()).unwrap();
    }
}

/// Sends until nobody receives, and then says by its status that it saw so.
fn until_closed() {
    let sender = started();
    let error = (0..).find_map(|n| sender.send(n).err()).unwrap();
    assert!(error.is_closed() && sender.is_closed());
    drop(sender);
    process::exit(9);
}

/// Sends what there is room for, and tells by a second pipe how many that were; then the rest as room is made.
fn as_many_as_there_is_room_for() {
    let sender = started();
    let report = RemoteSender::<u32>::from_ticket(Ticket::from_variable(SECOND).unwrap()).unwrap().start();
    let mut sent = 0;
    let full = loop {
        match sender.try_send(sent) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), RemoteSendErrorKind::Full);
    report.send(sent).unwrap();
    (sent..count()).for_each(|n| sender.send(n).unwrap());
}

/// Sends until it is killed.
fn for_ever() {
    let sender = started();
    let _ = (0..).try_for_each(|n| sender.send(n));
}

/// Opens a pipe in this process, and tells where its door is, or why there is none.
fn places() {
    let report = RemoteSender::<Result<String, String>>::from_env().unwrap().start();
    let router = crate::common::router::<()>();
    let opened = router.remote_pipe::<u32>();
    let place = opened.map(|(ticket, _)| ticket.to_string()).map_err(|error| error.to_string());
    report.send(place).unwrap();
}

/// Shows its ticket without a look at who listens, and says whether it was sent away.
fn speak_bytes_to_the_door() {
    let parts = Parts::of(&Ticket::from_env().unwrap());
    let mut raw = Raw::connect(&parts);
    let _ = raw.try_write(&parts.hello());
    process::exit(if raw.until_closed().is_empty() { 11 } else { 1 });
}

/// Comes with its ticket to a door of another user.
fn come_to_a_foreign_door() {
    let error = RemoteSender::<u32>::from_env().unwrap_err();
    assert!(error.to_string().contains("another user's"), "{error}");
    process::exit(12);
}
