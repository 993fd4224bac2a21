//! Notices callbacks that hold the foreground for too long.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use crate::pipe::Label;

pub(crate) struct Watchdog {
    /// What is too long, if anybody wants to know.
    limit: Option<Duration>,
    longest: Cell<Duration>,
    router: String,
}

impl Watchdog {
    pub(crate) fn new(limit: Option<Duration>, router: &impl fmt::Display) -> Self {
        Self { limit, longest: Cell::new(Duration::ZERO), router: router.to_string() }
    }

    /// Whether each callback is to be timed by itself.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.limit.is_some()
    }

    /// Callbacks took that long, the last of which was one of `pipe`; if this is set, it was the only one.
    #[inline]
    pub(crate) fn note(&self, took: Duration, pipe: impl FnOnce() -> Label) {
        if took > self.longest.get() {
            self.longest.set(took);
        }
        if self.limit.is_some_and(|limit| took > limit) {
            self.bark(took, pipe());
        }
    }

    #[cold]
    fn bark(&self, took: Duration, pipe: Label) {
        log::warn!("{}: a callback or destructor held the foreground for {took:.1?}: {pipe}", self.router);
    }

    pub(crate) fn longest(&self) -> Duration {
        self.longest.get()
    }
}
