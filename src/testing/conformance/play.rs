//! What a host carries through its loop.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::signal::Watch;
use super::verdict::Faults;
use crate::waker::SwitchedWaker;
use crate::{Budget, MessageRouter, MessageRouterBuilder};

/// What the play does when the loop is there.
pub(super) type Opening<S> = Box<dyn FnOnce(&mut S, &MessageRouter<S>)>;

/// What a [`Host`](super::Host) is to run: it is the router's state, or part of it.
pub struct Play {
    pub(super) budget: Budget,
    pub(super) ticks: bool,
    pub(super) hidden: bool,
    pub(super) watch: Arc<Watch>,
    pub(super) switch: Arc<SwitchedWaker>,
    pub(super) faults: Faults,
    /// An [`Opening`] for the state of the host.
    pub(super) opening: Option<Box<dyn Any>>,
    pub(super) is_over: bool,
    pub(super) quit: Option<Box<dyn FnOnce()>>,
}

impl Play {
    /// How often a play that [ticks](Self::ticks) does: 16 ms.
    pub const TICK: Duration = Duration::from_millis(16);

    /// Starts to set up the router, which is to be made of this once: it has the play's budget, and lets the play hold wakes
    /// back. The host may add to it, but not to the budget.
    pub fn builder<S: 'static>(&self) -> MessageRouterBuilder<S> {
        MessageRouter::builder().budget(self.budget).switch(Arc::clone(&self.switch))
    }

    /// Returns how often the host is to call [`tick`](Self::tick), by a timer of its own: [`TICK`](Self::TICK), or not at
    /// all. A host that ticked all the same would hide a wake that got lost.
    pub fn ticks(&self) -> Option<Duration> {
        self.ticks.then_some(Self::TICK)
    }

    /// Returns whether the host is to hide its window, or minimise it.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Begins: starts the router if it is not running, opens pipes, and starts threads that send. To be called once.
    ///
    /// # Panics
    /// When called twice, or with a state of another type than that of the [`Host`](super::Host).
    pub fn begin<S: AsMut<Play> + 'static>(state: &mut S, router: &MessageRouter<S>) {
        let opening = state.as_mut().opening.take().expect("a play begins once");
        let Ok(opening) = opening.downcast::<Opening<S>>() else {
            panic!("a play begins with the state of its host");
        };
        // It may be running.
        let _ = router.start();
        opening(state, router);
    }

    /// The host's timer has run.
    pub fn tick(&self) {
        self.watch.ticks.count();
    }

    /// The host draws its window.
    pub fn redraw(&self) {
        self.watch.redraws.count();
    }

    /// Returns whether the host is to leave its loop.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Sets what is called, once, when the play is over: for hosts that are told to leave. It is called inside
    /// [`dispatch`](MessageRouter::dispatch).
    pub fn on_over(&mut self, quit: impl FnOnce() + 'static) {
        self.quit = Some(Box::new(quit));
    }

    pub(super) fn end(&mut self) {
        self.is_over = true;
        if let Some(quit) = self.quit.take() {
            quit();
        }
    }
}

impl AsMut<Self> for Play {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl fmt::Debug for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Play")
            .field("ticks", &self.ticks)
            .field("is_hidden", &self.hidden)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}
