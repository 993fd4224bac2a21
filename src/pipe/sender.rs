//! The background's half of a pipe.

#[cfg(any(feature = "nats", feature = "zmq"))]
use std::collections::VecDeque;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use super::{Conduit, End, Refused, Wait};
use crate::error::{SendError, SendTimeoutError, TrySendError};
use crate::sync::Arc;

/// The sending half of a new pipe, to be moved to the thread that will send. It has no `send` yet: call
/// [`start`](Self::start) there first.
///
/// [`start`](Self::start) turns it into a [`StartedSender`]. The two are separate types so that what
/// cannot work does not compile, and so that the foreground can tell a worker that ended from one that
/// never began ([`PipeEnd::NeverStarted`](crate::PipeEnd::NeverStarted)).
///
/// Sending before the start does not compile:
///
/// ```compile_fail
/// # let router: foreground::MessageRouter = foreground::MessageRouter::new(|| {});
/// # router.start().unwrap();
/// let (sender, receiver) = router.pipe::<i32>().unwrap();
/// sender.send(1);
/// ```
///
/// Starting twice does not compile:
///
/// ```compile_fail
/// # let router: foreground::MessageRouter = foreground::MessageRouter::new(|| {});
/// # router.start().unwrap();
/// let (sender, receiver) = router.pipe::<i32>().unwrap();
/// let first = sender.start();
/// let second = sender.start();
/// ```
///
/// Nor does stopping before the start, which leaves nothing to stop; drop it instead:
///
/// ```compile_fail
/// # let router: foreground::MessageRouter = foreground::MessageRouter::new(|| {});
/// # router.start().unwrap();
/// let (sender, receiver) = router.pipe::<i32>().unwrap();
/// sender.stop();
/// ```
///
/// Stopping twice does not compile:
///
/// ```compile_fail
/// # let router: foreground::MessageRouter = foreground::MessageRouter::new(|| {});
/// # router.start().unwrap();
/// let (sender, receiver) = router.pipe::<i32>().unwrap();
/// let sender = sender.start();
/// sender.stop();
/// sender.stop();
/// ```
///
/// Nor does starting again after the stop:
///
/// ```compile_fail
/// # let router: foreground::MessageRouter = foreground::MessageRouter::new(|| {});
/// # router.start().unwrap();
/// let (sender, receiver) = router.pipe::<i32>().unwrap();
/// sender.start().stop();
/// sender.start();
/// ```
///
/// Sending after the stop does not compile:
///
/// ```compile_fail
/// # let router: foreground::MessageRouter = foreground::MessageRouter::new(|| {});
/// # router.start().unwrap();
/// let (sender, receiver) = router.pipe::<i32>().unwrap();
/// let sender = sender.start();
/// sender.stop();
/// sender.send(1);
/// ```
#[must_use = "dropping a sender ends its pipe as `NeverStarted`; move it to the worker and `start` it there"]
pub struct MessageSender<T: Send + 'static> {
    handle: Handle<T>,
}

/// One of a pipe's senders, counted out when it is dropped.
struct Handle<T: Send + 'static> {
    conduit: Arc<Conduit<T>>,
    /// How the pipe ended if this is the last sender.
    end: End,
}

impl<T: Send + 'static> Drop for Handle<T> {
    fn drop(&mut self) {
        self.conduit.drop_sender(self.end);
    }
}

impl<T: Send + 'static> MessageSender<T> {
    pub(crate) fn new(conduit: Arc<Conduit<T>>) -> Self {
        Self { handle: Handle { conduit, end: End::NeverStarted } }
    }

    /// Makes the sender ready to send. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<&str>().unwrap();
    /// let worker = std::thread::spawn(move || {
    ///     let sender = sender.start();
    ///     sender.send("hello").unwrap();
    /// });
    /// worker.join().unwrap();
    /// router.dispatch(&mut ());
    /// assert_eq!(receiver.try_recv(), Some("hello"));
    /// ```
    #[doc(alias = "send")]
    pub fn start(self) -> StartedSender<T> {
        let mut handle = self.handle;
        handle.end = End::Stopped;
        StartedSender { handle }
    }
}

#[cfg(feature = "process")]
impl<T: Send + 'static> MessageSender<T> {
    /// What wakes the foreground of this pipe.
    pub(crate) fn bell(&self) -> super::Bell {
        super::Bell(Arc::clone(&self.handle.conduit.queue))
    }
}

impl<T: Send + 'static> fmt::Debug for MessageSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_closed = self.handle.conduit.is_closed();
        f.debug_struct("MessageSender").field("is_closed", &is_closed).finish()
    }
}

/// The sending half of a pipe, in use: sends from any thread, shared or cloned.
///
/// Messages of one sender arrive in the order in which they were sent; so do those of different
/// senders and pipes of one router wherever one send happened before the other. `Ok` means that the
/// message will be delivered exactly once, unless the pipe is closed first, the router is stopped
/// first, or a newer value takes its place in a [latest-value pipe](crate::MessageRouter::latest_pipe).
///
/// The pipe ends, after its last message, when the last clone is stopped or dropped.
///
/// # Examples
///
/// ```
/// # use foreground::MessageRouter;
/// # let router: MessageRouter<Vec<u32>> = MessageRouter::new(|| {});
/// # router.start().unwrap();
/// let (sender, receiver) = router.pipe::<u32>().unwrap();
/// receiver.on_message(|squares: &mut Vec<u32>, square| squares.push(square));
///
/// let sender = sender.start();
/// std::thread::scope(|scope| {
///     for i in 0..3 {
///         let sender = sender.clone();
///         scope.spawn(move || sender.send(i * i));
///     }
/// });
///
/// let mut squares = Vec::new();
/// router.dispatch(&mut squares);
/// squares.sort();
/// assert_eq!(squares, [0, 1, 4]);
/// ```
#[must_use = "dropping the last sender ends its pipe"]
pub struct StartedSender<T: Send + 'static> {
    handle: Handle<T>,
}

impl<T: Send + 'static> StartedSender<T> {
    /// Sends a message. On a full [bounded pipe](crate::MessageRouter::bounded_pipe) this waits for
    /// room; otherwise it never blocks.
    ///
    /// # Errors
    /// Gives the message back when nobody will receive it ([`SendError::Closed`]), also if that becomes
    /// so while waiting; and when it would have to wait for room on the router's own thread, which alone
    /// can make room ([`SendError::WouldDeadlock`]).
    ///
    /// # Examples
    ///
    /// A worker that ends when nobody listens any more:
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u64>().unwrap();
    /// let worker = std::thread::spawn(move || {
    ///     let sender = sender.start();
    ///     for i in 0.. {
    ///         if sender.send(i).is_err() {
    ///             return;
    ///         }
    ///     }
    /// });
    /// router.close_pipe(receiver).unwrap();
    /// worker.join().unwrap();
    /// ```
    #[inline]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.handle.conduit.send(message, Wait::Forever).map_err(|refused| match refused {
            Refused::Full(message) => SendError::WouldDeadlock(message),
            Refused::Closed(message) => SendError::Closed(message),
        })
    }

    /// Sends a message if that is possible at once.
    ///
    /// # Errors
    /// Gives the message back when the bounded pipe is full, or when nobody will receive it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, TrySendError};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.bounded_pipe::<u32>(1).unwrap();
    /// let sender = sender.start();
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    ///
    /// router.dispatch(&mut ());
    /// assert_eq!(receiver.try_recv(), Some(1));
    /// assert_eq!(sender.try_send(2), Ok(()));
    /// ```
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.handle.conduit.send(message, Wait::Never).map_err(|refused| match refused {
            Refused::Full(message) => TrySendError::Full(message),
            Refused::Closed(message) => TrySendError::Closed(message),
        })
    }

    /// Sends a message, waiting up to `timeout` for room on a full bounded pipe. Any timeout is
    /// allowed; one beyond what the clock can name is for ever.
    ///
    /// # Errors
    /// Gives the message back when there was no room in time, or when nobody will receive it. On the
    /// router's own thread a full pipe is a [`SendTimeoutError::Timeout`] at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, SendTimeoutError};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.bounded_pipe::<u32>(1).unwrap();
    /// let worker = std::thread::spawn(move || {
    ///     let sender = sender.start();
    ///     sender.send_timeout(1, Duration::MAX).unwrap();
    ///     assert_eq!(
    ///         sender.send_timeout(2, Duration::from_millis(1)),
    ///         Err(SendTimeoutError::Timeout(2)),
    ///     );
    /// });
    /// worker.join().unwrap();
    /// ```
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.handle.conduit.send(message, Wait::at_most(timeout)).map_err(|refused| match refused {
            Refused::Full(message) => SendTimeoutError::Timeout(message),
            Refused::Closed(message) => SendTimeoutError::Closed(message),
        })
    }

    /// Returns whether nobody will receive what is sent: the pipe is closed, or the router was stopped
    /// or dropped. Once true, it stays true. A cheap look for workers that send seldom.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// let sender = sender.start();
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.handle.conduit.is_closed()
    }

    /// Sends several messages at once to a pipe that holds any number, with one wake at most. What cannot be sent, as the pipe is closed,
    /// is left.
    #[cfg(any(feature = "nats", feature = "zmq"))]
    pub(crate) fn send_all(&self, messages: &mut VecDeque<T>) {
        self.handle.conduit.send_all(messages);
    }

    /// Says that this sender is done. When it is the last one, the pipe ends: the receiver's
    /// [`on_end`](crate::MessageReceiver::on_end) is called after the last message. Dropping the sender
    /// does the same.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, PipeEnd};
    /// # let router: MessageRouter<Option<PipeEnd>> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// receiver.on_end(|seen, end| *seen = Some(end));
    /// sender.start().stop();
    ///
    /// let mut seen = None;
    /// router.dispatch(&mut seen);
    /// assert_eq!(seen, Some(PipeEnd::Stopped));
    /// ```
    pub fn stop(self) {
        drop(self);
    }

    /// Sends a message if that is possible at once, wakes nobody and runs no code of the user's: the [`Bell`](super::Bell) is to be rung
    /// after it. Returns the value that it replaced, for it to be dropped.
    #[cfg(feature = "process")]
    pub(crate) fn send_silently(&self, message: T) -> Result<Option<T>, TrySendError<T>> {
        self.handle.conduit.send_silently(message).map_err(|refused| match refused {
            Refused::Full(message) => TrySendError::Full(message),
            Refused::Closed(message) => TrySendError::Closed(message),
        })
    }

    /// Ends the pipe as its [`Remote`](super::Remote) says, if this is the last sender.
    #[cfg(feature = "process")]
    pub(crate) fn stop_elsewhere(mut self) {
        self.handle.end = End::Elsewhere;
    }
}

impl<T: Send + 'static> Clone for StartedSender<T> {
    fn clone(&self) -> Self {
        self.handle.conduit.add_sender();
        let Handle { conduit, end } = &self.handle;
        Self { handle: Handle { conduit: Arc::clone(conduit), end: *end } }
    }
}

// A sender that was used in a call that panicked is as good as before: user code runs neither under its locks
// nor between its changes.
impl<T: Send + 'static> UnwindSafe for MessageSender<T> {}
impl<T: Send + 'static> RefUnwindSafe for MessageSender<T> {}
impl<T: Send + 'static> UnwindSafe for StartedSender<T> {}
impl<T: Send + 'static> RefUnwindSafe for StartedSender<T> {}

impl<T: Send + 'static> fmt::Debug for StartedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartedSender").field("is_closed", &self.is_closed()).finish()
    }
}
