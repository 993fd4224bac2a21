//! The router: it owns the pipes' foreground halves and delivers to them.
//!
//! This file is what the user holds: handles to a [`Core`], whose life and pipes are in `core`. It delivers in
//! `dispatch`, from the event loop, and in `manual`, by hand.

mod core;
mod dispatch;
mod manual;
mod stats;
mod table;

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use self::core::Core;
pub use self::dispatch::Dispatched;
pub(crate) use self::dispatch::Settled;
pub use self::stats::RouterStats;
use crate::budget::Budget;
use crate::clock::{Clock, VirtualClock};
use crate::error::{ClosePipeError, PipeError, StartError, StopError};
#[cfg(feature = "process")]
use crate::pipe::Remote;
use crate::pipe::{Host, MessageReceiver, MessageSender, Special};
use crate::waker::{SwitchedWaker, Waker};

/// The two halves of a new pipe.
type Pipe<T, S> = (MessageSender<T>, MessageReceiver<T, S>);

/// Delivers messages from the background to callbacks on the thread that owns it.
///
/// `S` is the application's state, which every callback gets as `&mut S`. A router is a cheap handle:
/// clones share one router, and a GUI struct may own one. It never leaves the thread that made it:
///
/// ```compile_fail
/// let router: foreground::MessageRouter = foreground::MessageRouter::new(|| {});
/// std::thread::spawn(move || drop(router));
/// ```
///
/// # Life
/// A router is made stopped. [`start`](Self::start) it, open pipes, hand their senders to workers, and
/// have the event loop call [`dispatch`](Self::dispatch) when it is woken and [`settle`](Self::settle)
/// before it sleeps; the adapters in [`event_loop`](crate::event_loop) do both. To finish, see
/// [`route_until`](Self::route_until) and the [guide on shutdown](crate::guide::shutdown).
/// [`stop`](Self::stop), or dropping the last handle, closes all pipes.
///
/// # Order
/// All pipes of a router share one queue. Messages arrive in the order in which they were sent: for each
/// sender, and across senders and pipes wherever one send happened before the other, be it on the same
/// thread or by way of any synchronisation between threads. A pipe's end comes after all its messages.
///
/// # Examples
///
/// ```
/// use foreground::MessageRouter;
///
/// struct App { router: MessageRouter<App>, done: u32 }
///
/// let router = MessageRouter::new(|| { /* wake the event loop */ });
/// router.start()?;
/// let (sender, receiver) = router.pipe()?;
/// receiver.on_message(|app: &mut App, files: u32| app.done += files);
/// let worker = std::thread::spawn(move || {
///     let sender = sender.start();
///     for _ in 0..10 {
///         sender.send(1).unwrap();
///     }
/// });
///
/// let mut app = App { router, done: 0 };
/// # worker.join().unwrap();
/// // The event loop does this when it was woken:
/// app.router.clone().dispatch(&mut app);
/// // and this before it sleeps:
/// app.router.settle();
/// assert_eq!(app.done, 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MessageRouter<S: 'static = ()> {
    core: Rc<Core<S>>,
}

/// Sets up a [`MessageRouter`]; made by [`MessageRouter::builder`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct MessageRouterBuilder<S: 'static = ()> {
    budget: Budget,
    name: Option<Box<str>>,
    watchdog: Option<Duration>,
    clock: Clock,
    /// Stands before the waker.
    switch: Option<Arc<SwitchedWaker>>,
    state: PhantomData<fn(&mut S)>,
}

impl<S: 'static> fmt::Debug for MessageRouterBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRouterBuilder")
            .field("name", &self.name)
            .field("budget", &self.budget)
            .field("watchdog", &self.watchdog)
            .field("clock", &self.clock)
            .finish()
    }
}

impl<S: 'static> MessageRouterBuilder<S> {
    /// Names the router in log messages.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Sets how much one dispatch may do; the default is 4 ms or 1024 messages.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Has a warning logged for each callback that holds the foreground for longer than `limit`, with the
    /// pipe: the type of its messages, and where it was opened. An on-end callback counts too, and so does the
    /// destructor of a message that routing discards; what a stop or a close drops is not timed.
    ///
    /// The warning comes when the callback has returned. To time each of them by itself, the clock is read
    /// after every message and not just now and then, which costs some 25 ns a message.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::MessageRouter;
    ///
    /// // A frame at 60 Hz.
    /// let limit = Duration::from_millis(16);
    /// let router: MessageRouter = MessageRouter::builder().watchdog(limit).build(|| {});
    /// # drop(router);
    /// ```
    pub fn watchdog(mut self, limit: Duration) -> Self {
        self.watchdog = Some(limit);
        self
    }

    /// Has the router read `clock` instead of the system's clock, for tests: its budget, its statistics and the
    /// deadline of [`route_until`](MessageRouter::route_until) go by it. Senders that wait keep to real time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::{MessageRouter, testing::VirtualClock};
    ///
    /// let clock = VirtualClock::new();
    /// let router: MessageRouter<u32> = MessageRouter::builder().clock(clock.clone()).build(|| {});
    /// router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// receiver.on_message(|sum, n| *sum += n);
    /// sender.start().send(1).unwrap();
    ///
    /// clock.advance(Duration::from_secs(60));
    /// router.dispatch(&mut 0);
    /// assert_eq!(router.stats().longest_wait, Duration::from_secs(60));
    /// ```
    pub fn clock(mut self, clock: VirtualClock) -> Self {
        self.clock = Clock::Virtual(clock);
        self
    }

    pub(crate) fn virtual_clock(&self) -> Option<&VirtualClock> {
        self.clock.as_virtual()
    }

    pub(crate) fn switch(mut self, switch: Arc<SwitchedWaker>) -> Self {
        self.switch = Some(switch);
        self
    }

    /// Makes the router. The calling thread is its foreground.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::MessageRouter;
    ///
    /// let router: MessageRouter = MessageRouter::builder().name("downloads").build(|| {});
    /// assert_eq!(router.name(), Some("downloads"));
    /// ```
    pub fn build(self, waker: impl Waker) -> MessageRouter<S> {
        let mut waker: Box<dyn Waker> = Box::new(waker);
        if let Some(switch) = &self.switch {
            waker = Arc::clone(switch).connect(waker);
        }
        MessageRouter { core: Core::new(waker, self) }
    }
}

impl<S: 'static> MessageRouter<S> {
    /// Makes a router whose foreground is the calling thread, and whose event loop is woken by `waker`.
    pub fn new(waker: impl Waker) -> Self {
        Self::builder().build(waker)
    }

    /// Starts to set up a router with another [`Budget`], a name or a watchdog.
    pub fn builder() -> MessageRouterBuilder<S> {
        MessageRouterBuilder {
            budget: Budget::default(),
            name: None,
            watchdog: None,
            clock: Clock::System,
            switch: None,
            state: PhantomData,
        }
    }

    /// Returns the name given to the builder.
    pub fn name(&self) -> Option<&str> {
        self.core.name()
    }

    /// Starts the router: pipes can be opened, and messages arrive by way of the event loop.
    ///
    /// # Errors
    /// [`StartError::AlreadyRunning`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, StartError};
    ///
    /// let router: MessageRouter = MessageRouter::new(|| {});
    /// assert_eq!(router.start(), Ok(()));
    /// assert_eq!(router.start(), Err(StartError::AlreadyRunning));
    /// ```
    pub fn start(&self) -> Result<(), StartError> {
        if self.core.is_running() {
            return Err(StartError::AlreadyRunning);
        }
        self.core.start_up();
        Ok(())
    }

    /// Stops the router: closes all pipes, and discards what they still hold.
    ///
    /// The workers' `send` fails from then on, also for those that wait for room. Callbacks are dropped
    /// uncalled. A warning is logged if pipes were still open, and one if messages were discarded since
    /// the start, with their number. May be called from a callback; the router may be started again.
    ///
    /// # Errors
    /// [`StopError::NotRunning`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, SendError, StopError};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<&str>().unwrap();
    /// let sender = sender.start();
    /// assert_eq!(router.stop(), Ok(()));
    /// assert_eq!(sender.send("too late"), Err(SendError::Closed("too late")));
    /// assert_eq!(router.stop(), Err(StopError::NotRunning));
    /// ```
    pub fn stop(&self) -> Result<(), StopError> {
        if !self.core.is_running() {
            return Err(StopError::NotRunning);
        }
        self.core.shut_down(log::Level::Warn);
        Ok(())
    }

    /// Opens a pipe that holds any number of messages: `send` never waits.
    ///
    /// For what a worker says at its own pace, such as results and progress by step. If it may say more
    /// than the foreground can handle, a [bounded](Self::bounded_pipe) or a [latest-value](Self::latest_pipe)
    /// pipe keeps memory flat; see [choosing a pipe](crate::guide::choosing_a_pipe).
    ///
    /// # Errors
    /// [`PipeError::NotRunning`], [`PipeError::TooManyPipes`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<String>().unwrap();
    /// ```
    #[track_caller]
    pub fn pipe<T: Send + 'static>(&self) -> Result<Pipe<T, S>, PipeError> {
        self.core.open(|| None, Location::caller())
    }

    /// Opens a pipe that holds at most `capacity` messages: `send` waits while it is full, so a worker
    /// goes no faster than the foreground follows. No memory is set aside for the capacity.
    ///
    /// # Errors
    /// [`PipeError::ZeroCapacity`], [`PipeError::NotRunning`], [`PipeError::TooManyPipes`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, PipeError};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.bounded_pipe::<String>(100).unwrap();
    /// assert_eq!(router.bounded_pipe::<String>(0).unwrap_err(), PipeError::ZeroCapacity);
    /// ```
    #[track_caller]
    pub fn bounded_pipe<T: Send + 'static>(&self, capacity: usize) -> Result<Pipe<T, S>, PipeError> {
        if capacity == 0 {
            return Err(PipeError::ZeroCapacity);
        }
        self.core.open(|| Some(Special::bounded(capacity)), Location::caller())
    }

    /// Opens a pipe of which only the newest undelivered value is kept: `send` never waits, and memory
    /// never grows. For what is outdated by the next of its kind: a position, a preview, a percentage.
    ///
    /// The last value sent always arrives, before the pipe's end, and in its own place: after everything
    /// that was sent before it on any pipe. Values that a newer one replaced count as discarded.
    ///
    /// # Errors
    /// [`PipeError::NotRunning`], [`PipeError::TooManyPipes`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter<Vec<u32>> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.latest_pipe::<u32>().unwrap();
    /// receiver.on_message(|seen: &mut Vec<u32>, percent| seen.push(percent));
    /// let sender = sender.start();
    /// (0..=100).for_each(|percent| sender.send(percent).unwrap());
    ///
    /// let mut seen = Vec::new();
    /// router.dispatch(&mut seen);
    /// assert_eq!(seen, [100]);
    /// ```
    #[track_caller]
    pub fn latest_pipe<T: Send + 'static>(&self) -> Result<Pipe<T, S>, PipeError> {
        self.core.open(|| Some(Special::latest()), Location::caller())
    }

    /// Opens a pipe whose sender is in another process.
    #[cfg(feature = "process")]
    pub(crate) fn open_remote<T: Send + 'static>(
        &self,
        special: Special<T>,
        remote: Arc<dyn Remote>,
        opened_at: &'static Location<'static>,
    ) -> Result<Pipe<T, S>, PipeError> {
        self.core.open(|| Some(special.with_remote(remote)), opened_at)
    }

    /// Closes a pipe: what it had not delivered is discarded, and the workers' `send` fails from then on.
    /// Dropping the receiver does the same.
    ///
    /// Messages that are in the queue stay there until their turn comes, so closing costs no more for a
    /// million of them. A pipe that has ended can be closed too.
    ///
    /// # Errors
    /// [`ClosePipeError::NotRunning`] when the router was stopped, which closed the pipe.
    /// [`ClosePipeError::ForeignReceiver`] when another router opened the pipe; it is closed there.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// let sender = sender.start();
    /// router.close_pipe(receiver)?;
    /// assert!(sender.send(1).is_err());
    /// # Ok::<(), foreground::ClosePipeError>(())
    /// ```
    pub fn close_pipe<T: Send + 'static>(
        &self,
        receiver: MessageReceiver<T, S>,
    ) -> Result<(), ClosePipeError> {
        let host: Rc<dyn Host> = self.core.clone();
        if !receiver.is_of(&host) {
            return Err(ClosePipeError::ForeignReceiver);
        }
        if !self.core.is_running() {
            return Err(ClosePipeError::NotRunning);
        }
        drop(receiver);
        Ok(())
    }

    pub(crate) fn virtual_clock(&self) -> Option<&VirtualClock> {
        self.core.clock.as_virtual()
    }

    /// Wakes the event loop once more, for messages whose wake led to nothing.
    pub(crate) fn wake(&self) {
        // A waker that panics was logged.
        let _ = self.core.notifier.wake();
    }

    /// Whether the next dispatch has something to do.
    #[cfg(feature = "headless")]
    pub(crate) fn has_more(&self) -> bool {
        !self.core.is_drained()
    }

    /// Returns what the router has done so far. Takes a lock for a moment, and may wait for a
    /// sender that is in the middle of a few instructions; cheap enough for every frame.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// let sender = sender.start();
    /// (0..5).for_each(|i| sender.send(i).unwrap());
    /// let stats = router.stats();
    /// assert_eq!((stats.sent, stats.queued, stats.wakes), (5, 5, 1));
    /// ```
    pub fn stats(&self) -> RouterStats {
        self.core.stats()
    }
}

/// A handle that does not keep its router.
#[cfg(any(feature = "calloop-014", feature = "tasks"))]
pub(crate) struct WeakRouter<S: 'static>(std::rc::Weak<Core<S>>);

#[cfg(any(feature = "calloop-014", feature = "tasks"))]
impl<S: 'static> WeakRouter<S> {
    pub(crate) fn upgrade(&self) -> Option<MessageRouter<S>> {
        self.0.upgrade().map(|core| MessageRouter { core })
    }
}

#[cfg(any(feature = "calloop-014", feature = "tasks"))]
impl<S: 'static> MessageRouter<S> {
    pub(crate) fn downgrade(&self) -> WeakRouter<S> {
        WeakRouter(Rc::downgrade(&self.core))
    }
}

impl<S: 'static> Clone for MessageRouter<S> {
    fn clone(&self) -> Self {
        Self { core: Rc::clone(&self.core) }
    }
}

impl<S: 'static> fmt::Debug for MessageRouter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRouter")
            .field("name", &self.name())
            .field("mode", &self.core.mode.get())
            .field("stats", &self.stats())
            .finish()
    }
}
