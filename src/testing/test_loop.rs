//! An event loop without a window.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::timers::TimerQueue;
use super::{CountingWaker, RunError, RunErrorReason, Timer, Timers, VirtualClock};
use crate::router::{Dispatched, MessageRouter, MessageRouterBuilder, Settled};

/// An event loop without a window, for tests: it turns on the calling thread, sleeps until it is woken, and has
/// timers in virtual time.
///
/// It drives one router as a GUI's loop does. A [turn](Self::turn) dispatches if the loop was woken, runs the
/// timers that are due, and settles.
///
/// # Time
/// Two kinds of time pass. The loop's [`clock`](Self::clock) is virtual and moves only by
/// [`advance`](Self::advance) or by [`VirtualClock::advance`]: timers go by it, and so does the budget of a router
/// that the loop has made, which therefore never ends a dispatch by chance. The loop's
/// [patience](Self::with_patience) is real time: it ends a test that would hang.
///
/// # Callbacks
/// may use the loop itself (behind an `Rc`), turn it included, as a modal dialog would. When a callback or a timer
/// panics, the panic goes on to the caller of the turn; the loop is settled, and its next turn goes on.
///
/// # Examples
///
/// A worker thread that really sends:
///
/// ```
/// use foreground::{PipeEnd, testing::TestLoop};
///
/// #[derive(Default)]
/// struct App { lines: Vec<String>, end: Option<PipeEnd> }
///
/// let test_loop = TestLoop::<App>::new();
/// let (sender, receiver) = test_loop.router().pipe::<String>()?;
/// receiver.on_message(|app: &mut App, line| app.lines.push(line));
/// receiver.on_end(|app, end| app.end = Some(end));
/// let worker = std::thread::spawn(move || {
///     let sender = sender.start();
///     for line in ["one", "two"] {
///         sender.send(line.to_owned()).unwrap();
///     }
/// });
///
/// let mut app = App::default();
/// test_loop.run_until(&mut app, |app| app.end.is_some())?;
/// assert_eq!((app.lines.len(), app.end), (2, Some(PipeEnd::Stopped)));
/// # worker.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A callback that is slow, and a budget that keeps the window alive:
///
/// ```
/// use std::time::Duration;
/// use foreground::testing::TestLoop;
///
/// let test_loop = TestLoop::<u32>::new();
/// let (sender, receiver) = test_loop.router().pipe::<u32>()?;
/// let clock = test_loop.clock().clone();
/// receiver.on_message(move |drawn: &mut u32, _| {
///     clock.advance(Duration::from_millis(3)); // as if drawing took so long
///     *drawn += 1;
/// });
/// let sender = sender.start();
/// (0..5).for_each(|n| sender.send(n).unwrap());
///
/// let mut drawn = 0;
/// let turn = test_loop.turn(&mut drawn);
/// assert_eq!((drawn, turn.dispatched.has_more), (2, true)); // the budget is 4 ms
/// assert_eq!(test_loop.run_until_idle(&mut drawn)?.turns, 2);
/// assert_eq!(drawn, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TestLoop<S: 'static = ()> {
    router: MessageRouter<S>,
    waker: CountingWaker,
    /// How many wakes the loop has noticed.
    noticed: Cell<u64>,
    clock: VirtualClock,
    timers: Rc<TimerQueue<S>>,
    patience: Duration,
}

/// What one [turn](TestLoop::turn) of the loop did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// Whether the loop had been woken. If not, it did not dispatch.
    pub woken: bool,
    /// What the dispatch did.
    pub dispatched: Dispatched,
    /// How many timers ran.
    pub timers: usize,
}

/// What several turns of the loop did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ran {
    /// How often the loop turned.
    pub turns: usize,
    /// Messages that callbacks received.
    pub delivered: usize,
    /// How many timers ran.
    pub timers: usize,
}

impl Ran {
    fn add(&mut self, turn: Turn) {
        self.turns += 1;
        self.delivered += turn.dispatched.delivered;
        self.timers += turn.timers;
    }
}

impl<S: 'static> TestLoop<S> {
    /// How long a loop is patient if nothing else is said.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// Makes a loop and a started router, which goes by the loop's clock.
    pub fn new() -> Self {
        Self::from_builder(MessageRouter::builder())
    }

    /// Makes a loop and a started router with the budget and the name of `builder`. The two go by the builder's
    /// clock, if it was given one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::{Budget, MessageRouter, testing::TestLoop};
    ///
    /// let budget = Budget::new(Duration::from_millis(4), 10);
    /// let test_loop = TestLoop::from_builder(MessageRouter::<u32>::builder().budget(budget));
    /// let (sender, receiver) = test_loop.router().pipe::<u32>()?;
    /// receiver.on_message(|sum, n| *sum += n);
    /// let sender = sender.start();
    /// (0..25).for_each(|_| sender.send(1).unwrap());
    ///
    /// let mut sum = 0;
    /// test_loop.turn(&mut sum);
    /// assert_eq!(sum, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_builder(builder: MessageRouterBuilder<S>) -> Self {
        let clock = builder.virtual_clock().cloned().unwrap_or_default();
        let waker = CountingWaker::new();
        let router = builder.clock(clock).build(waker.clone());
        // A router that was just made is not running, so this succeeds.
        let _ = router.start();
        Self::driving(&router, waker)
    }

    /// Makes a loop for a router that is woken by `waker`; for programs that make their router themselves. The
    /// router is not started, if it was not.
    ///
    /// The loop goes by the router's [virtual clock](MessageRouterBuilder::clock), if it has one. If not, only the
    /// loop's timers are in virtual time, and the router keeps to the system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageReceiver, MessageRouter, StartedSender, Waker};
    /// use foreground::testing::{CountingWaker, TestLoop};
    ///
    /// struct App { router: MessageRouter<App>, log: MessageReceiver<String, App>, lines: usize }
    ///
    /// impl App {
    ///     fn new(waker: impl Waker) -> Result<(Self, StartedSender<String>), Box<dyn std::error::Error>> {
    ///         let router = MessageRouter::new(waker);
    ///         router.start()?;
    ///         let (sender, log) = router.pipe()?;
    ///         log.on_message(|app: &mut App, _| app.lines += 1);
    ///         Ok((App { router, log, lines: 0 }, sender.start()))
    ///     }
    /// }
    ///
    /// let waker = CountingWaker::new();
    /// let (mut app, log) = App::new(waker.clone())?;
    /// let test_loop = TestLoop::driving(&app.router, waker);
    ///
    /// log.send("started".into())?;
    /// test_loop.run_until_idle(&mut app)?;
    /// assert_eq!(app.lines, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn driving(router: &MessageRouter<S>, waker: CountingWaker) -> Self {
        let clock = router.virtual_clock().cloned().unwrap_or_default();
        Self {
            router: router.clone(),
            waker,
            noticed: Cell::new(0),
            timers: Rc::new(TimerQueue::new(clock.clone())),
            clock,
            patience: Self::PATIENCE,
        }
    }

    /// Sets how long, in real time, one call of [`run_until`](Self::run_until),
    /// [`run_until_idle`](Self::run_until_idle) or [`advance`](Self::advance) may take before it is given up. The
    /// default is [`PATIENCE`](Self::PATIENCE), 10 s.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::testing::{RunErrorReason, TestLoop};
    ///
    /// let test_loop = TestLoop::<u32>::new().with_patience(Duration::from_millis(1));
    /// let (sender, receiver) = test_loop.router().pipe::<u32>()?;
    /// let error = test_loop.run_until(&mut 0, |n| *n == 1).unwrap_err();
    /// assert_eq!(error.reason, RunErrorReason::NotWoken);
    /// # Ok::<(), foreground::PipeError>(())
    /// ```
    #[must_use = "this is the loop with its new patience"]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Returns the router, to open pipes and to look at its statistics.
    pub fn router(&self) -> &MessageRouter<S> {
        &self.router
    }

    /// Returns the loop's waker. Whoever has it may wake the loop, from any thread.
    pub fn waker(&self) -> &CountingWaker {
        &self.waker
    }

    /// Returns the loop's clock.
    pub fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    /// Returns a handle that sets and cancels timers, to be kept by callbacks.
    pub fn timers(&self) -> Timers<S> {
        Timers::new(&self.timers)
    }

    /// Sets a timer, as [`Timers::after`] does.
    pub fn after(&self, time: Duration, on_time: impl FnOnce(&mut S) + 'static) -> Timer {
        self.timers().after(time, on_time)
    }

    /// Sets a timer, as [`Timers::at`] does.
    pub fn at(&self, time: Instant, on_time: impl FnOnce(&mut S) + 'static) -> Timer {
        self.timers().at(time, on_time)
    }

    /// Returns how often the loop was woken since its waker was made.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::testing::TestLoop;
    ///
    /// let test_loop = TestLoop::<u32>::new();
    /// let (sender, receiver) = test_loop.router().pipe::<u32>()?;
    /// receiver.on_message(|sum, n| *sum += n);
    /// let sender = sender.start();
    /// (0..1000).for_each(|_| sender.send(1).unwrap());
    /// assert_eq!(test_loop.wakes(), 1); // one for the burst
    ///
    /// let mut sum = 0;
    /// test_loop.run_until_idle(&mut sum)?;
    /// sender.send(1)?;
    /// assert_eq!((sum, test_loop.wakes()), (1000, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wakes(&self) -> u64 {
        self.waker.count()
    }

    /// Returns whether the loop would sleep: no wake waits for it, and no timer is due.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::testing::TestLoop;
    /// let test_loop = TestLoop::<()>::new();
    /// let (sender, receiver) = test_loop.router().pipe::<u32>()?;
    /// assert!(test_loop.is_asleep());
    /// sender.start().send(1)?;
    /// assert!(!test_loop.is_asleep());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_asleep(&self) -> bool {
        self.waker.count() == self.noticed.get() && !self.timers.is_due()
    }

    /// Turns once: dispatches if the loop was woken, runs the timers that are due (but not those that they set), and
    /// settles. Never blocks.
    ///
    /// # Panics
    /// If a callback or a timer does. The loop is settled all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::testing::TestLoop;
    /// let test_loop = TestLoop::<u32>::new();
    /// let (sender, receiver) = test_loop.router().pipe::<u32>()?;
    /// receiver.on_message(|sum, n| *sum += n);
    ///
    /// let mut sum = 0;
    /// assert!(!test_loop.turn(&mut sum).woken);
    /// sender.start().send(5)?;
    /// let turn = test_loop.turn(&mut sum);
    /// assert_eq!((turn.woken, turn.dispatched.delivered, sum), (true, 1, 5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn turn(&self, state: &mut S) -> Turn {
        let _settled = Settled(&self.router);
        let wakes = self.waker.count();
        let woken = self.noticed.replace(wakes) != wakes;
        let dispatched = if woken { self.router.dispatch(state) } else { Dispatched::default() };
        Turn { woken, dispatched, timers: self.timers.run_due(state) }
    }

    /// Turns, sleeping in between until it is woken, until `condition` holds, which is looked at on entry and after
    /// each turn. Blocks, but no longer than the loop's patience.
    ///
    /// Virtual time does not pass: a timer that is not due does not end the sleep, unless a thread moves the clock.
    ///
    /// # Errors
    /// [`RunError`], with the reason
    /// - [`NotWoken`](RunErrorReason::NotWoken) if nobody woke the loop in time;
    /// - [`NoSenders`](RunErrorReason::NoSenders), at once, if the loop would sleep and no sender is left. A wake that
    ///   comes from elsewhere is waited for if somebody else has a clone of the waker; a thread that may
    ///   move the clock is not.
    /// - [`NeverIdle`](RunErrorReason::NeverIdle) if there was always something to do, and the condition does not
    ///   hold.
    ///
    /// # Panics
    /// As [`turn`](Self::turn).
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::testing::{RunErrorReason, TestLoop};
    ///
    /// let test_loop = TestLoop::<u32>::new();
    /// let (sender, receiver) = test_loop.router().pipe::<u32>()?;
    /// receiver.on_message(|sum, n| *sum += n);
    /// let worker = std::thread::spawn(move || {
    ///     let sender = sender.start();
    ///     (1..=10).for_each(|n| sender.send(n).unwrap());
    /// });
    ///
    /// let mut sum = 0;
    /// test_loop.run_until(&mut sum, |sum| *sum == 55)?;
    /// # worker.join().unwrap();
    /// // The worker has ended, so there is nothing to wait for any more.
    /// let error = test_loop.run_until(&mut sum, |sum| *sum == 56).unwrap_err();
    /// assert_eq!(error.reason, RunErrorReason::NoSenders);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_until(
        &self,
        state: &mut S,
        mut condition: impl FnMut(&mut S) -> bool,
    ) -> Result<Ran, RunError> {
        let deadline = self.deadline();
        let mut ran = Ran::default();
        while !condition(state) {
            if self.is_asleep() {
                self.sleep(deadline).map_err(|reason| self.gave_up(reason, ran))?;
            } else {
                self.turn_before(deadline, state, &mut ran)?;
            }
        }
        Ok(ran)
    }

    /// Turns until the loop would sleep. Does not sleep, so in a test of one thread it does the same each time; what
    /// a worker has not sent yet is not waited for.
    ///
    /// # Errors
    /// [`RunError`] with the reason [`NeverIdle`](RunErrorReason::NeverIdle) if the loop's patience is over first.
    ///
    /// # Panics
    /// As [`turn`](Self::turn).
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::testing::TestLoop;
    /// let test_loop = TestLoop::<Vec<u32>>::new();
    /// let (sender, receiver) = test_loop.router().pipe::<u32>()?;
    /// let sender = sender.start();
    /// let again = sender.clone();
    /// receiver.on_message(move |seen: &mut Vec<u32>, n| {
    ///     seen.push(n);
    ///     if n > 0 {
    ///         again.send(n - 1).unwrap();
    ///     }
    /// });
    /// sender.send(3)?;
    ///
    /// let mut seen = Vec::new();
    /// test_loop.run_until_idle(&mut seen)?;
    /// assert_eq!(seen, [3, 2, 1, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_until_idle(&self, state: &mut S) -> Result<Ran, RunError> {
        let mut ran = Ran::default();
        self.run_to_rest(self.deadline(), state, &mut ran)?;
        Ok(ran)
    }

    /// Lets virtual time pass: turns until the loop would sleep, moves the clock to the next timer, and so on, until
    /// `time` has passed. Each timer finds the clock at its due time, unless a callback moved it further. Does not
    /// sleep.
    ///
    /// Any time is allowed; the clock stops at its end. Called by a timer, it runs the others as well.
    ///
    /// # Errors
    /// [`RunError`] with the reason [`NeverIdle`](RunErrorReason::NeverIdle) if the loop's patience, which is real
    /// time, is over first; such as for a timer that sets itself again each millisecond, and a century.
    ///
    /// # Panics
    /// As [`turn`](Self::turn). The clock then stands at the time of what panicked.
    ///
    /// # Examples
    ///
    /// A worker that says nothing for five seconds is told of:
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::testing::TestLoop;
    ///
    /// #[derive(Default)]
    /// struct App { heard: u32, warning: bool }
    ///
    /// let test_loop = TestLoop::<App>::new();
    /// let (sender, receiver) = test_loop.router().pipe::<u32>()?;
    /// receiver.on_message(|app: &mut App, _| app.heard += 1);
    /// test_loop.after(Duration::from_secs(5), |app| app.warning = app.heard == 0);
    ///
    /// let mut app = App::default();
    /// test_loop.advance(&mut app, Duration::from_secs(4))?;
    /// assert!(!app.warning);
    /// test_loop.advance(&mut app, Duration::from_secs(1))?;
    /// assert!(app.warning);
    /// # drop(sender);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advance(&self, state: &mut S, time: Duration) -> Result<Ran, RunError> {
        let (deadline, target) = (self.deadline(), self.clock.elapsed().saturating_add(time));
        let mut ran = Ran::default();
        self.run_to_rest(deadline, state, &mut ran)?;
        while let Some(due) = self.timers.next_due().filter(|due| *due <= target) {
            self.clock.advance_to(due);
            if !self.timers.is_due() {
                break; // The clock's end comes before it.
            }
            self.run_to_rest(deadline, state, &mut ran)?;
        }
        self.clock.advance_to(target);
        Ok(ran)
    }

    fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.patience)
    }

    fn run_to_rest(&self, deadline: Option<Instant>, state: &mut S, ran: &mut Ran) -> Result<(), RunError> {
        while !self.is_asleep() {
            self.turn_before(deadline, state, ran)?;
        }
        Ok(())
    }

    fn turn_before(&self, deadline: Option<Instant>, state: &mut S, ran: &mut Ran) -> Result<(), RunError> {
        // Once at the least: that takes no patience.
        if ran.turns > 0 && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(self.gave_up(RunErrorReason::NeverIdle, *ran));
        }
        ran.add(self.turn(state));
        Ok(())
    }

    /// Sleeps until a wake comes, or until somebody moves the clock so that a timer is due.
    fn sleep(&self, deadline: Option<Instant>) -> Result<(), RunErrorReason> {
        let (noticed, next_due) = (self.noticed.get(), self.timers.next_due());
        // One is the loop's own, one the router's. Whoever had another may have woken just before it let go of it,
        // so the wakes are looked at last.
        if self.router.stats().open_pipes == 0 && self.waker.clones() <= 2 && self.waker.count() == noticed {
            return Err(RunErrorReason::NoSenders);
        }
        let is_due = || next_due.is_some_and(|due| due <= self.clock.elapsed());
        let watch = self.clock.watch(self.waker.nudge());
        let wakes = self.waker.wait_until(deadline, |wakes| wakes != noticed || is_due());
        drop(watch);
        if wakes != noticed || is_due() { Ok(()) } else { Err(RunErrorReason::NotWoken) }
    }

    fn gave_up(&self, reason: RunErrorReason, ran: Ran) -> RunError {
        let stats = self.router.stats();
        let (queued, open_pipes) = (stats.queued, stats.open_pipes);
        RunError { reason, ran, queued, open_pipes, timers: self.timers.len() }
    }
}

impl<S: 'static> Default for TestLoop<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: 'static> fmt::Debug for TestLoop<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestLoop")
            .field("router", &self.router)
            .field("wakes", &self.wakes())
            .field("is_asleep", &self.is_asleep())
            .field("clock", &self.clock)
            .field("timers", &self.timers.len())
            .finish()
    }
}
