//! The router: it owns the pipes' foreground halves and delivers to them.
//!
//! [`Core`] is the state behind the handles; what it does is spread over this file (its life and its
//! pipes), `dispatch` (delivering from the event loop) and `manual` (delivering by hand).

mod dispatch;
mod manual;
mod stats;
mod table;

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::marker::PhantomData;
use std::rc::{Rc, Weak};
use std::sync::Arc;

pub use self::dispatch::Dispatched;
use self::stats::Ages;
pub use self::stats::RouterStats;
use self::table::Table;
use crate::budget::Budget;
use crate::error::{ClosePipeError, PipeError, StartError, StopError};
use crate::hub::Hub;
use crate::pipe::{
    Bound, Conduit, Host, Kind, Latest, MessageReceiver, MessageSender, PipeId, TypedEndpoint,
};
use crate::queue::{Backlog, LaneId};
use crate::waker::Waker;

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
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct MessageRouterBuilder<S: 'static = ()> {
    budget: Budget,
    name: Option<Box<str>>,
    state: PhantomData<fn(&mut S)>,
}

/// How messages reach the foreground just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Stopped,
    /// From the event loop, by `dispatch`.
    EventLoop,
    /// Through `route_until` only.
    Manual,
}

struct Core<S: 'static> {
    hub: Arc<Hub>,
    budget: Budget,
    mode: Cell<Mode>,
    /// Changes whenever `mode` does, so that routing that is on the stack notices.
    course: Cell<u32>,
    table: RefCell<Table<S>>,
    /// Pipes of the table that have not ended.
    open_pipes: Cell<usize>,
    lanes: RefCell<HashMap<TypeId, LaneId>>,
    backlog: RefCell<Backlog>,
    /// Pipes to look at although the queue holds nothing for them.
    scheduled: RefCell<VecDeque<PipeId>>,
    delivered: Cell<u64>,
    /// Without the values that were replaced.
    discarded: Cell<u64>,
    /// Latest values that were replaced while they waited to be taken; the queue counts the others.
    replaced: Cell<u64>,
    /// What `discarded` and all of `replaced` were at the last start.
    lost_before: Cell<(u64, u64)>,
    /// How often the backlog was refilled.
    refills: Cell<u64>,
    /// Pipes whose discards were warned of and of which more may be queued.
    warned: RefCell<HashSet<PipeId>>,
    ages: Ages,
    this: Weak<Core<S>>,
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
        let hub = Arc::new(Hub::new(Box::new(waker), self.name));
        let core = Rc::new_cyclic(|this| Core {
            hub,
            budget: self.budget,
            mode: Cell::new(Mode::Stopped),
            course: Cell::new(0),
            table: RefCell::new(Table::new()),
            open_pipes: Cell::new(0),
            lanes: RefCell::default(),
            backlog: RefCell::default(),
            scheduled: RefCell::default(),
            delivered: Cell::new(0),
            discarded: Cell::new(0),
            replaced: Cell::new(0),
            lost_before: Cell::new((0, 0)),
            refills: Cell::new(0),
            warned: RefCell::default(),
            ages: Ages::default(),
            this: Weak::clone(this),
        });
        MessageRouter { core }
    }
}

impl<S: 'static> MessageRouter<S> {
    /// Makes a router whose foreground is the calling thread, and whose event loop is woken by `waker`.
    pub fn new(waker: impl Waker) -> Self {
        Self::builder().build(waker)
    }

    /// Starts to set up a router with another [`Budget`] or a name.
    pub fn builder() -> MessageRouterBuilder<S> {
        MessageRouterBuilder { budget: Budget::default(), name: None, state: PhantomData }
    }

    /// Returns the name given to the builder.
    pub fn name(&self) -> Option<&str> {
        self.core.hub.name()
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
        let core = &*self.core;
        if core.is_running() {
            return Err(StartError::AlreadyRunning);
        }
        let replaced = core.replaced.get() + core.hub.queue.counts().replaced;
        core.lost_before.set((core.discarded.get(), replaced));
        core.hub.notifier.set_manual(false);
        core.hub.notifier.clear();
        core.set_mode(Mode::EventLoop);
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
        self.core.shut_down();
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
    pub fn pipe<T: Send + 'static>(&self) -> Result<Pipe<T, S>, PipeError> {
        self.core.open(|| Kind::Unbounded)
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
    pub fn bounded_pipe<T: Send + 'static>(&self, capacity: usize) -> Result<Pipe<T, S>, PipeError> {
        if capacity == 0 {
            return Err(PipeError::ZeroCapacity);
        }
        self.core.open(|| Kind::Bounded(Box::new(Bound::new(capacity))))
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
    pub fn latest_pipe<T: Send + 'static>(&self) -> Result<Pipe<T, S>, PipeError> {
        self.core.open(|| Kind::Latest(Box::new(Latest::new())))
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

    /// Returns what the router has done so far. Takes the queue's lock for a moment; cheap enough for
    /// every frame.
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
        let core = &*self.core;
        let counts = core.hub.queue.counts();
        let delivered = core.delivered.get();
        let replaced = core.replaced.get() + counts.replaced;
        let discarded = core.discarded.get() + replaced;
        RouterStats {
            sent: counts.sent,
            delivered,
            discarded,
            replaced,
            queued: counts.sent.saturating_sub(delivered + discarded),
            wakes: core.hub.notifier.wakes(),
            open_pipes: core.open_pipes.get(),
            longest_wait: core.ages.longest(),
        }
    }
}

/// The two halves of a new pipe.
type Pipe<T, S> = (MessageSender<T>, MessageReceiver<T, S>);

impl<S: 'static> Core<S> {
    fn is_running(&self) -> bool {
        self.mode.get() != Mode::Stopped
    }

    fn set_mode(&self, mode: Mode) {
        self.mode.set(mode);
        self.course.set(self.course.get().wrapping_add(1));
    }

    fn open<T: Send + 'static>(&self, kind: impl FnOnce() -> Kind<T>) -> Result<Pipe<T, S>, PipeError> {
        if !self.is_running() {
            return Err(PipeError::NotRunning);
        }
        let lane = self.lane_of::<T>();
        let epoch = self.hub.queue.epoch();
        let mut conduit = None;
        let endpoint = self.table.borrow_mut().insert(|id| {
            let hub = Arc::clone(&self.hub);
            let shared = Arc::new(Conduit::new(hub, id, lane, epoch, kind()));
            conduit = Some(Arc::clone(&shared));
            Rc::new(TypedEndpoint::<T, S>::new(shared))
        })?;
        self.open_pipes.set(self.open_pipes.get() + 1);
        let sender = MessageSender::new(endpoint.conduit());
        let host: Weak<dyn Host> = self.this.clone();
        Ok((sender, MessageReceiver::new(endpoint, host)))
    }

    /// Returns the lane of a type, which it gets with its first pipe and keeps.
    fn lane_of<T: 'static>(&self) -> LaneId {
        let mut lanes = self.lanes.borrow_mut();
        let next = LaneId(lanes.len() as u32);
        *lanes.entry(TypeId::of::<T>()).or_insert(next)
    }

    /// Closes all pipes and discards everything. What is the user's is dropped last, when the router is
    /// stopped already and no borrow is held.
    fn shut_down(&self) {
        self.set_mode(Mode::Stopped);
        let queued = self.hub.queue.end_epoch();
        let endpoints = self.table.borrow_mut().take_all();
        let unclosed = self.open_pipes.replace(0);
        let remains: Vec<_> = endpoints.iter().map(|endpoint| endpoint.close().1).collect();
        let fetched = self.backlog.borrow_mut().clear();
        self.scheduled.take();
        self.warned.take();
        self.ages.idle();
        self.hub.notifier.clear();

        // Nothing is queued any more, so whatever was not delivered is discarded.
        let counts = self.hub.queue.counts();
        let replaced = self.replaced.get() + counts.replaced;
        self.discarded.set(counts.sent - self.delivered.get() - replaced);
        let (discarded_before, replaced_before) = self.lost_before.get();
        let (discarded, replaced) = (self.discarded.get() - discarded_before, replaced - replaced_before);
        let label = self.hub.label();
        if unclosed > 0 {
            log::warn!("{label} stopped with {unclosed} unclosed pipes; their senders are turned away");
        }
        if discarded > 0 {
            log::warn!("{label} stopped; it discarded {discarded} messages, and replaced {replaced} values");
        } else if replaced > 0 {
            log::debug!("{label} stopped; it replaced {replaced} values of latest-value pipes");
        }
        drop((remains, queued, fetched, endpoints));
    }

    /// Whether a fetched batch is being worked off.
    fn has_batch(&self) -> bool {
        self.backlog.borrow().front().is_some()
    }

    /// Whether nothing is left for a dispatch to do.
    fn is_drained(&self) -> bool {
        self.scheduled.borrow().is_empty() && !self.has_batch() && self.hub.queue.is_empty()
    }
}

impl<S: 'static> Host for Core<S> {
    fn schedule(&self, pipe: PipeId) {
        self.scheduled.borrow_mut().push_back(pipe);
        self.hub.notifier.notify();
    }

    fn close(&self, pipe: PipeId) {
        let removed = self.table.borrow_mut().remove(pipe);
        let Some(endpoint) = removed else {
            return;
        };
        if !endpoint.has_ended() {
            self.open_pipes.set(self.open_pipes.get() - 1);
        }
        let (lost, remains) = endpoint.close();
        if lost > 0 {
            self.count_discarded(pipe, lost);
        }
        drop(remains);
    }

    fn forget(&self, pipe: PipeId) {
        let removed = self.table.borrow_mut().remove(pipe);
        drop(removed);
    }

    fn count_delivered(&self) {
        self.delivered.set(self.delivered.get() + 1);
    }

    fn count_replaced(&self) {
        self.replaced.set(self.replaced.get() + 1);
    }

    fn count_discarded(&self, pipe: PipeId, messages: usize) {
        self.discarded.set(self.discarded.get() + messages as u64);
        let is_first = self.warned.borrow_mut().insert(pipe);
        let level = if is_first { log::Level::Warn } else { log::Level::Debug };
        // No borrow is held: a logger may well send on a pipe of this router.
        log::log!(
            level,
            "discarding message from closed pipe {}.{} of {} ({messages} at once)",
            pipe.slot,
            pipe.generation,
            self.hub.label(),
        );
    }
}

impl<S: 'static> Drop for Core<S> {
    fn drop(&mut self) {
        if self.is_running() {
            self.shut_down();
        }
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
