//! A transport of one's own: what the crate gives its author.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Wake};

use foreground::transport::{Context, Incoming, ReplyError, Responder, ServerTransport};

/// Counts what becomes of the replies.
#[derive(Clone, Default)]
struct Counts(Arc<(AtomicUsize, AtomicUsize)>);

struct Counted(Counts);

impl Responder for Counted {
    fn reply(self: Box<Self>, _: Vec<u8>) -> Result<(), ReplyError> {
        self.0.0.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn peer(&self) -> String {
        "a test".into()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counts {
    fn replied_and_done(&self) -> (usize, usize) {
        (self.0.0.load(Ordering::Relaxed), self.0.1.load(Ordering::Relaxed))
    }
}

struct Own(Incoming);

impl ServerTransport for Own {
    fn incoming(&self) -> &Incoming {
        &self.0
    }

    fn close(&self) {
        self.0.close();
    }
}

struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn every_context_is_answered_or_dropped_once() {
    let counts = Counts::default();
    let server = Own(Incoming::new());
    for n in 0..5u8 {
        server.incoming().push(Context::new(Counted(counts.clone())), vec![n]).unwrap();
    }
    for n in 0..2u8 {
        let (context, message) = server.receive_message().unwrap();
        assert_eq!((message, context.peer()), (vec![n], "a test".to_owned()));
        server.send_reply(context, vec![]).unwrap();
    }
    drop(server.receive_message().unwrap());
    assert_eq!(counts.replied_and_done(), (2, 3));
    server.close();
    let refused = server.incoming().push(Context::new(Counted(counts.clone())), b"late".to_vec());
    let refused = refused.unwrap_err();
    assert_eq!(refused.message, b"late");
    drop(refused);
    assert_eq!((counts.replied_and_done(), server.incoming().unanswered()), ((2, 4), 2));
    server.incoming().clear();
    assert_eq!((counts.replied_and_done(), server.incoming().unanswered()), ((2, 6), 0));
}

#[test]
fn a_reader_is_held_up_until_answers_are_given() {
    let counts = Counts::default();
    let incoming = Incoming::with_limit(2, 1000);
    let server = Own(incoming.clone());
    let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
    let waker = wakes.clone().into();
    let mut task = TaskContext::from_waker(&waker);
    for _ in 0..2 {
        assert!(incoming.poll_room(&mut task).is_ready());
        incoming.push(Context::new(Counted(counts.clone())), vec![0; 10]).unwrap();
    }
    assert!(incoming.poll_room(&mut task).is_pending());
    let (context, _) = server.receive_message().unwrap();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 0, "to have received it is not to be done with it");
    context.reply("done").unwrap();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(incoming.poll_room(&mut task).is_ready());
    incoming.push(Context::new(Counted(counts.clone())), vec![0; 1000]).unwrap();
    drop(server.receive_message().unwrap());
    assert!(incoming.poll_room(&mut task).is_pending(), "its bytes fill the room");
}
