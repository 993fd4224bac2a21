//! The room of a bounded pipe.
//!
//! How much of it is taken, how many senders wait for some, and whether the pipe is closed is one word. So a sender
//! that finds room takes it by one operation, and whoever makes room sees by one operation whether somebody
//! waits; only then is there a lock. A sender says that it waits under that lock, and holds it until it sleeps: whoever
//! sees that it waits, and takes the lock, finds it asleep.

use std::time::{Duration, Instant};

use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::{Condvar, Mutex};

/// How long a sender waits for room.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    Never,
    Until(Instant),
    Forever,
}

impl Wait {
    /// A time so long that the clock cannot name its end is for ever.
    pub(crate) fn at_most(time: Duration) -> Self {
        Instant::now().checked_add(time).map_or(Self::Forever, Self::Until)
    }
}

#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    Full,
    Closed,
}

/// One more that waits; those who wait are counted above the room that is taken.
const WAITER: u64 = 1 << 32;
const CLOSED: u64 = 1 << 63;

#[derive(Clone, Copy)]
struct State(u64);

impl State {
    /// Messages sent and not yet delivered or discarded.
    fn used(self) -> u64 {
        self.0 % WAITER
    }

    fn is_waited_for(self) -> bool {
        self.0 & !CLOSED >= WAITER
    }

    fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }
}

pub(crate) struct Bound {
    capacity: u64,
    state: AtomicU64,
    /// Held by a sender from saying that it waits until it sleeps.
    waiting: Mutex<()>,
    room: Condvar,
}

impl Bound {
    pub(crate) fn new(capacity: usize) -> Self {
        // More would not fit into the queue.
        let capacity = (capacity as u64).min(WAITER - 1);
        Self { capacity, state: AtomicU64::new(0), waiting: Mutex::new(()), room: Condvar::new() }
    }

    /// Takes room for one message.
    #[inline]
    pub(crate) fn acquire(&self, wait: Wait) -> Result<(), Refusal> {
        match (self.take(0), wait) {
            (Err(Refusal::Full), Wait::Until(deadline)) => self.wait(Some(deadline)),
            (Err(Refusal::Full), Wait::Forever) => self.wait(None),
            (taken, _) => taken,
        }
    }

    /// Takes room, and `waiter` off, if there is some.
    #[inline]
    fn take(&self, waiter: u64) -> Result<(), Refusal> {
        // Relaxed throughout: the word guards no other memory. Messages are handed over by the queue.
        let mut state = State(self.state.load(Relaxed));
        loop {
            if state.is_closed() {
                return Err(Refusal::Closed);
            }
            if state.used() >= self.capacity {
                return Err(Refusal::Full);
            }
            let taken = state.0 + 1 - waiter;
            match self.state.compare_exchange_weak(state.0, taken, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => state = State(now),
            }
        }
    }

    #[cold]
    fn wait(&self, deadline: Option<Instant>) -> Result<(), Refusal> {
        let mut waiting = self.waiting.lock();
        self.state.fetch_add(WAITER, Relaxed);
        let mut timed_out = false;
        loop {
            let refusal = match self.take(WAITER) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            };
            // Room may have come with the end of the time, so that is looked at last.
            if timed_out || refusal == Refusal::Closed {
                self.state.fetch_sub(WAITER, Relaxed);
                return Err(refusal);
            }
            match deadline {
                None => self.room.wait(&mut waiting),
                Some(deadline) => timed_out = self.room.wait_until(&mut waiting, deadline).timed_out(),
            }
        }
    }

    /// Gives back the room of one message.
    #[inline]
    pub(crate) fn release(&self) {
        let was = State(self.state.fetch_sub(1, Relaxed));
        if was.is_waited_for() {
            self.wake_one();
        }
    }

    #[cold]
    fn wake_one(&self) {
        drop(self.waiting.lock());
        self.room.notify_one();
    }

    /// Turns away everybody who waits or will.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Relaxed);
        drop(self.waiting.lock());
        self.room.notify_all();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn who_has_waited_is_counted_out() {
        let bound = Bound::new(1);
        assert_eq!(bound.acquire(Wait::Never), Ok(()));
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(bound.acquire(Wait::Forever), Ok(())));
            while !State(bound.state.load(Relaxed)).is_waited_for() {
                thread::yield_now();
            }
            bound.release();
        });
        assert_eq!(bound.state.load(Relaxed), 1, "one place is taken, and nobody waits");

        assert_eq!(bound.acquire(Wait::Until(Instant::now())), Err(Refusal::Full));
        assert_eq!(bound.state.load(Relaxed), 1);
    }
}
