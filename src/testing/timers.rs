//! Timers in virtual time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use crate::clock::VirtualClock;

/// When a timer is due, since the clock's start, and its number among all timers.
type Key = (Duration, u64);
type OnTime<S> = Box<dyn FnOnce(&mut S)>;

/// A timer that was set; [`Timers::cancel`] takes it. Dropping it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    key: Key,
}

/// Sets the timers of a [`TestLoop`](super::TestLoop) from wherever it is needed, such as in a callback.
/// From [`TestLoop::timers`](super::TestLoop::timers); clones set the timers of the same loop.
///
/// Timers run on the loop's thread, in the order of their due times, and those of the same due time in the order in
/// which they were set. None runs before its loop turns. Once the loop is dropped, a timer that is set is dropped
/// uncalled.
///
/// # Examples
///
/// A search that begins when nothing was typed for 300 ms:
///
/// ```
/// use std::time::Duration;
/// use foreground::testing::{TestLoop, Timer};
///
/// #[derive(Default)]
/// struct App { text: String, search: Option<Timer>, searched: Vec<String> }
///
/// let test_loop = TestLoop::<App>::new();
/// let timers = test_loop.timers();
/// let (sender, receiver) = test_loop.router().pipe::<char>()?;
/// receiver.on_message(move |app: &mut App, typed| {
///     app.text.push(typed);
///     app.search.take().map(|timer| timers.cancel(timer));
///     app.search = Some(timers.after(Duration::from_millis(300), |app: &mut App| {
///         app.searched.push(app.text.clone());
///     }));
/// });
///
/// let (mut app, keyboard) = (App::default(), sender.start());
/// for letter in "rust".chars() {
///     keyboard.send(letter)?;
///     test_loop.advance(&mut app, Duration::from_millis(200))?;
/// }
/// assert!(app.searched.is_empty());
/// test_loop.advance(&mut app, Duration::from_millis(100))?;
/// assert_eq!(app.searched, ["rust"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Timers<S: 'static = ()> {
    queue: Weak<TimerQueue<S>>,
}

impl<S: 'static> Timers<S> {
    pub(super) fn new(queue: &Rc<TimerQueue<S>>) -> Self {
        Self { queue: Rc::downgrade(queue) }
    }

    /// Has `on_time` called once when `time` has passed by the loop's clock. A time beyond the clock's reach never
    /// passes.
    pub fn after(&self, time: Duration, on_time: impl FnOnce(&mut S) + 'static) -> Timer {
        self.set(|queue| queue.clock.elapsed().saturating_add(time), on_time)
    }

    /// Has `on_time` called once when the loop's clock shows `time`; on the loop's next turn if that has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::testing::TestLoop;
    ///
    /// let test_loop = TestLoop::<Vec<&str>>::new();
    /// let deadline = test_loop.clock().now() + Duration::from_secs(60);
    /// test_loop.timers().at(deadline, |said: &mut Vec<_>| said.push("time is up"));
    ///
    /// let mut said = Vec::new();
    /// test_loop.advance(&mut said, Duration::from_secs(60))?;
    /// assert_eq!(said, ["time is up"]);
    /// # Ok::<(), foreground::testing::RunError>(())
    /// ```
    pub fn at(&self, time: Instant, on_time: impl FnOnce(&mut S) + 'static) -> Timer {
        self.set(|queue| queue.clock.elapsed_at(time), on_time)
    }

    /// Drops a timer uncalled. Returns whether it was still to come.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::testing::TestLoop;
    ///
    /// let test_loop = TestLoop::<u32>::new();
    /// let timers = test_loop.timers();
    /// let timer = timers.after(Duration::from_secs(1), |n| *n += 1);
    /// assert!(timers.cancel(timer));
    /// assert!(!timers.cancel(timer));
    /// ```
    pub fn cancel(&self, timer: Timer) -> bool {
        let cancelled = self.queue.upgrade().and_then(|queue| queue.pending.borrow_mut().remove(&timer.key));
        // Dropped here, where the queue is not borrowed.
        cancelled.is_some()
    }

    fn set(
        &self,
        due: impl FnOnce(&TimerQueue<S>) -> Duration,
        on_time: impl FnOnce(&mut S) + 'static,
    ) -> Timer {
        match self.queue.upgrade() {
            Some(queue) => Timer { key: queue.insert(due(&queue), Box::new(on_time)) },
            None => Timer { key: (Duration::MAX, u64::MAX) },
        }
    }
}

impl<S: 'static> Clone for Timers<S> {
    fn clone(&self) -> Self {
        Self { queue: Weak::clone(&self.queue) }
    }
}

impl<S: 'static> fmt::Debug for Timers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.queue.upgrade().map_or(0, |queue| queue.len());
        f.debug_struct("Timers").field("pending", &pending).finish()
    }
}

/// The timers that are still to come.
pub(super) struct TimerQueue<S: 'static> {
    clock: VirtualClock,
    pending: RefCell<BTreeMap<Key, OnTime<S>>>,
    set_so_far: Cell<u64>,
}

impl<S: 'static> TimerQueue<S> {
    pub(super) fn new(clock: VirtualClock) -> Self {
        Self { clock, pending: RefCell::default(), set_so_far: Cell::new(0) }
    }

    fn insert(&self, due: Duration, on_time: OnTime<S>) -> Key {
        let key = (due, self.set_so_far.replace(self.set_so_far.get() + 1));
        self.pending.borrow_mut().insert(key, on_time);
        key
    }

    pub(super) fn len(&self) -> usize {
        self.pending.borrow().len()
    }

    /// When the next timer is due, since the clock's start.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.pending.borrow().first_key_value().map(|((due, _), _)| *due)
    }

    pub(super) fn is_due(&self) -> bool {
        self.next_due().is_some_and(|due| due <= self.clock.elapsed())
    }

    /// Runs the timers that are due, but not those that these set. Returns how many ran.
    pub(super) fn run_due(&self, state: &mut S) -> usize {
        let (now, first_new) = (self.clock.elapsed(), self.set_so_far.get());
        let mut ran = 0;
        while let Some(on_time) = self.take_due(now, first_new) {
            ran += 1;
            on_time(state);
        }
        ran
    }

    fn take_due(&self, now: Duration, first_new: u64) -> Option<OnTime<S>> {
        let mut pending = self.pending.borrow_mut();
        let key = *pending.range(..=(now, u64::MAX)).find(|((_, number), _)| *number < first_new)?.0;
        pending.remove(&key)
    }
}
