//! The room of a bounded pipe.

use std::time::{Duration, Instant};

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

pub(crate) enum Refusal {
    Full,
    Closed,
}

pub(crate) struct Bound {
    capacity: usize,
    state: Mutex<State>,
    room: Condvar,
}

struct State {
    /// Messages sent and not yet delivered or discarded.
    used: usize,
    closed: bool,
}

impl Bound {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { used: 0, closed: false };
        Self { capacity, state: Mutex::new(state), room: Condvar::new() }
    }

    /// Takes room for one message.
    pub(crate) fn acquire(&self, wait: Wait) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Err(Refusal::Closed);
            }
            if state.used < self.capacity {
                state.used += 1;
                return Ok(());
            }
            match wait {
                Wait::Never => return Err(Refusal::Full),
                Wait::Forever => self.room.wait(&mut state),
                Wait::Until(deadline) => {
                    let timed_out = self.room.wait_until(&mut state, deadline).timed_out();
                    if timed_out && !state.closed && state.used >= self.capacity {
                        return Err(Refusal::Full);
                    }
                }
            }
        }
    }

    /// Gives back the room of one message.
    pub(crate) fn release(&self) {
        self.state.lock().used -= 1;
        self.room.notify_one();
    }

    /// Turns away everybody who waits or will.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.room.notify_all();
    }
}
