//! The wake flag: no wake is lost, and a burst wakes once. Nothing else in the crate orders memory for waking.
//!
//! The flag has four states:
//!
//! - [`IDLE`]: the loop sleeps, or is about to. Whoever enqueues must wake it.
//! - [`SCHEDULED`]: a wake is under way. The send that moved the flag here from `IDLE`, and only that
//!   one, calls the waker.
//! - [`OVERDUE`]: the same, and a whole turn of the loop has passed without a dispatch. If another passes, the
//!   wake is taken for lost and sent again.
//! - [`HELD`]: the loop is between [`hold`](Notifier::hold) (it dispatches) and
//!   [`settle`](Notifier::settle) (it is about to sleep). It will look at the queue, so nobody wakes.
//!
//! # Why no wake is lost
//! Senders enqueue, then call [`notify`](Notifier::notify). The foreground clears the flag, then looks at
//! the queue. Both touch the queue under one and the same lock, and that lock's order is what this
//! argument stands on, so the flag itself needs no ordering of its own:
//!
//! - If the sender's push comes before the look, the look sees the message.
//! - If the look comes before the push, then the clear, which comes before the look, happens before
//!   the sender reads the flag. The sender cannot read a value older than that clear: it reads `IDLE`
//!   and wakes, or reads a later `SCHEDULED` or `HELD`, after which the foreground looks again.
//!
//! Enqueueing after the flag, or clearing after the last look, breaks it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::waker::Waker;

const IDLE: u8 = 0;
const SCHEDULED: u8 = 1;
const HELD: u8 = 2;
const OVERDUE: u8 = 3;

pub(crate) struct Notifier {
    flag: AtomicU8,
    /// Whether the foreground routes by hand: then it is parked, and its event loop is left alone.
    manual: AtomicBool,
    waker: Box<dyn Waker>,
    foreground: Thread,
    wakes: AtomicU64,
    /// When the last wake was sent, in nanoseconds after `origin`; for statistics only.
    woken_at: AtomicU64,
    origin: Instant,
    clock: Clock,
}

impl Notifier {
    /// Makes the notifier of the calling thread, which becomes the foreground.
    pub(crate) fn new(waker: Box<dyn Waker>, clock: Clock) -> Self {
        Self {
            flag: AtomicU8::new(IDLE),
            manual: AtomicBool::new(false),
            waker,
            foreground: thread::current(),
            wakes: AtomicU64::new(0),
            woken_at: AtomicU64::new(0),
            origin: clock.now(),
            clock,
        }
    }

    /// Sees to it that the foreground looks at the queue. To be called after enqueueing, on any thread.
    #[inline]
    pub(crate) fn notify(&self) {
        // Relaxed: see the module's documentation; the queue's lock orders this after any clear that
        // preceded a look which missed the message.
        if self.flag.load(Ordering::Relaxed) == IDLE {
            self.schedule();
        }
    }

    #[cold]
    fn schedule(&self) {
        // Acquire pairs with the Release of `release`, so that `manual`, written before, is seen.
        let won = self.flag.compare_exchange(IDLE, SCHEDULED, Ordering::Acquire, Ordering::Relaxed);
        if won.is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        let since = self.clock.now().saturating_duration_since(self.origin);
        let now = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        // Relaxed, both: figures for people.
        self.woken_at.store(now, Ordering::Relaxed);
        self.wakes.fetch_add(1, Ordering::Relaxed);
        if self.manual.load(Ordering::Relaxed) {
            self.foreground.unpark();
        } else if catch_unwind(AssertUnwindSafe(|| self.waker.wake())).is_err() {
            // Whoever sends next tries again. Should the foreground dispatch already, its flag is left
            // alone.
            for waiting in [SCHEDULED, OVERDUE] {
                let _ = self.flag.compare_exchange(waiting, IDLE, Ordering::Relaxed, Ordering::Relaxed);
            }
            log::error!("the waker of a router panicked; its messages wait for the next wake");
        }
    }

    /// Foreground: a dispatch begins; until `settle` nobody needs to wake.
    pub(crate) fn hold(&self) {
        // Relaxed: a sender that misses this wakes once more, which is harmless.
        self.flag.store(HELD, Ordering::Relaxed);
    }

    /// Foreground: the loop is about to sleep. `is_empty` looks at the queue.
    ///
    /// A wake that is under way is left alone; one that has not led to a dispatch by the second
    /// settling is taken for lost (a full message queue of the system) and sent again.
    pub(crate) fn settle(&self, is_empty: impl FnOnce() -> bool) {
        match self.flag.load(Ordering::Relaxed) {
            HELD => {
                let may_sleep = self.release(is_empty);
                if !may_sleep {
                    self.notify();
                }
            }
            // Exchanged and not stored, both: a waker that panics makes the flag `IDLE` from its own thread.
            SCHEDULED => {
                let _ = self.flag.compare_exchange(SCHEDULED, OVERDUE, Ordering::Relaxed, Ordering::Relaxed);
            }
            OVERDUE => {
                let retried =
                    self.flag.compare_exchange(OVERDUE, SCHEDULED, Ordering::Relaxed, Ordering::Relaxed);
                if retried.is_ok() {
                    self.wake();
                }
            }
            _ => {}
        }
    }

    /// Foreground: from here on, whoever enqueues wakes. Returns what `is_empty` then says of the queue; if it
    /// is not empty, the foreground must not sleep.
    pub(crate) fn release(&self, is_empty: impl FnOnce() -> bool) -> bool {
        // Release pairs with the Acquire in `schedule`.
        self.flag.store(IDLE, Ordering::Release);
        is_empty()
    }

    /// Foreground: from now on wakes go to the parked thread (`true`) or to the event loop (`false`).
    pub(crate) fn set_manual(&self, manual: bool) {
        // Relaxed: published by the `release` that follows before the foreground parks.
        self.manual.store(manual, Ordering::Relaxed);
    }

    pub(crate) fn is_foreground(&self) -> bool {
        thread::current().id() == self.foreground.id()
    }

    pub(crate) fn wakes(&self) -> u64 {
        self.wakes.load(Ordering::Relaxed)
    }

    /// When the last wake was sent.
    pub(crate) fn woken_at(&self) -> Instant {
        let since = Duration::from_nanos(self.woken_at.load(Ordering::Relaxed));
        self.origin.checked_add(since).unwrap_or(self.origin)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    use super::*;

    fn counted() -> (Notifier, Arc<AtomicUsize>) {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&wakes);
        let count = move || {
            counter.fetch_add(1, Ordering::SeqCst);
        };
        (Notifier::new(Box::new(count), Clock::System), wakes)
    }

    #[test]
    fn whoever_enqueues_while_the_loop_looks_wakes_it() {
        let (notifier, wakes) = counted();
        notifier.hold();
        // Just after the look, which found nothing, a message comes.
        notifier.settle(|| {
            notifier.notify();
            true
        });
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn the_queue_is_looked_at_after_the_flag_is_cleared() {
        let (notifier, wakes) = counted();
        notifier.hold();
        let queued = Cell::new(false);
        // The message comes just before the look, which sees it.
        let is_empty = notifier.release(|| {
            notifier.notify();
            queued.set(true);
            !queued.get()
        });
        assert_eq!((is_empty, wakes.load(Ordering::SeqCst)), (false, 1));
    }

    #[test]
    fn a_waker_that_panics_while_the_loop_settles_is_called_again() {
        let calls = Arc::new(AtomicUsize::new(0));
        let (entered, is_entered) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let may_go_on = std::sync::Mutex::new(may_go_on);
        let counter = Arc::clone(&calls);
        let waker = move || {
            if counter.fetch_add(1, Ordering::SeqCst) == 0 {
                entered.send(()).unwrap();
                may_go_on.lock().unwrap().recv().unwrap();
                panic!("a bug in the waker");
            }
        };
        let notifier = Arc::new(Notifier::new(Box::new(waker), Clock::System));
        let sender = Arc::clone(&notifier);
        let worker = thread::spawn(move || sender.notify());
        is_entered.recv().unwrap();
        notifier.settle(|| false);
        go_on.send(()).unwrap();
        worker.join().unwrap();
        notifier.notify();
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }
}
