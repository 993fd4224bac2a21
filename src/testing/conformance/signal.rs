//! How the threads of a play see what the loop does.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A count that a thread can wait for.
#[derive(Debug, Default)]
pub(super) struct Signal {
    count: Mutex<u64>,
    raised: Condvar,
}

impl Signal {
    pub(super) fn raise(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.raised.notify_all();
    }

    /// Waits until the signal was raised `count` times; `false` if that takes too long.
    pub(super) fn wait_for(&self, count: u64, time: Duration) -> bool {
        let raised = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.raised.wait_timeout_while(raised, time, |raised| *raised < count);
        *wait.unwrap_or_else(PoisonError::into_inner).0 >= count
    }
}

/// What a host does besides messages.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) ticks: Pulse,
    pub(super) redraws: Pulse,
}

/// Something that is to happen again and again.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    beats: AtomicU64,
    gaps: Mutex<Gaps>,
}

#[derive(Debug, Default)]
struct Gaps {
    last: Option<Instant>,
    longest: Duration,
}

impl Pulse {
    pub(super) fn count(&self) {
        // Relaxed: a figure.
        self.beats.fetch_add(1, Relaxed);
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner).beat();
    }

    pub(super) fn beats(&self) -> u64 {
        self.beats.load(Relaxed)
    }

    /// Returns the longest time without a beat since this was last called.
    pub(super) fn longest_gap(&self) -> Duration {
        let mut gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        gaps.beat();
        std::mem::take(&mut gaps.longest)
    }
}

impl Gaps {
    fn beat(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            self.longest = self.longest.max(now.saturating_duration_since(last));
        }
    }
}
