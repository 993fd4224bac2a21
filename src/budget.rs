//! How long one turn of the loop may spend on messages.

use std::time::{Duration, Instant};

use crate::clock::Clock;

/// How much one [`dispatch`](crate::MessageRouter::dispatch) may do before the loop gets its turn.
///
/// Whichever limit is met first ends the dispatch; the message under way is finished. What is left is
/// delivered on the next turn, after input, timers and drawing had theirs. A pipe's end counts as a message, and
/// so does one that is only kept for [`try_recv`](crate::MessageReceiver::try_recv), or discarded.
///
/// Reading the clock costs as much as delivering a message, so a dispatch reads it after each message
/// at first, and then less often as long as the callbacks turn out to be quick, down to every sixteenth
/// message. A callback that is suddenly slow after many quick ones may therefore be followed by up to
/// fifteen more before the clock is read.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use foreground::{Budget, MessageRouter};
///
/// // Leaves more of each frame to drawing.
/// let router: MessageRouter =
///     MessageRouter::builder().budget(Budget::new(Duration::from_millis(2), 256)).build(|| {});
/// # drop(router);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    time: Duration,
    messages: usize,
}

impl Budget {
    /// Makes a budget of `time` and a number of `messages`. At least one message is always delivered.
    pub const fn new(time: Duration, messages: usize) -> Self {
        Self { time, messages }
    }

    /// Returns the longest time that a dispatch goes on for.
    pub const fn time(&self) -> Duration {
        self.time
    }

    /// Returns the most messages that a dispatch delivers.
    pub const fn messages(&self) -> usize {
        self.messages
    }
}

impl Default for Budget {
    /// 4 ms or 1024 messages: a quarter of a frame at 60 Hz.
    fn default() -> Self {
        Self::new(Duration::from_millis(4), 1024)
    }
}

/// Messages between two readings of the clock, at the most.
const LONGEST_STRIDE: u32 = 16;
/// The share of the time limit that a stride may take if the next one is to be longer.
const QUICK_SHARE: u32 = 64;

/// A budget being spent.
pub(crate) struct Meter<'a> {
    clock: &'a Clock,
    left: usize,
    limits: Option<Limits>,
}

struct Limits {
    time: Duration,
    /// When the first reading was made.
    start: Instant,
    /// The last reading.
    now: Instant,
    /// Messages from one reading to the next, and how many of them are left.
    stride: u32,
    until_reading: u32,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(budget: Budget, clock: &'a Clock, now: Instant) -> Self {
        let limits = Limits { time: budget.time, start: now, now, stride: 1, until_reading: 1 };
        Self { clock, left: budget.messages.max(1), limits: Some(limits) }
    }

    /// A budget of one message that reads no clock.
    pub(crate) fn single(clock: &'a Clock) -> Self {
        Self { clock, left: 1, limits: None }
    }

    /// The last reading of the clock, or a new one if this budget reads none.
    pub(crate) fn now(&self) -> Instant {
        self.limits.as_ref().map_or_else(|| self.clock.now(), |limits| limits.now)
    }

    /// How many more messages the budget has room for.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Counts a message that was dealt with.
    #[inline]
    pub(crate) fn spend(&mut self) {
        self.spend_many(1);
    }

    /// Counts `count` messages that were dealt with in one go.
    #[inline]
    pub(crate) fn spend_many(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        if let Some(limits) = &mut self.limits {
            limits.until_reading = limits.until_reading.saturating_sub(count.try_into().unwrap_or(u32::MAX));
            if limits.until_reading == 0 && limits.is_over(self.clock.now()) {
                self.left = 0;
            }
        }
    }
}

impl Limits {
    fn is_over(&mut self, now: Instant) -> bool {
        let quick = now.saturating_duration_since(self.now) < self.time / QUICK_SHARE;
        self.now = now;
        self.stride = if quick { (self.stride * 2).min(LONGEST_STRIDE) } else { 1 };
        self.until_reading = self.stride;
        now.saturating_duration_since(self.start) >= self.time
    }
}
