//! A waker that counts.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::waker::Waker;

/// A waker that counts how often it was called, and passes the wake on if it is told to.
///
/// Clones share one count. It never counts down.
///
/// # Examples
///
/// A burst wakes once:
///
/// ```
/// use foreground::{MessageRouter, testing::CountingWaker};
///
/// let waker = CountingWaker::new();
/// let router: MessageRouter = MessageRouter::new(waker.clone());
/// router.start()?;
/// let (sender, receiver) = router.pipe::<u32>()?;
/// let sender = sender.start();
/// (0..1000).for_each(|n| sender.send(n).unwrap());
/// assert_eq!(waker.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct CountingWaker {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    count: Mutex<u64>,
    woken: Condvar,
    next: Option<Box<dyn Waker>>,
}

impl CountingWaker {
    /// Makes a waker that counts and does nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a waker that counts, and then calls `next`.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{Waker, testing::CountingWaker};
    ///
    /// let inner = CountingWaker::new();
    /// let outer = CountingWaker::forwarding_to(inner.clone());
    /// outer.wake();
    /// assert_eq!((outer.count(), inner.count()), (1, 1));
    /// ```
    pub fn forwarding_to(next: impl Waker) -> Self {
        Self { shared: Arc::new(Shared { next: Some(Box::new(next)), ..Shared::default() }) }
    }

    /// Returns how often this waker and its clones were called.
    pub fn count(&self) -> u64 {
        *self.shared.count.lock()
    }

    /// Waits, in real time, until the waker was called `at_least` so often since it was made. Returns the
    /// count. Any timeout is allowed; one beyond what the clock can name is for ever.
    ///
    /// # Errors
    /// [`NotWokenError`] if the time is over first.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::{Waker, testing::CountingWaker};
    ///
    /// let waker = CountingWaker::new();
    /// let clone = waker.clone();
    /// let worker = std::thread::spawn(move || clone.wake());
    /// assert_eq!(waker.wait(1, Duration::from_secs(10)), Ok(1));
    ///
    /// let error = waker.wait(2, Duration::ZERO).unwrap_err();
    /// assert_eq!(error.to_string(), "woken 1 times, not 2 times, when the time was over");
    /// # worker.join().unwrap();
    /// ```
    pub fn wait(&self, at_least: u64, timeout: Duration) -> Result<u64, NotWokenError> {
        let deadline = Instant::now().checked_add(timeout);
        let count = self.wait_until(deadline, |count| count >= at_least);
        if count >= at_least { Ok(count) } else { Err(NotWokenError { at_least, count }) }
    }

    /// Waits until `is_enough` holds, which is looked at after each wake and each nudge, or until the deadline.
    /// Returns the count. The lock is held during the look.
    pub(super) fn wait_until(&self, deadline: Option<Instant>, is_enough: impl Fn(u64) -> bool) -> u64 {
        let mut count = self.shared.count.lock();
        while !is_enough(*count) {
            match deadline {
                None => self.shared.woken.wait(&mut count),
                Some(deadline) => {
                    if self.shared.woken.wait_until(&mut count, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        *count
    }

    /// Returns a waker that makes those in [`wait_until`](Self::wait_until) look again, and counts nothing.
    pub(super) fn nudge(&self) -> Arc<dyn Waker> {
        let shared = Arc::clone(&self.shared);
        Arc::new(move || {
            // Under the lock: whoever has looked and not yet gone to sleep holds it.
            let _count = shared.count.lock();
            shared.woken.notify_all();
        })
    }

    /// Returns how many clones there are, this one included.
    pub(super) fn clones(&self) -> usize {
        Arc::strong_count(&self.shared)
    }
}

impl Waker for CountingWaker {
    fn wake(&self) {
        *self.shared.count.lock() += 1;
        self.shared.woken.notify_all();
        if let Some(next) = &self.shared.next {
            next.wake();
        }
    }
}

impl fmt::Debug for CountingWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingWaker")
            .field("count", &self.count())
            .field("forwards", &self.shared.next.is_some())
            .finish()
    }
}

/// The waker was not called often enough; see [`CountingWaker::wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotWokenError {
    /// How many wakes were waited for.
    pub at_least: u64,
    /// How many there were.
    pub count: u64,
}

impl fmt::Display for NotWokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "woken {} times, not {} times, when the time was over", self.count, self.at_least)
    }
}

impl Error for NotWokenError {}
