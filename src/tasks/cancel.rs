//! Asking work to end early.

use std::error::Error;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::sync::atomic::AtomicUsize;
use crate::sync::atomic::Ordering::{AcqRel, Acquire};
use crate::sync::{Arc, Mutex, Thread, current, park, park_timeout};

/// Says to a task that it was cancelled. Give it back by `?`: a task that ends after a cancel is
/// [`Cancelled`](super::TaskOutcome::Cancelled) and not failed, whatever it returns.
///
/// It becomes an [`io::Error`] with this as its source, and, as any error does, a `Box<dyn Error>`. Its kind is
/// [`Other`](io::ErrorKind::Other): what is `Interrupted` is tried again by `io::copy` and its like.
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
        Self::other(cancelled)
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
    /// Which of the flags below are set.
    flags: AtomicUsize,
    /// Boxed, because few tasks wait for anything.
    waiting: Mutex<Option<Box<Waiting>>>,
}

#[derive(Default)]
struct Waiting {
    wakers: Vec<(Key, Waker)>,
    last: u64,
}

/// By which a waker is taken back. None is given twice: a waker may have been woken, and its key be taken back later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

const CANCELLED: usize = 1;
/// The task of this token runs no more, and never will.
const ENDED: usize = 2;
/// Somebody waits for that.
const WATCHED: usize = 4;

impl CancelToken {
    /// Makes a flag that is not set.
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared { flags: AtomicUsize::new(0), waiting: Mutex::new(None) }) }
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
        // AcqRel: what was done before the cancel is seen by who finds it set. The lock orders it with the waiters:
        // either they are found, or they find the flag.
        if self.shared.flags.fetch_or(CANCELLED, AcqRel) & CANCELLED == 0 {
            self.wake_all();
        }
    }

    fn wake_all(&self) {
        let wakers = self.shared.waiting.lock().as_mut().map(|waiting| mem::take(&mut waiting.wakers));
        let mut panicked = None;
        for (_, waker) in wakers.into_iter().flatten() {
            // One that panics must not leave the others asleep.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                panicked = Some(panic);
            }
        }
        if let Some(panic) = panicked {
            resume_unwind(panic);
        }
    }

    /// Says that the task of this token runs no more.
    pub(super) fn end(&self) {
        // Release, for what the task did; the lock orders it with who watches, as above.
        if self.shared.flags.fetch_or(ENDED, AcqRel) & WATCHED != 0 {
            self.wake_all();
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.shared.flags.load(Acquire) & ENDED != 0
    }

    /// Has the calling thread unparked when the task of this token runs no more.
    pub(super) fn watch(&self) {
        self.register(&unparker());
        self.shared.flags.fetch_or(WATCHED, AcqRel);
    }

    /// Waits until the task of this token, which this thread watches, runs no more; says whether that was so in time.
    pub(super) fn wait_for_end(&self, deadline: Option<Instant>) -> bool {
        park_until(deadline, || self.has_ended())
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
        self.shared.flags.load(Acquire) & CANCELLED != 0
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
        let key = self.register(&unparker());
        let is_cancelled = park_until(Instant::now().checked_add(duration), || self.is_cancelled());
        self.unregister(key);
        if is_cancelled { Err(TaskCancelled) } else { Ok(()) }
    }

    /// Has `waker` woken by the cancel, until it is unregistered. Look at the flag after this, not before.
    pub(crate) fn register(&self, waker: &Waker) -> Key {
        let waker = waker.clone();
        let mut waiting = self.shared.waiting.lock();
        let waiting = waiting.get_or_insert_default();
        waiting.last += 1;
        let key = Key(waiting.last);
        waiting.wakers.push((key, waker));
        key
    }

    pub(crate) fn unregister(&self, key: Key) {
        let mut waiting = self.shared.waiting.lock();
        // It is not there any more if it was woken.
        let found = waiting.as_mut().and_then(|waiting| {
            let at = waiting.wakers.iter().position(|(of, _)| *of == key)?;
            Some(waiting.wakers.swap_remove(at))
        });
        drop(waiting);
        // Without the lock: a waker is the user's.
        drop(found);
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

/// Parks until the condition holds, for ever without a deadline; returns whether it does.
fn park_until(deadline: Option<Instant>, condition: impl Fn() -> bool) -> bool {
    loop {
        if condition() {
            return true;
        }
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            None => park(),
            Some(Duration::ZERO) => return false,
            Some(left) => park_timeout(left),
        }
    }
}

/// A waker that unparks the calling thread.
pub(crate) fn unparker() -> Waker {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }

    Waker::from(std::sync::Arc::new(Unpark(current())))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;

    #[derive(Default)]
    struct Counted {
        wakes: AtomicU32,
        panics: bool,
    }

    impl Wake for Counted {
        fn wake(self: std::sync::Arc<Self>) {
            self.wakes.fetch_add(1, SeqCst);
            assert!(!self.panics, "a waker");
        }
    }

    #[test]
    fn a_waker_that_panics_leaves_nobody_asleep() {
        let token = CancelToken::new();
        let counted = [false, true, false]
            .map(|panics| std::sync::Arc::new(Counted { wakes: AtomicU32::new(0), panics }));
        for waker in &counted {
            token.register(&Waker::from(std::sync::Arc::clone(waker)));
        }
        assert!(catch_unwind(AssertUnwindSafe(|| token.cancel())).is_err());
        assert_eq!(counted.map(|waker| waker.wakes.load(SeqCst)), [1, 1, 1]);
        assert!(token.is_cancelled());
    }

    #[test]
    fn an_end_wakes_who_waits_for_it_and_is_known_afterwards() {
        let token = CancelToken::new();
        assert!(!token.wait_for_end(Some(Instant::now())));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                token.watch();
                token.wait_for_end(None)
            });
            token.end();
            assert!(waiter.join().unwrap());
        });
        assert!(token.wait_for_end(Some(Instant::now())));
        assert!(!token.is_cancelled());
    }

    /// A task that was cancelled while it waited takes its waker back after that.
    #[test]
    fn who_was_woken_takes_nobody_elses_waker_back() {
        let token = CancelToken::new();
        let key = token.register(&unparker());
        token.cancel();
        let counted = std::sync::Arc::new(Counted::default());
        let other = token.register(&Waker::from(std::sync::Arc::clone(&counted)));
        assert_ne!(key, other);
        token.watch();
        token.unregister(key);
        token.end();
        assert_eq!(counted.wakes.load(SeqCst), 1);
    }
}
