//! How long one turn of the loop may spend on messages.

use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::pipe::Label;
use crate::watchdog::Watchdog;

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
    left: usize,
    time: Duration,
    clock: &'a Clock,
    watchdog: &'a Watchdog,
    /// When the first reading was made, and the last.
    start: Instant,
    now: Instant,
    /// Messages from one reading to the next, and how many of them are left.
    stride: u32,
    until_reading: u32,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(budget: Budget, now: Instant, clock: &'a Clock, watchdog: &'a Watchdog) -> Self {
        let Budget { time, messages } = budget;
        Self { left: messages.max(1), time, clock, watchdog, start: now, now, stride: 1, until_reading: 1 }
    }

    /// How many more messages the budget has room for.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Counts a message that was dealt with, of the pipe that has this label.
    #[inline]
    pub(crate) fn spend(&mut self, pipe: impl FnOnce() -> Label) {
        self.left = self.left.saturating_sub(1);
        self.until_reading -= 1;
        if self.until_reading == 0 {
            self.read(pipe);
        }
    }

    /// Counts a step that found nothing to do.
    pub(crate) fn skip(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    fn read(&mut self, pipe: impl FnOnce() -> Label) {
        let now = self.clock.now();
        let took = now.saturating_duration_since(self.now);
        self.now = now;
        self.watchdog.note(took, pipe);
        let may_stride = took < self.time / QUICK_SHARE && !self.watchdog.is_set();
        self.stride = if may_stride { (self.stride * 2).min(LONGEST_STRIDE) } else { 1 };
        self.until_reading = self.stride;
        if now.saturating_duration_since(self.start) >= self.time {
            self.left = 0;
        }
    }
}
