//! The place where one reply arrives.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::RemoteError;
use super::codec::Content;
use crate::net::{Disconnect, is_io_thread};

/// What becomes of a request.
pub(super) type Outcome = Result<Content, Failure>;

/// Why a request has no result.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    Remote(RemoteError),
    Disconnected(Disconnect),
}

/// Called with the outcome, on the thread that reads.
type Hook = Box<dyn FnOnce(Outcome) + Send>;

pub(super) struct ReplySlot {
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Waiting,
    Hooked(Hook),
    Done(Outcome),
    Taken,
}

impl ReplySlot {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::Waiting), changed: Condvar::new() }
    }

    /// Gives the outcome, once.
    pub(super) fn complete(&self, outcome: Outcome) {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Waiting => {
                *state = State::Done(outcome);
                self.changed.notify_all();
            }
            State::Hooked(hook) => {
                drop(state);
                hook(outcome);
            }
            // It has its outcome already: the peer's, or that the connection has ended.
            before => *state = before,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(*self.state.lock(), State::Done(_))
    }

    pub(super) fn take(&self) -> Option<Outcome> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Done(outcome) => Some(outcome),
            before => {
                *state = before;
                None
            }
        }
    }

    /// Waits until the outcome is there, or the time has come.
    pub(super) fn wait(&self, deadline: Option<Instant>) {
        let mut state = self.state.lock();
        while matches!(*state, State::Waiting) && !is_io_thread() {
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() {
                        return;
                    }
                }
            }
        }
    }

    /// Has a function called with the outcome: now, if it is there.
    pub(super) fn hook(&self, hook: impl FnOnce(Outcome) + Send + 'static) {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Waiting => *state = State::Hooked(Box::new(hook)),
            State::Done(outcome) => {
                drop(state);
                hook(outcome);
            }
            before => *state = before,
        }
    }
}
