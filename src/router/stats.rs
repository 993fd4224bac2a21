//! What a router has done so far, in figures.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::queue::Place;

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
    /// Calls of [`dispatch`](crate::MessageRouter::dispatch) while the router was running in its event loop.
    pub dispatches: u64,
    /// Pipes whose end has not been routed yet, and which their receiver has not closed.
    pub open_pipes: usize,
    /// For how long the oldest message in the queue has waited; zero if nothing is queued. Messages that wait
    /// in a receiver are not among these. No clock is read for a single message, so this is an upper bound,
    /// taken from when its burst began. If it grows from turn to turn, the foreground cannot keep up, or the loop
    /// does not dispatch.
    pub oldest_wait: Duration,
    /// The longest that `oldest_wait` was when a dispatch began; so it tells of a stall that is over.
    /// [`route_until`](crate::MessageRouter::route_until) does not record it.
    pub longest_wait: Duration,
    /// The longest time that a callback took: an upper bound, for the clock is not read around each of
    /// them. While callbacks are quick it may cover sixteen of them. With a
    /// [watchdog](crate::MessageRouterBuilder::watchdog) it is exact.
    pub longest_callback: Duration,
}

/// Since when the queued messages wait. Messages carry no time, but the queue has places: what lies behind
/// where it ended at some moment was sent after that moment.
#[derive(Default)]
pub(crate) struct Ages {
    known: Cell<Option<Known>>,
    /// When the router last went to rest. A wake before that was for messages that have gone.
    idle_since: Cell<Option<Instant>>,
    longest: Cell<Duration>,
}

#[derive(Clone, Copy)]
struct Known {
    /// What lies before the mark was sent at this time or later.
    since: Instant,
    /// Where the queue ended, and when.
    mark: Place,
    marked_at: Instant,
}

impl Ages {
    /// A dispatch begins at `now`; the queue reaches from `head` to `end`. After a rest, the first message
    /// woke at `woken_at`.
    pub(crate) fn begin(&self, now: Instant, (head, end): (Place, Place), woken_at: Instant) {
        let known = match self.known.get() {
            Some(known) if head < known.mark => known,
            Some(known) => Known { since: known.marked_at, mark: end, marked_at: now },
            None => Known { since: self.first_since(woken_at), mark: end, marked_at: now },
        };
        self.known.set(Some(known));
        if head < end {
            self.longest.set(self.longest.get().max(now.saturating_duration_since(known.since)));
        }
    }

    /// For how long, at `now`, the first message has waited in a queue that begins at `head`, and has one.
    pub(crate) fn oldest(&self, now: Instant, head: Place, woken_at: Instant) -> Duration {
        let since = match self.known.get() {
            Some(known) if head < known.mark => known.since,
            Some(known) => known.marked_at,
            None => self.first_since(woken_at),
        };
        now.saturating_duration_since(since)
    }

    fn first_since(&self, woken_at: Instant) -> Instant {
        self.idle_since.get().map_or(woken_at, |idle_since| woken_at.max(idle_since))
    }

    /// At `now`, nothing is queued, and whoever queues something wakes.
    pub(crate) fn idle(&self, now: Instant) {
        self.known.set(None);
        self.idle_since.set(Some(now));
    }

    pub(crate) fn longest(&self) -> Duration {
        self.longest.get()
    }
}
