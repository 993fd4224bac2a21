//! The place for one response, shared by its two ends: a [`Transaction`](super::Transaction) puts it in, and a
//! [`PendingResponse`](super::PendingResponse) takes it out.
//!
//! Whatever is the user's (a response, a callback) is moved out of the lock before it is dropped or called.

use std::mem;

use super::error::{ResponseError, SendResponseError};
use crate::sync::{Mutex, Thread, spin_loop, yield_now};

/// How a request ended for its client.
pub(super) type Outcome<R> = Result<R, ResponseError>;

/// Where an outcome goes that no thread waits for: a pipe of the client's router, or a socket.
pub(super) trait Deliver<R>: Send {
    /// Delivers the outcome, or says why a response could not be.
    fn deliver(self: Box<Self>, outcome: Outcome<R>) -> Result<(), SendResponseError<R>>;
    /// Whether nobody will receive it.
    fn is_closed(&self) -> bool;
}

/// Who is to be told of the outcome.
enum Waiter<R> {
    /// Nobody yet: the client has not begun to wait, or looks now and then.
    Nobody,
    /// A thread that sleeps.
    Thread(Thread),
    /// A callback in the foreground.
    Callback(Box<dyn Deliver<R>>),
}

enum State<R> {
    /// There is no outcome yet.
    Open(Waiter<R>),
    /// The outcome is there, and was not taken.
    Settled(Outcome<R>),
    /// The outcome was taken or delivered, or the client has given up.
    Closed,
}

pub(super) struct Slot<R> {
    state: Mutex<State<R>>,
}

impl<R> Slot<R> {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::Open(Waiter::Nobody)) }
    }

    /// Puts the outcome in, and tells whoever waits. Gives a response back if the client has given up.
    pub(super) fn settle(&self, outcome: Outcome<R>) -> Result<(), SendResponseError<R>> {
        let mut state = self.state.lock();
        match mem::replace(&mut *state, State::Closed) {
            State::Open(Waiter::Callback(callback)) => {
                drop(state);
                callback.deliver(outcome)
            }
            State::Open(waiter) => {
                *state = State::Settled(outcome);
                drop(state);
                if let Waiter::Thread(thread) = waiter {
                    thread.unpark();
                }
                Ok(())
            }
            settled_or_closed => {
                *state = settled_or_closed;
                drop(state);
                unwanted(outcome)
            }
        }
    }

    /// Takes the outcome, if it is there.
    pub(super) fn take(&self) -> Option<Outcome<R>> {
        let mut state = self.state.lock();
        if !matches!(*state, State::Settled(_)) {
            return None;
        }
        match mem::replace(&mut *state, State::Closed) {
            State::Settled(outcome) => Some(outcome),
            State::Open(_) | State::Closed => None,
        }
    }

    /// Takes the outcome; or has `thread` unparked when it comes.
    pub(super) fn take_or_unpark(&self, thread: Thread) -> Option<Outcome<R>> {
        let mut state = self.state.lock();
        match mem::replace(&mut *state, State::Closed) {
            State::Settled(outcome) => Some(outcome),
            State::Open(_) => {
                *state = State::Open(Waiter::Thread(thread));
                None
            }
            State::Closed => None,
        }
    }

    /// Has the outcome delivered when it comes, or now.
    pub(super) fn deliver_to(&self, callback: Box<dyn Deliver<R>>) {
        let mut state = self.state.lock();
        match mem::replace(&mut *state, State::Closed) {
            State::Settled(outcome) => {
                drop(state);
                // If it comes back, the router was stopped, and nobody is left to be told.
                let undelivered = callback.deliver(outcome);
                drop(undelivered);
            }
            State::Open(_) => *state = State::Open(Waiter::Callback(callback)),
            State::Closed => {}
        }
    }

    /// The client does not wait any more: nobody will take an outcome, unless it is to be delivered. One that is there
    /// is dropped. Returns whether nobody will.
    pub(super) fn abandon(&self) -> bool {
        let mut state = self.state.lock();
        let unwanted = !matches!(*state, State::Open(Waiter::Callback(_)));
        if unwanted {
            let old = mem::replace(&mut *state, State::Closed);
            drop(state);
            drop(old);
        }
        unwanted
    }

    /// Whether there is an outcome to take.
    pub(super) fn is_settled(&self) -> bool {
        matches!(*self.state.lock(), State::Settled(_))
    }

    /// Whether nobody will take an outcome.
    pub(super) fn is_abandoned(&self) -> bool {
        match &*self.state.lock() {
            State::Open(Waiter::Callback(callback)) => callback.is_closed(),
            State::Open(_) | State::Settled(_) => false,
            State::Closed => true,
        }
    }
}

/// Gives a response back that nobody takes. Of an error nobody need know then.
pub(super) fn unwanted<R>(outcome: Outcome<R>) -> Result<(), SendResponseError<R>> {
    outcome.map_or(Ok(()), |response| Err(SendResponseError::Abandoned(response)))
}

/// Tries again and again, for some microseconds: falling asleep and being woken costs both threads more than that.
///
/// What is tried takes a lock, and does not look at a flag beside it first: for the processor, a look is one transfer
/// between the two threads, and the lock then another one.
pub(super) fn spin<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    /// Pauses of 1, 2, 4 .. 64 instructions, then some in which other threads may run.
    const PAUSES: u32 = 7;
    const YIELDS: u32 = 4;

    // A model has no time to lose, and looks at every order anyway.
    let rounds = if cfg!(loom) { 0 } else { PAUSES + YIELDS };
    for round in 0..rounds {
        let done = attempt();
        if done.is_some() {
            return done;
        }
        if round < PAUSES {
            (0..1 << round).for_each(|_| spin_loop());
        } else {
            yield_now();
        }
    }
    None
}
