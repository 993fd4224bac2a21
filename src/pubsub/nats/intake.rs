//! The way in: what is published now. What does not fit is dropped and counted, as nobody can be held up.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use async_nats::{Message, Subscriber};
use futures_util::Stream;
use parking_lot::Mutex;
use tokio::task::unconstrained;

use super::Settled;
use super::subjects::{Root, begins};
use crate::nats::Subscribing;
use crate::pubsub::engine::Settings;
use crate::pubsub::inbox::{Batch, Done, Inbox};

pub(crate) struct Intake {
    settled: Settled,
    shared: Arc<Shared>,
}

struct Shared {
    root: Root,
    inbox: Arc<Inbox>,
    message_limit: usize,
    sources: Mutex<Sources>,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Sources {
    open: Vec<Source>,
    /// Who is first to be asked.
    turn: usize,
    is_closed: bool,
    waker: Option<Waker>,
}

enum Source {
    Waiting(Subscribing),
    Open(Subscriber),
}

impl Intake {
    pub(crate) fn start(settled: &Settled, settings: &Settings, inbox: Arc<Inbox>) -> Self {
        let shared = Arc::new(Shared {
            root: settled.root.clone(),
            inbox,
            message_limit: settings.message_limit,
            sources: Mutex::default(),
            dropped: AtomicU64::new(0),
        });
        let this = Self { settled: settled.clone(), shared: shared.clone() };
        this.subscribe(false);
        // Else it would stop after 128 messages, while the engine goes on to read thousands.
        settled.connection.runtime().spawn_weak(unconstrained(async move {
            while let Some(message) = std::future::poll_fn(|context| shared.poll_next(context)).await {
                shared.take(message);
            }
            shared.inbox.close();
        }));
        this
    }

    /// Subscribes to what is wanted, in the place of what was.
    fn subscribe(&self, is_exact: bool) {
        let connection = &self.settled.connection;
        let group = self.settled.group.as_deref();
        let patterns = self.settled.root.patterns(self.shared.inbox.channels(), is_exact);
        let mut sources = self.shared.sources.lock();
        if sources.is_closed {
            return;
        }
        // First the end of the old ones: what came by both would come twice.
        sources.open.clear();
        let open = patterns.iter().map(|pattern| Source::Waiting(connection.subscribe(pattern, group)));
        sources.open = open.collect();
        wake(sources.waker.take());
    }
}

impl crate::pubsub::engine::Intake for Intake {
    fn exact(&self) {
        self.subscribe(true);
    }

    fn close(&self) {
        let mut sources = self.shared.sources.lock();
        sources.is_closed = true;
        sources.open.clear();
        wake(sources.waker.take());
    }

    fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

/// Of our own task: no user's code.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Shared {
    /// The next message of any source; none when it was closed, or the connection has ended.
    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut sources = self.sources.lock();
        if sources.is_closed {
            return Poll::Ready(None);
        }
        let count = sources.open.len();
        for _ in 0..count {
            sources.turn = (sources.turn + 1) % count;
            let turn = sources.turn;
            match sources.open[turn].poll_next(context) {
                Poll::Ready(Some(message)) => return Poll::Ready(Some(message)),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {}
            }
        }
        sources.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn take(&self, message: Message) {
        let channel = self.root.channel(&message.subject);
        if !begins(channel, self.inbox.channels()) {
            return; // NATS was asked for more than is wanted.
        }
        if !self.inbox.has_room() {
            if self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                log::warn!(
                    "messages on {channel:?} and others are dropped: they come faster than they are taken"
                );
            }
            return;
        }
        self.inbox.push(batch(channel, &message.payload, self.message_limit, None));
    }
}

/// What came, unless it is too long.
pub(super) fn batch(channel: &str, text: &[u8], limit: usize, done: Option<Done>) -> Batch {
    let mut batch = Batch::default();
    if channel.len() + text.len() > limit {
        let reason = format!("the message on {channel:?} has {} bytes, and the limit is {limit}", text.len());
        // It would be as long the next time.
        if let Some(done) = done {
            done();
        }
        batch.odd(&[], reason);
    } else {
        batch.message(channel, text, done);
    }
    batch
}

impl Source {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            match self {
                Self::Open(subscriber) => return Pin::new(subscriber).poll_next(context),
                Self::Waiting(subscribing) => match subscribing.as_mut().poll(context) {
                    Poll::Ready(Ok(subscriber)) => *self = Self::Open(subscriber),
                    Poll::Ready(Err(_)) => return Poll::Ready(None),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}
