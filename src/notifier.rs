//! Whom to wake, and how. *When* is the queue's business: it knows whether the foreground sleeps.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::sync::atomic::AtomicBool;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::{Thread, current};
use crate::waker::Waker;

pub(crate) struct Notifier {
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

/// The waker panicked.
#[derive(Debug)]
pub(crate) struct WakerPanicked;

impl Notifier {
    /// Makes the notifier of the calling thread, which becomes the foreground.
    pub(crate) fn new(waker: Box<dyn Waker>, clock: Clock) -> Self {
        Self {
            manual: AtomicBool::new(false),
            waker,
            foreground: current(),
            wakes: AtomicU64::new(0),
            woken_at: AtomicU64::new(0),
            origin: clock.now(),
            clock,
        }
    }

    /// The notifier of a test that nobody is to be woken by.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn silent() -> Self {
        Self::new(Box::new(|| {}), Clock::System)
    }

    /// Wakes the foreground.
    pub(crate) fn wake(&self) -> Result<(), WakerPanicked> {
        let since = self.clock.now().saturating_duration_since(self.origin);
        let now = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        // Relaxed, both: figures for people, which a model need not know.
        self.woken_at.store(now, Relaxed);
        self.wakes.fetch_add(1, Relaxed);
        // Relaxed: whoever wakes has acquired the foreground's falling asleep, before which it was set.
        if self.manual.load(Relaxed) {
            self.foreground.unpark();
            return Ok(());
        }
        catch_unwind(AssertUnwindSafe(|| self.waker.wake())).map_err(|_| {
            log::error!("the waker of a router panicked; its messages wait for the next wake");
            WakerPanicked
        })
    }

    /// Foreground: from now on wakes go to the parked thread (`true`) or to the event loop (`false`).
    pub(crate) fn set_manual(&self, manual: bool) {
        // Relaxed: published by falling asleep, which is before the first wake that must see it.
        self.manual.store(manual, Relaxed);
    }

    pub(crate) fn is_foreground(&self) -> bool {
        current().id() == self.foreground.id()
    }

    pub(crate) fn wakes(&self) -> u64 {
        self.wakes.load(Relaxed)
    }

    /// When the last wake was sent.
    pub(crate) fn woken_at(&self) -> Instant {
        let since = Duration::from_nanos(self.woken_at.load(Relaxed));
        self.origin.checked_add(since).unwrap_or(self.origin)
    }
}
