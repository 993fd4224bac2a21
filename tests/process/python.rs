//! A sender in Python: the one of the examples.

use foreground::process::{Child, Command, RemotePipeOptions};
use foreground::{MessageReceiver, MessageRouter, PipeEnd, Refusal};
use serde::Deserialize;

use crate::common::{Seen, WAIT, collect, router, until_end};
use crate::interpreter::{Python, root};

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
struct Step {
    done: u32,
    of: u32,
}

type Router = MessageRouter<Seen<Step>>;
type Receiver = MessageReceiver<Step, Seen<Step>>;

/// Starts Python with these arguments, and a ticket of such a pipe.
fn start(options: RemotePipeOptions, arguments: &[&str]) -> (Router, Receiver, Child) {
    let router = router();
    let (ticket, receiver) = router.remote_pipe_with::<Step>(options).unwrap();
    collect(&receiver);
    let mut python = Command::new(Python::find());
    python.args(arguments).current_dir(root().join("examples")).ticket(ticket);
    let child = python.spawn().unwrap();
    (router, receiver, child)
}

fn options() -> RemotePipeOptions {
    RemotePipeOptions::new().type_name("step")
}

fn steps(of: u32) -> Vec<Step> {
    (1..=of).map(|done| Step { done, of }).collect()
}

#[test]
fn all_messages_of_python_come_in_order() {
    for options in [options(), options().bounded(1), options().bounded(100)] {
        let (router, _receiver, child) = start(options, &["remote_sender.py", "2000"]);
        let seen = until_end(&router);
        assert_eq!(seen.messages, steps(2000));
        assert_eq!(seen.end, Some(PipeEnd::Stopped));
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn the_newest_value_of_python_comes_last() {
    let (router, _receiver, _child) = start(options().latest(), &["remote_sender.py", "2000"]);
    let seen = until_end(&router);
    assert!(seen.messages.is_sorted_by(|a, b| a.done < b.done));
    assert_eq!((seen.messages.last(), seen.end), (steps(2000).last(), Some(PipeEnd::Stopped)));
}

#[test]
fn python_sees_that_nobody_receives_any_more() {
    for options in [options(), options().bounded(3)] {
        let (router, receiver, child) = start(options, &["remote_sender.py", "1000000000"]);
        router.route_until(&mut Seen::default(), |seen| seen.messages.len() > 10, WAIT).unwrap();
        drop(receiver);
        assert_eq!(child.wait_timeout(WAIT).unwrap().expect("it saw the close").code(), Some(9));
    }
}

/// Runs some Python that has the sender's class.
fn run(code: &str) -> (Seen<Step>, Option<i32>) {
    let code = format!("from remote_sender import RemoteSender\n{code}");
    let (router, _receiver, child) = start(options(), &["-c", &code]);
    let seen = until_end(&router);
    (seen, child.wait().unwrap().code())
}

#[test]
fn an_end_of_python_is_told_with_its_reason() {
    let one = "sender = RemoteSender('step')\nsender.send({'done': 1, 'of': 1})\n";
    let (seen, code) = run(&format!("{one}sender.stop(panicked=True)"));
    assert_eq!((seen.messages, seen.end, code), (steps(1), Some(PipeEnd::Panicked), Some(0)));
    let (seen, code) = run(&format!("{one}raise SystemExit(3)"));
    let Some(PipeEnd::Lost(Some(status))) = seen.end else { panic!("{seen:?}") };
    assert_eq!((seen.messages, status.code(), code), (steps(1), Some(3), Some(3)));
}

#[test]
fn what_python_sends_amiss_is_refused() {
    let (seen, code) = run("RemoteSender('another')");
    assert_eq!((seen.messages, seen.end, code), (vec![], Some(PipeEnd::Refused(Refusal::Type)), Some(1)));
    let (seen, _) = run("sender = RemoteSender('step')\nsender.send('nonsense')");
    assert_eq!((seen.messages, seen.end), (vec![], Some(PipeEnd::Refused(Refusal::Malformed))));
}
