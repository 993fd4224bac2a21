//! Pipes: a sender that goes to the background, a receiver that stays.
//!
//! [`Conduit`] is what the two share; [`Endpoint`] is the foreground's half, as the router's table keeps it.

mod bound;
mod end;
mod endpoint;
mod flags;
mod latest;
mod receiver;
mod sender;

#[cfg(any(feature = "nats", feature = "zmq"))]
use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::thread;

pub(crate) use self::bound::{Bound, NoRoom, Wait};
pub(crate) use self::end::End;
pub use self::end::{PipeEnd, Refusal};
pub(crate) use self::endpoint::{Discard, Endpoint, Host, Turn, TypedEndpoint};
pub(crate) use self::latest::Latest;
pub use self::receiver::MessageReceiver;
pub use self::sender::{MessageSender, StartedSender};
use crate::queue::Queue;
use crate::sync::Arc;
use crate::sync::atomic::Ordering::{AcqRel, Relaxed};
use crate::sync::atomic::{AtomicBool, AtomicUsize};

/// How many messages a pipe holds, if not any number.
pub(crate) enum Kind<T> {
    Bounded(Bound),
    Latest(Latest<T>),
}

/// What a pipe has that is not of the commonest sort.
pub(crate) struct Special<T> {
    kind: Option<Kind<T>>,
    #[cfg(feature = "process")]
    /// Boxed, for few pipes have one, and all that are bounded or of a latest value have room for it.
    remote: Option<Box<Arc<dyn Remote>>>,
}

impl<T> Special<T> {
    pub(crate) fn bounded(capacity: usize) -> Self {
        Self::of(Some(Kind::Bounded(Bound::new(capacity))))
    }

    pub(crate) fn latest() -> Self
    where
        T: Send + 'static,
    {
        Self::of(Some(Kind::Latest(Latest::new())))
    }

    #[cfg(feature = "process")]
    pub(crate) fn any() -> Self {
        Self::of(None)
    }

    fn of(kind: Option<Kind<T>>) -> Self {
        Self {
            kind,
            #[cfg(feature = "process")]
            remote: None,
        }
    }

    /// Says that the pipe's sender is in another process, and what stands for it here.
    #[cfg(feature = "process")]
    pub(crate) fn with_remote(self, remote: Arc<dyn Remote>) -> Self {
        Self { remote: Some(Box::new(remote)), ..self }
    }
}

/// What stands for a sender in another process. Called on the foreground, which it must not hold up.
#[cfg(feature = "process")]
pub(crate) trait Remote: Send + Sync {
    /// Nothing is received any more. May be told more than once.
    fn closed(&self);
    /// A message was taken from a bounded pipe.
    fn made_room(&self);
    /// How the pipe ended; asked after an end of [`End::Elsewhere`].
    fn end(&self) -> PipeEnd;
}

/// What a pipe's senders and its receiver share.
pub(crate) struct Conduit<T> {
    queue: Arc<Queue>,
    /// The pipe's slot in the router's table.
    slot: u32,
    closed: AtomicBool,
    panicked: AtomicBool,
    /// Senders alive, started or not.
    senders: AtomicUsize,
    /// None for a pipe that holds any number and has its sender here. Boxed because most pipes are so.
    special: Option<Box<Special<T>>>,
}

impl<T: Send + 'static> Conduit<T> {
    /// Makes the conduit of a pipe with one sender.
    pub(crate) fn new(queue: Arc<Queue>, slot: u32, special: Option<Special<T>>) -> Self {
        Self {
            queue,
            slot,
            closed: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            senders: AtomicUsize::new(1),
            special: special.map(Box::new),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Relaxed: a hint. What was sent after the close is discarded when its turn comes.
        self.closed.load(Relaxed)
    }

    #[inline]
    fn kind(&self) -> Option<&Kind<T>> {
        self.special.as_ref()?.kind.as_ref()
    }

    pub(crate) fn bound(&self) -> Option<&Bound> {
        match self.kind() {
            Some(Kind::Bounded(bound)) => Some(bound),
            _ => None,
        }
    }

    pub(crate) fn latest(&self) -> Option<&Latest<T>> {
        match self.kind() {
            Some(Kind::Latest(latest)) => Some(latest),
            _ => None,
        }
    }

    /// Foreground: nothing is received any more. Releases the senders that wait for room.
    pub(crate) fn close(&self) {
        self.closed.store(true, Relaxed);
        if let Some(bound) = self.bound() {
            bound.close();
        }
        #[cfg(feature = "process")]
        if let Some(remote) = self.remote() {
            remote.closed();
        }
    }

    /// Foreground: a message was taken out of a bounded pipe.
    pub(crate) fn make_room(&self) {
        if let Some(bound) = self.bound() {
            bound.release();
            #[cfg(feature = "process")]
            if let Some(remote) = self.remote() {
                remote.made_room();
            }
        }
    }

    /// What stands for a sender in another process.
    #[cfg(feature = "process")]
    fn remote(&self) -> Option<&Arc<dyn Remote>> {
        self.special.as_ref()?.remote.as_deref()
    }

    /// What the user is told of an end.
    pub(crate) fn resolve(&self, end: End) -> PipeEnd {
        match end {
            End::Stopped => PipeEnd::Stopped,
            End::Panicked => PipeEnd::Panicked,
            End::NeverStarted => PipeEnd::NeverStarted,
            #[cfg(feature = "process")]
            End::Elsewhere => self.remote().map_or(PipeEnd::Lost(None), |remote| remote.end()),
        }
    }

    /// Sends, waiting for room as `wait` says.
    #[inline]
    fn send(&self, message: T, wait: Wait) -> Result<(), Refused<T>> {
        if self.is_closed() {
            return Err(Refused::Closed(message));
        }
        match self.kind() {
            None => self.queue.push(self.slot, message).map_err(Refused::Closed),
            Some(Kind::Bounded(bound)) => self.send_bounded(bound, message, wait),
            Some(Kind::Latest(latest)) => {
                latest.replace(&self.queue, self.slot, message).map_err(Refused::Closed)
            }
        }
    }

    /// Sends several messages to a pipe that holds any number, and wakes the foreground once. What cannot be sent is left.
    #[cfg(any(feature = "nats", feature = "zmq"))]
    fn send_all(&self, messages: &mut VecDeque<T>) {
        debug_assert!(self.kind().is_none());
        while !self.is_closed()
            && let Some(message) = messages.pop_front()
        {
            if let Err(message) = self.queue.push_silently(self.slot, message) {
                messages.push_front(message);
                break;
            }
        }
        self.queue.wake_if_asleep();
    }

    /// Sends if that is possible at once, and wakes nobody: that is for [`Bell::ring`] to do after the last of several messages. Runs no
    /// code of the user's. Returns the value that was replaced.
    #[cfg(feature = "process")]
    fn send_silently(&self, message: T) -> Result<Option<T>, Refused<T>> {
        if self.is_closed() {
            return Err(Refused::Closed(message));
        }
        match self.kind() {
            Some(Kind::Latest(latest)) => {
                return latest.replace_silently(&self.queue, self.slot, message).map_err(Refused::Closed);
            }
            Some(Kind::Bounded(bound)) => match bound.acquire(Wait::Never) {
                Ok(()) => {}
                Err(NoRoom::Full) => return Err(Refused::Full(message)),
                Err(NoRoom::Closed) => return Err(Refused::Closed(message)),
            },
            None => {}
        }
        self.queue.push_silently(self.slot, message).map(|()| None).map_err(Refused::Closed)
    }

    fn send_bounded(&self, bound: &Bound, message: T, wait: Wait) -> Result<(), Refused<T>> {
        // The foreground cannot wait for room that it alone can make.
        let wait = if self.queue.notifier().is_foreground() { Wait::Never } else { wait };
        match bound.acquire(wait) {
            // If the queue is closed, so is the pipe, and its room is nobody's.
            Ok(()) => self.queue.push(self.slot, message).map_err(Refused::Closed),
            Err(NoRoom::Full) => Err(Refused::Full(message)),
            Err(NoRoom::Closed) => Err(Refused::Closed(message)),
        }
    }

    fn add_sender(&self) {
        // Relaxed: the new sender is made from one that is counted, as in `Arc`.
        self.senders.fetch_add(1, Relaxed);
    }

    /// Counts a sender out. The last one ends the pipe: `Panicked` if any panicked, else `end`.
    fn drop_sender(&self, end: End) {
        if thread::panicking() {
            self.panicked.store(true, Relaxed);
        }
        // AcqRel: the last one sees the `panicked` of those before it, and its end follows all their
        // messages in the queue.
        if self.senders.fetch_sub(1, AcqRel) > 1 {
            return;
        }
        let end = if self.panicked.load(Relaxed) { End::Panicked } else { end };
        // A closed pipe's end is not told to anybody; it only frees the pipe's slot, which can wait. The queue
        // may be closed too, and then the slot is free already.
        let _ = self.queue.push_end(self.slot, end, self.is_closed());
    }
}

/// Wakes the foreground after messages that were sent silently.
#[cfg(feature = "process")]
pub(crate) struct Bell(Arc<Queue>);

#[cfg(feature = "process")]
impl Bell {
    pub(crate) fn ring(&self) {
        self.0.wake_if_asleep();
    }
}

/// Why a message was not sent.
enum Refused<T> {
    Full(T),
    Closed(T),
}

/// What to call a pipe in a log.
#[derive(Clone, Copy)]
pub(crate) struct Label {
    messages: &'static str,
    opened_at: &'static Location<'static>,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pipe of {}, opened at {}", self.messages, self.opened_at)
    }
}
