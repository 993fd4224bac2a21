//! The shared states of a thread, by number.
//!
//! A host that takes closures from any thread wants them to be [`Send`], which a state is not. So what such a closure
//! carries is a number; what it means is known on the thread that gave it.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, ThreadId};

use super::Shared;
use crate::MessageRouter;

thread_local! {
    /// Kept weakly: a state goes when the program lets go of it.
    static HERE: RefCell<Vec<(Number, Weak<dyn Routed>)>> = const { RefCell::new(Vec::new()) };
}

/// What stands for a [`Shared`] of the thread that makes the number. No two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    id: u64,
    thread: ThreadId,
}

/// The number means something to another thread alone.
#[derive(Debug)]
pub(super) struct ForeignThread;

/// What a router with its state can do, whatever the state is.
pub(super) trait Routed {
    /// Dispatches, and leaves the settling to the host.
    fn dispatch(self: Rc<Self>);

    fn settle(&self);
}

impl Number {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: only that it is unique matters.
        Self { id: NEXT.fetch_add(1, Relaxed), thread: thread::current().id() }
    }

    /// Whether this is the thread that made the number.
    pub(super) fn is_here(self) -> bool {
        self.thread == thread::current().id()
    }

    /// Puts a router, whose waker has the number, together with its state. From now on the number means both.
    pub(super) fn share<S: 'static>(self, router: MessageRouter<S>, state: S) -> Shared<S> {
        let shared = Shared::new(router, state);
        let weak = shared.as_routed();
        HERE.with_borrow_mut(|here| {
            here.retain(|(_, other)| other.strong_count() > 0);
            here.push((self, weak));
        });
        // A loop that was run while the state was made has taken a wake for nothing.
        shared.router().wake();
        shared
    }

    /// Returns what the number means, if it is still there.
    pub(super) fn get(self) -> Result<Option<Rc<dyn Routed>>, ForeignThread> {
        if !self.is_here() {
            return Err(ForeignThread);
        }
        // At the end of the thread there may be no table any more.
        let found = HERE.try_with(|here| {
            let here = here.borrow();
            let found = here.iter().find(|(number, _)| *number == self);
            found.and_then(|(_, weak)| weak.upgrade())
        });
        Ok(found.ok().flatten())
    }
}
