//! What the loop does at its time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Names a timer of a [`Headless`](super::Headless) loop, to [cancel](super::Headless::cancel) it. Letting go of it
/// changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timer(u64);

impl Timer {
    /// Never the same in a process, so that a timer's name does not reach a stranger of another loop.
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: a number, and nothing depends on it.
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

type Once<S> = Box<dyn FnOnce(&mut S)>;
type Each<S> = Box<dyn FnMut(&mut S)>;

enum Callback<S> {
    Once(Once<S>),
    Each(Duration, Each<S>),
}

/// The timers, by when they are due, the older one first.
pub(super) struct Timers<S> {
    waiting: RefCell<BTreeMap<(Instant, u64), Callback<S>>>,
    /// Those that come again, and whose callbacks are on the stack.
    running: RefCell<Vec<u64>>,
}

impl<S> Default for Timers<S> {
    fn default() -> Self {
        Self { waiting: RefCell::default(), running: RefCell::default() }
    }
}

impl<S> Timers<S> {
    pub(super) fn after(&self, delay: Duration, callback: Once<S>) -> Timer {
        self.add(delay, Callback::Once(callback))
    }

    pub(super) fn every(&self, interval: Duration, callback: Each<S>) -> Timer {
        // Zero would be due again before its callback has returned.
        let interval = interval.max(Duration::from_nanos(1));
        self.add(interval, Callback::Each(interval, callback))
    }

    fn add(&self, delay: Duration, callback: Callback<S>) -> Timer {
        let timer = Timer::new();
        if let Some(due) = Instant::now().checked_add(delay) {
            self.waiting.borrow_mut().insert((due, timer.0), callback);
        }
        timer
    }

    pub(super) fn cancel(&self, Timer(id): Timer) -> bool {
        let key = self.waiting.borrow().keys().find(|key| key.1 == id).copied();
        // Dropped when nothing is borrowed: it is the user's.
        let cancelled = key.and_then(|key| self.waiting.borrow_mut().remove(&key));
        cancelled.is_some() || self.stop_running(id)
    }

    fn stop_running(&self, id: u64) -> bool {
        let mut running = self.running.borrow_mut();
        let place = running.iter().position(|&running| running == id);
        place.map(|place| running.swap_remove(place)).is_some()
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.borrow().first_key_value().map(|((due, _), _)| *due)
    }

    /// Calls those that are due now, and none that is made meanwhile.
    pub(super) fn call_due(&self, state: &mut S) {
        if self.waiting.borrow().is_empty() {
            return;
        }
        let (now, Timer(limit)) = (Instant::now(), Timer::new());
        while let Some((id, due, callback)) = self.take_due(now, limit) {
            match callback {
                Callback::Once(callback) => callback(state),
                Callback::Each(interval, callback) => self.call_each(id, due, now, interval, callback, state),
            }
        }
    }

    fn take_due(&self, now: Instant, limit: u64) -> Option<(u64, Instant, Callback<S>)> {
        let mut waiting = self.waiting.borrow_mut();
        let (&key, _) = waiting.range(..=(now, limit)).find(|((_, id), _)| *id < limit)?;
        let callback = waiting.remove(&key)?;
        Some((key.1, key.0, callback))
    }

    fn call_each(
        &self,
        id: u64,
        due: Instant,
        now: Instant,
        interval: Duration,
        mut callback: Each<S>,
        state: &mut S,
    ) {
        /// Also if the callback panics.
        struct Running<'a, S>(&'a Timers<S>, u64);
        impl<S> Drop for Running<'_, S> {
            fn drop(&mut self) {
                self.0.stop_running(self.1);
            }
        }
        self.running.borrow_mut().push(id);
        let running = Running(self, id);
        callback(state);
        let is_kept = self.stop_running(id);
        drop(running);
        let on_time = due.checked_add(interval).filter(|next| *next > now);
        let next = on_time.or_else(|| Instant::now().checked_add(interval));
        if let (true, Some(next)) = (is_kept, next) {
            self.waiting.borrow_mut().insert((next, id), Callback::Each(interval, callback));
        }
    }
}
