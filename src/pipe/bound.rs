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

/// Why a sender has taken no room.
#[derive(Debug, PartialEq)]
pub(crate) enum NoRoom {
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
    pub(crate) fn acquire(&self, wait: Wait) -> Result<(), NoRoom> {
        match (self.take(0), wait) {
            (Err(NoRoom::Full), Wait::Until(deadline)) => self.wait(Some(deadline)),
            (Err(NoRoom::Full), Wait::Forever) => self.wait(None),
            (taken, _) => taken,
        }
    }

    /// Takes room, and `waiter` off, if there is some.
    #[inline]
    fn take(&self, waiter: u64) -> Result<(), NoRoom> {
        // Relaxed throughout: the word guards no other memory. Messages are handed over by the queue.
        let mut state = State(self.state.load(Relaxed));
        loop {
            if state.is_closed() {
                return Err(NoRoom::Closed);
            }
            if state.used() >= self.capacity {
                return Err(NoRoom::Full);
            }
            let taken = state.0 + 1 - waiter;
            match self.state.compare_exchange_weak(state.0, taken, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => state = State(now),
            }
        }
    }

    #[cold]
    fn wait(&self, deadline: Option<Instant>) -> Result<(), NoRoom> {
        let mut waiting = self.waiting.lock();
        self.state.fetch_add(WAITER, Relaxed);
        let mut timed_out = false;
        loop {
            let refusal = match self.take(WAITER) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            };
            // Room may have come with the end of the time, so that is looked at last.
            if timed_out || refusal == NoRoom::Closed {
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

    /// Gives back the room of several messages. Returns false, and gives none, if there are not so many.
    #[cfg(feature = "process")]
    pub(crate) fn release_many(&self, messages: u64) -> bool {
        let given = self
            .state
            .fetch_update(Relaxed, Relaxed, |now| (State(now).used() >= messages).then(|| now - messages));
        if given.is_ok_and(|was| State(was).is_waited_for()) {
            self.wake_all();
        }
        given.is_ok()
    }

    #[cold]
    fn wake_one(&self) {
        drop(self.waiting.lock());
        self.room.notify_one();
    }

    /// Turns away everybody who waits or will.
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Relaxed);
        self.wake_all();
    }

    fn wake_all(&self) {
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

        assert_eq!(bound.acquire(Wait::Until(Instant::now())), Err(NoRoom::Full));
        assert_eq!(bound.state.load(Relaxed), 1);
    }

    #[cfg(feature = "process")]
    #[test]
    fn all_who_wait_take_what_is_given_back_together_and_no_more_is_given_than_was_taken() {
        const WAITERS: u64 = 3;
        let bound = Bound::new(4);
        (0..4).for_each(|_| assert_eq!(bound.acquire(Wait::Never), Ok(())));
        assert!(!bound.release_many(5));
        thread::scope(|scope| {
            (0..WAITERS).for_each(|_| {
                scope.spawn(|| assert_eq!(bound.acquire(Wait::Forever), Ok(())));
            });
            while bound.state.load(Relaxed) / WAITER < WAITERS {
                thread::yield_now();
            }
            assert!(bound.release_many(WAITERS));
        });
        assert_eq!(bound.state.load(Relaxed), 4);
    }
}
