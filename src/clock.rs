//! Where a router reads the time: from the system, or from a clock that a test moves.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use slab::Slab;

use crate::sync::park_timeout;
use crate::waker::Waker;

/// A clock whose time moves only when it is told to, so that tests need not sleep.
///
/// Give it to a router by [`MessageRouterBuilder::clock`](crate::MessageRouterBuilder::clock), or take the
/// one that a [`TestLoop`](crate::testing::TestLoop) has made for its router. Clones are the same clock. It may be read
/// and moved on any thread.
///
/// It begins at the real time of its making, and reaches 584 years further, where it stops.
///
/// # What goes by it
/// A router's [budget](crate::Budget), its [statistics](crate::RouterStats), the deadline of
/// [`route_until`](crate::MessageRouter::route_until), and the timers of a test loop.
///
/// Threads do not: a worker that waits in [`send_timeout`](crate::StartedSender::send_timeout) waits in real
/// time.
///
/// # Waiting
/// Virtual time cannot pass by itself while the foreground waits in `route_until`. So the wait ends
///
/// - when a thread moves the clock to the deadline;
/// - at once, with the clock moved to the deadline, if no sender is left or if the clock was made by
///   [`jumping`](Self::jumping);
/// - otherwise when as much *real* time has passed as was left on entry, and the clock is then moved to the
///   deadline. A test in which nobody moves the clock does not hang.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use foreground::testing::VirtualClock;
///
/// let clock = VirtualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now() - before, Duration::from_secs(3600));
/// ```
#[derive(Clone)]
pub struct VirtualClock {
    shared: Arc<Shared>,
}

struct Shared {
    start: Instant,
    /// Nanoseconds since `start`. Relaxed throughout: who is to see an advance is told of it by other means (a
    /// message, a lock, a join), and these put the reading after the change.
    elapsed: AtomicU64,
    jumps: bool,
    /// To be woken when the time has moved.
    sleepers: Mutex<Slab<Arc<dyn Waker>>>,
}

impl VirtualClock {
    /// Makes a clock that stands still.
    pub fn new() -> Self {
        Self::make(false)
    }

    /// Makes a clock that stands still but for [`route_until`](crate::MessageRouter::route_until), which moves
    /// it to its deadline as soon as nothing is queued. For tests in which no other thread sends, such as
    /// one of a shutdown that gives a worker up.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::{MessageRouter, RouteUntilError, testing::VirtualClock};
    ///
    /// let clock = VirtualClock::jumping();
    /// let router: MessageRouter = MessageRouter::builder().clock(clock.clone()).build(|| {});
    /// router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// let _hanging = sender.start(); // a worker that neither sends nor ends
    ///
    /// let an_hour = Duration::from_secs(3600);
    /// assert_eq!(router.route_until(&mut (), |_| false, an_hour), Err(RouteUntilError::Timeout));
    /// assert_eq!(clock.elapsed(), an_hour);
    /// ```
    pub fn jumping() -> Self {
        Self::make(true)
    }

    fn make(jumps: bool) -> Self {
        let shared =
            Shared { start: Instant::now(), elapsed: AtomicU64::new(0), jumps, sleepers: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Returns the time that the clock shows.
    pub fn now(&self) -> Instant {
        let start = self.shared.start;
        start.checked_add(self.elapsed()).unwrap_or(start)
    }

    /// Returns how far the clock has been moved since it was made.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.shared.elapsed.load(Ordering::Relaxed))
    }

    /// Moves the clock forward, and wakes who waits for it: a `route_until`, a sleeping test loop. Called in a
    /// callback, it stands for the time that the callback takes. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::testing::VirtualClock;
    ///
    /// let clock = VirtualClock::new();
    /// clock.advance(Duration::from_millis(5));
    /// clock.advance(Duration::from_millis(5));
    /// assert_eq!(clock.elapsed(), Duration::from_millis(10));
    ///
    /// clock.advance(Duration::MAX); // as far as it goes
    /// assert!(clock.elapsed() > Duration::from_secs(500 * 365 * 24 * 3600));
    /// ```
    pub fn advance(&self, time: Duration) {
        let time = nanos(time);
        let add = |elapsed: u64| Some(elapsed.saturating_add(time));
        // The closure never declines.
        let _ = self.shared.elapsed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        self.wake_sleepers();
    }

    /// Moves the clock to `elapsed` after its start, unless it is further already.
    pub(crate) fn advance_to(&self, elapsed: Duration) {
        self.shared.elapsed.fetch_max(nanos(elapsed), Ordering::Relaxed);
        self.wake_sleepers();
    }

    /// Returns what `instant` is after the clock's start.
    pub(crate) fn elapsed_at(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.shared.start)
    }

    /// Has `sleeper` woken by each move of the clock until the guard is dropped. A look at the time after this
    /// call misses no move.
    pub(crate) fn watch(&self, sleeper: Arc<dyn Waker>) -> Watch<'_> {
        let key = self.shared.sleepers.lock().insert(sleeper);
        Watch { clock: self, key }
    }

    fn wake_sleepers(&self) {
        // The time was set before this lock is taken: who is not in the list yet looks at the time later.
        let sleepers: Vec<_> =
            self.shared.sleepers.lock().iter().map(|(_, sleeper)| Arc::clone(sleeper)).collect();
        sleepers.iter().for_each(|sleeper| sleeper.wake());
    }

    /// Waits for an unpark, for the deadline by this clock, or for as long by the real one.
    fn park_until(&self, deadline: Deadline, nobody_sends: bool) {
        let patience = deadline.real.saturating_duration_since(Instant::now());
        if nobody_sends || self.shared.jumps || patience.is_zero() {
            self.advance_to(self.elapsed_at(deadline.at));
            return;
        }
        let _watch = self.watch(Arc::new(thread::current()));
        if self.now() < deadline.at {
            park_timeout(patience);
        }
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualClock")
            .field("elapsed", &self.elapsed())
            .field("jumps", &self.shared.jumps)
            .finish()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Ends a [`watch`](VirtualClock::watch) when it is dropped.
pub(crate) struct Watch<'a> {
    clock: &'a VirtualClock,
    key: usize,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let sleeper = self.clock.shared.sleepers.lock().try_remove(self.key);
        drop(sleeper);
    }
}

/// The clock of a router.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    System,
    Virtual(VirtualClock),
}

/// When a wait is over.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    /// By the router's clock.
    at: Instant,
    /// By the system's, which is the same but for a virtual clock.
    real: Instant,
}

impl Clock {
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            Self::Virtual(clock) => clock.now(),
        }
    }

    pub(crate) fn as_virtual(&self) -> Option<&VirtualClock> {
        match self {
            Self::System => None,
            Self::Virtual(clock) => Some(clock),
        }
    }

    /// Returns the end of a wait that begins now; none if that is beyond what the clock can name.
    pub(crate) fn deadline(&self, timeout: Duration) -> Option<Deadline> {
        let real = Instant::now().checked_add(timeout)?;
        match self {
            Self::System => Some(Deadline { at: real, real }),
            Self::Virtual(clock) => {
                let is_reached = clock.elapsed().checked_add(timeout)? <= Duration::from_nanos(u64::MAX);
                let at = clock.now().checked_add(timeout).filter(|_| is_reached)?;
                Some(Deadline { at, real })
            }
        }
    }

    pub(crate) fn is_past(&self, deadline: Deadline) -> bool {
        self.now() >= deadline.at
    }

    /// Parks the thread until it is unparked or the deadline has come. May return early.
    pub(crate) fn park_until(&self, deadline: Deadline, nobody_sends: bool) {
        match self {
            Self::System => park_timeout(deadline.at.saturating_duration_since(Instant::now())),
            Self::Virtual(clock) => clock.park_until(deadline, nobody_sends),
        }
    }
}
