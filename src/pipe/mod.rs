//! Pipes: a sender that goes to the background, a receiver that stays.
//!
//! [`Conduit`] is what the two share; [`Endpoint`] is the foreground's half, as the router's table keeps it.

mod bound;
mod endpoint;
mod id;
mod latest;
mod receiver;
mod sender;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

pub(crate) use self::bound::{Bound, Wait};
pub(crate) use self::endpoint::{Endpoint, Host, Turn, TypedEndpoint};
pub(crate) use self::id::PipeId;
pub(crate) use self::latest::Latest;
pub use self::receiver::MessageReceiver;
pub use self::sender::{MessageSender, StartedSender};
use crate::hub::Hub;
use crate::queue::{Epoch, LaneId};

/// How a pipe came to its end on the sender's side.
///
/// Given to the callback of [`on_end`](MessageReceiver::on_end) after all messages of the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipeEnd {
    /// The sender and all its clones were stopped or dropped.
    Stopped,
    /// The same, but at least one of them was dropped by a thread that panicked.
    Panicked,
    /// The sender was dropped before it was started.
    NeverStarted,
}

impl fmt::Display for PipeEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "the sender stopped",
            Self::Panicked => "the sender's thread panicked",
            Self::NeverStarted => "the sender was never started",
        })
    }
}

/// How many messages a pipe holds.
pub(crate) enum Kind<T> {
    Unbounded,
    Bounded(Box<Bound>),
    Latest(Box<Latest<T>>),
}

/// What a pipe's senders and its receiver share.
pub(crate) struct Conduit<T> {
    pub(crate) hub: Arc<Hub>,
    pub(crate) id: PipeId,
    pub(crate) lane: LaneId,
    pub(crate) epoch: Epoch,
    pub(crate) kind: Kind<T>,
    /// Senders alive, started or not.
    senders: AtomicUsize,
    closed: AtomicBool,
    panicked: AtomicBool,
}

impl<T: Send + 'static> Conduit<T> {
    /// Makes the conduit of a pipe with one sender.
    pub(crate) fn new(hub: Arc<Hub>, id: PipeId, lane: LaneId, epoch: Epoch, kind: Kind<T>) -> Self {
        Self {
            hub,
            id,
            lane,
            epoch,
            kind,
            senders: AtomicUsize::new(1),
            closed: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Relaxed: a hint. What was sent after the close is discarded when its turn comes.
        self.closed.load(Ordering::Relaxed)
    }

    /// Foreground: nothing is received any more. Releases the senders that wait for room.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Kind::Bounded(bound) = &self.kind {
            bound.close();
        }
    }

    /// Sends, waiting for room as `wait` says.
    #[inline]
    fn send(&self, message: T, wait: Wait) -> Result<(), Refused<T>> {
        if self.is_closed() {
            return Err(Refused::Closed(message));
        }
        match &self.kind {
            Kind::Unbounded => self.push(message),
            Kind::Bounded(bound) => self.send_bounded(bound, message, wait),
            Kind::Latest(latest) => latest.replace(self, message).map_err(Refused::Closed),
        }
    }

    fn send_bounded(&self, bound: &Bound, message: T, wait: Wait) -> Result<(), Refused<T>> {
        // The foreground cannot wait for room that it alone can make.
        let wait = if self.hub.notifier.is_foreground() { Wait::Never } else { wait };
        match bound.acquire(wait) {
            Ok(()) => self.push(message).inspect_err(|_| bound.release()),
            Err(bound::Refusal::Full) => Err(Refused::Full(message)),
            Err(bound::Refusal::Closed) => Err(Refused::Closed(message)),
        }
    }

    #[inline]
    fn push(&self, message: T) -> Result<(), Refused<T>> {
        self.hub.queue.push(self.id, self.lane, self.epoch, message).map_err(Refused::Closed)?;
        self.hub.notifier.notify();
        Ok(())
    }

    fn add_sender(&self) {
        // Relaxed: the new sender is made from one that is counted, as in `Arc`.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a sender out. The last one ends the pipe: `Panicked` if any panicked, else `end`.
    fn drop_sender(&self, end: PipeEnd) {
        if thread::panicking() {
            self.panicked.store(true, Ordering::Relaxed);
        }
        // AcqRel: the last one sees the `panicked` of those before it, and its end follows all their
        // messages in the queue.
        if self.senders.fetch_sub(1, Ordering::AcqRel) > 1 || self.is_closed() {
            return;
        }
        let end = if self.panicked.load(Ordering::Relaxed) { PipeEnd::Panicked } else { end };
        if self.hub.queue.push_end(self.id, self.epoch, end).is_ok() {
            self.hub.notifier.notify();
        }
    }
}

/// Why a message was not sent.
enum Refused<T> {
    Full(T),
    Closed(T),
}
