//! What a router has done so far, in figures.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Counts of a router since it was made, over all its runs; from
/// [`MessageRouter::stats`](crate::MessageRouter::stats).
///
/// Every message is in exactly one of `delivered`, `discarded` and `queued`, so `sent` is their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterStats {
    /// Messages for which a send returned `Ok`.
    pub sent: u64,
    /// Messages given to a callback or taken from a receiver.
    pub delivered: u64,
    /// Messages that will never be delivered: their pipe was closed, the router was stopped, or a
    /// newer value took their place in a latest-value pipe.
    pub discarded: u64,
    /// Of the discarded, those whose place a newer value took.
    pub replaced: u64,
    /// Messages that wait: in the queue, or in a receiver that nobody has taken them from. If this grows
    /// from look to look, the foreground cannot keep up: see
    /// [choosing a pipe](crate::guide::choosing_a_pipe).
    pub queued: u64,
    /// Calls of the waker, and wakes of `route_until`.
    pub wakes: u64,
    /// Pipes whose senders have not all gone and whose receiver has not closed them.
    pub open_pipes: usize,
    /// The longest time that a message had waited in the queue when a dispatch began, as far as is
    /// known: no clock is read for a single message, so this is an upper bound, taken from when its
    /// burst began.
    pub longest_wait: Duration,
}

/// Since when the queued messages wait. Messages carry no time; a burst does.
#[derive(Default)]
pub(crate) struct Ages {
    /// A lower bound of when the oldest message was sent that the producers' end holds.
    queue_since: Cell<Option<Instant>>,
    /// The same for the batch being worked off.
    batch_since: Cell<Option<Instant>>,
    /// When the router last went to rest. A wake before that was for messages that have gone.
    idle_since: Cell<Option<Instant>>,
    longest: Cell<Duration>,
}

impl Ages {
    /// A dispatch begins at `now`; `is_rest` tells whether an earlier one left some of its batch.
    pub(crate) fn begin(&self, now: Instant, is_rest: bool) {
        if is_rest {
            self.note(self.batch_since.get(), now);
        }
    }

    /// At `now`, the producers' messages became the batch; the first of them woke at `woken_at`, unless
    /// the queue was looked at since.
    pub(crate) fn swapped(&self, now: Instant, woken_at: Instant) {
        let woken_at = self.idle_since.get().map_or(woken_at, |idle_since| woken_at.max(idle_since));
        let since = self.queue_since.replace(Some(now)).unwrap_or(woken_at);
        self.batch_since.set(Some(since));
        self.note(Some(since), now);
    }

    /// At `now` or later, nothing was queued.
    pub(crate) fn found_empty(&self, now: Instant) {
        self.queue_since.set(Some(now));
    }

    /// At `now`, nothing is queued, and whoever queues something wakes.
    pub(crate) fn idle(&self, now: Instant) {
        self.queue_since.set(None);
        self.idle_since.set(Some(now));
    }

    fn note(&self, since: Option<Instant>, now: Instant) {
        let waited = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.longest.set(self.longest.get().max(waited));
    }

    pub(crate) fn longest(&self) -> Duration {
        self.longest.get()
    }
}
