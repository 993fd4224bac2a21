//! Messages of all sizes, and many of them.

use std::sync::Arc;
use std::thread;

use foreground::channel::Bytes;
use foreground::process::{RemotePipeOptions, RemoteSender, StartedRemoteSender};
use foreground::{PipeEnd, Refusal};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::common::{child, collect, router, until_end};

/// How long the messages of the child `sizes` are: in the first chunk that is read, at its edges, and of many chunks.
const SIZES: [usize; 14] =
    [0, 1, 23, 1000, 1024, 1025, 65_000, 65_530, 65_536, 0, 70_000, 131_072, 5_000_000, 3];

/// Of the number, so that no two are the same.
fn content(number: usize) -> Bytes {
    let length = SIZES[number % SIZES.len()];
    Bytes((0..length).map(|at| (at * 31 + at / 256 + number) as u8).collect())
}

const MESSAGES: usize = 3 * SIZES.len();

/// Sends messages of all sizes.
pub fn send_sizes() {
    let sender = RemoteSender::<Bytes>::from_env().unwrap().start();
    (0..MESSAGES).for_each(|number| sender.send(content(number)).unwrap());
}

#[test]
fn messages_of_any_size_come_whole_and_in_order() {
    for options in [RemotePipeOptions::new(), RemotePipeOptions::new().bounded(2)] {
        let router = router();
        let (ticket, receiver) = router.remote_pipe_with::<Bytes>(options).unwrap();
        collect(&receiver);
        let child = child("sizes", ticket).spawn().unwrap();
        let seen = until_end(&router);
        assert_eq!(seen.end, Some(PipeEnd::Stopped));
        assert_eq!(seen.messages.len(), MESSAGES);
        for (number, message) in seen.messages.iter().enumerate() {
            assert!(*message == content(number), "message {number} of {} bytes", message.0.len());
        }
        assert!(child.wait().unwrap().success());
    }
}

/// Many more than fit into what the system holds.
const FLOOD: u64 = 300_000;

/// Sends numbers from several threads, each of which counts for itself.
pub fn flood() {
    let sender = RemoteSender::<(u8, u64)>::from_env().unwrap().start();
    thread::scope(|scope| {
        for thread in 0..4 {
            let sender = &sender;
            scope.spawn(move || (0..FLOOD / 4).for_each(|n| sender.send((thread, n)).unwrap()));
        }
    });
}

#[test]
fn a_flood_of_several_threads_loses_nothing_and_keeps_the_order_of_each() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<(u8, u64)>().unwrap();
    collect(&receiver);
    let child = child("flood", ticket).spawn().unwrap();
    let seen = until_end(&router);
    assert_eq!(seen.end, Some(PipeEnd::Stopped));
    for thread in 0..4 {
        let of_thread = seen.messages.iter().filter(|(of, _)| *of == thread).map(|(_, n)| *n);
        assert!(of_thread.eq(0..FLOOD / 4), "thread {thread}");
    }
    assert_eq!(seen.messages.len() as u64, FLOOD);
    assert!(child.wait().unwrap().success());
}

/// Cannot be read when it is 13.
#[derive(Debug, PartialEq, Serialize)]
struct Superstitious(u32);

impl<'de> Deserialize<'de> for Superstitious {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        assert_ne!(number, 13, "for the test");
        Ok(Self(number))
    }
}

#[test]
fn what_came_before_a_message_whose_reading_panics_is_delivered() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<Superstitious>().unwrap();
    collect(&receiver);
    let sender = RemoteSender::<Superstitious>::builder().survive().connect(ticket).unwrap().start();
    for number in 10..16 {
        // Those behind it may find the pipe closed.
        let _ = sender.send(Superstitious(number));
    }
    let seen = until_end(&router);
    assert_eq!(seen.messages, [10, 11, 12].map(Superstitious));
    assert_eq!(seen.end, Some(PipeEnd::Refused(Refusal::Malformed)));
}

/// Sends another while it is written.
struct Chatty(u32, Option<Arc<StartedRemoteSender<Chatty>>>);

impl Serialize for Chatty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(sender) = &self.1 {
            assert!(sender.send(Chatty(self.0 + 1, None)).is_ok());
        }
        serializer.serialize_u32(self.0)
    }
}

#[test]
fn a_message_may_be_sent_while_another_is_written() {
    let router = router();
    let options = RemotePipeOptions::new().type_name("number");
    let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
    collect(&receiver);
    let builder = RemoteSender::<Chatty>::builder().type_name("number").survive();
    let sender = Arc::new(builder.connect(ticket).unwrap().start());
    assert!(sender.send(Chatty(1, Some(Arc::clone(&sender)))).is_ok());
    assert!(sender.send(Chatty(3, None)).is_ok());
    drop(sender);
    assert_eq!(until_end(&router).messages, [2, 1, 3]);
}
