//! Asking work to end early.

use std::error::Error;
use std::fmt;
use std::io;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, Thread, current, park, park_timeout};

/// Says to a task that it was cancelled. Give it back by `?`: a task that ends after a cancel is
/// [`Cancelled`](super::TaskOutcome::Cancelled) and not failed, whatever it returns.
///
/// It becomes an [`io::Error`] of the kind [`Interrupted`](io::ErrorKind::Interrupted) and, as any error does, a `Box<dyn Error>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskCancelled;

impl fmt::Display for TaskCancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was cancelled; it should end now")
    }
}

impl Error for TaskCancelled {}

impl From<TaskCancelled> for io::Error {
    fn from(cancelled: TaskCancelled) -> Self {
        Self::new(io::ErrorKind::Interrupted, cancelled)
    }
}

/// A flag by which one thread asks others to end their work, and which they can wait for.
///
/// Each task has one, reached by [`TaskContext::token`](super::TaskContext::token). Threads that use a router without
/// an executor make their own. Clones are the same flag; once set, it stays set.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use foreground::tasks::CancelToken;
///
/// let token = CancelToken::new();
/// let worker = std::thread::spawn({
///     let token = token.clone();
///     move || {
///         let mut rounds = 0_u64;
///         while !token.is_cancelled() {
///             rounds += 1;
///         }
///         rounds
///     }
/// });
/// token.cancel();
/// worker.join().unwrap();
/// ```
#[derive(Clone)]
pub struct CancelToken {
    shared: Arc<Shared>,
}

struct Shared {
    cancelled: AtomicBool,
    /// Boxed, because few tasks wait for anything.
    waiting: Mutex<Option<Box<Slab<Waker>>>>,
}

impl CancelToken {
    /// Makes a flag that is not set.
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared { cancelled: AtomicBool::new(false), waiting: Mutex::new(None) }) }
    }

    /// Sets the flag, and wakes whoever waits for it. Never blocks for long; may be called on any thread, more than
    /// once.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::tasks::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// token.clone().cancel();
    /// assert!(token.is_cancelled());
    /// ```
    pub fn cancel(&self) {
        // Release: what was done before the cancel is seen by who finds it set. The lock below orders it with the
        // waiters: either they are found here, or they find the flag.
        if self.shared.cancelled.swap(true, Ordering::Release) {
            return;
        }
        let waiting = self.shared.waiting.lock().take();
        if let Some(mut waiting) = waiting {
            waiting.drain().for_each(Waker::wake);
        }
    }

    /// Returns whether the flag is set: one load, for hot loops.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!foreground::tasks::CancelToken::new().is_cancelled());
    /// ```
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Returns an error if the flag is set, for `?`.
    ///
    /// # Errors
    /// [`TaskCancelled`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::tasks::{CancelToken, TaskCancelled};
    ///
    /// fn sum(numbers: &[u64], token: &CancelToken) -> Result<u64, TaskCancelled> {
    ///     let mut sum = 0;
    ///     for number in numbers {
    ///         token.check()?;
    ///         sum += number;
    ///     }
    ///     Ok(sum)
    /// }
    ///
    /// let token = CancelToken::new();
    /// assert_eq!(sum(&[1, 2], &token), Ok(3));
    /// token.cancel();
    /// assert!(sum(&[1, 2], &token).is_err());
    /// ```
    #[inline]
    pub fn check(&self) -> Result<(), TaskCancelled> {
        if self.is_cancelled() { Err(TaskCancelled) } else { Ok(()) }
    }

    /// Sleeps for `duration`, or until the flag is set. In place of [`thread::sleep`](std::thread::sleep), so that a task that waits can
    /// be cancelled. Any duration is allowed.
    ///
    /// # Errors
    /// [`TaskCancelled`], at once, if the flag is set or becomes so.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::tasks::{CancelToken, TaskCancelled};
    ///
    /// let token = CancelToken::new();
    /// assert_eq!(token.sleep(Duration::from_millis(1)), Ok(()));
    ///
    /// let sleeper = std::thread::spawn({
    ///     let token = token.clone();
    ///     move || token.sleep(Duration::MAX)
    /// });
    /// token.cancel();
    /// assert!(sleeper.join().unwrap().is_err());
    /// ```
    pub fn sleep(&self, duration: Duration) -> Result<(), TaskCancelled> {
        let deadline = Instant::now().checked_add(duration);
        let key = self.register(&unparker());
        let slept = loop {
            if self.is_cancelled() {
                break Err(TaskCancelled);
            }
            // None if the clock cannot name the deadline.
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match left {
                None => park(),
                Some(Duration::ZERO) => break Ok(()),
                Some(left) => park_timeout(left),
            }
        };
        self.unregister(key);
        slept
    }

    /// Has `waker` woken by the cancel, until it is unregistered. Look at the flag after this, not before.
    pub(super) fn register(&self, waker: &Waker) -> usize {
        let waker = waker.clone();
        self.shared.waiting.lock().get_or_insert_default().insert(waker)
    }

    pub(super) fn unregister(&self, key: usize) {
        // Nothing is there any more if the cancel has come. Dropped without the lock: a waker is the user's.
        let waker = self.shared.waiting.lock().as_mut().and_then(|waiting| waiting.try_remove(key));
        drop(waker);
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}

/// A waker that unparks the calling thread.
pub(super) fn unparker() -> Waker {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }

    Waker::from(std::sync::Arc::new(Unpark(current())))
}
