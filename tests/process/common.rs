//! What the tests share: a router, and children.

use std::env;
use std::process;
use std::time::Duration;

use foreground::process::{Command, Ticket};
use foreground::{MessageReceiver, MessageRouter, PipeEnd};

/// Long enough for a loaded machine; nothing waits so long unless something is broken.
pub const WAIT: Duration = Duration::from_secs(60);

/// Says what a child is to do.
pub const BEHAVIOUR: &str = "FOREGROUND_TEST_BEHAVIOUR";

/// What a router's state collects.
#[derive(Debug)]
pub struct Seen<T> {
    pub messages: Vec<T>,
    pub end: Option<PipeEnd>,
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self { messages: Vec::new(), end: None }
    }
}

pub fn router<S: 'static>() -> MessageRouter<S> {
    let router = MessageRouter::new(|| {});
    router.start().unwrap();
    router
}

/// Collects what comes.
pub fn collect<T: Send + 'static>(receiver: &MessageReceiver<T, Seen<T>>) {
    receiver.on_message(|seen: &mut Seen<T>, message| seen.messages.push(message));
    receiver.on_end(|seen, end| seen.end = Some(end));
}

/// Routes until the pipe has ended.
pub fn until_end<T: Send + 'static>(router: &MessageRouter<Seen<T>>) -> Seen<T> {
    let mut seen = Seen::default();
    router.route_until(&mut seen, |seen| seen.end.is_some(), WAIT).unwrap();
    seen
}

/// A child that behaves as a function of `behaviours` does.
pub fn child(behaviour: &str, ticket: Ticket) -> Command {
    let mut command = Command::this_program().unwrap();
    command.args(ARGUMENTS).env(BEHAVIOUR, behaviour).ticket(ticket);
    command
}

/// What makes a child of this program.
pub const ARGUMENTS: [&str; 4] =
    ["--exact", "common::without_a_behaviour_this_is_a_test_like_any", "--nocapture", "--test-threads=1"];

/// In a child, this is what it does, and the rest of the test never comes. It is a test, for that is how a program of tests is made
/// to run something.
#[test]
fn without_a_behaviour_this_is_a_test_like_any() {
    if let Ok(behaviour) = env::var(BEHAVIOUR) {
        super::behaviours::behave(&behaviour);
        process::exit(0);
    }
    assert!(env::var_os(foreground::process::TICKET_VARIABLE).is_none(), "nobody gave us a ticket");
}
