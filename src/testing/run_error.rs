//! Why a test loop gave up.

use std::error::Error;
use std::fmt;

use super::Ran;

/// A [`TestLoop`](super::TestLoop) gave up; tells why, and what it left undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunError {
    /// Why the loop gave up.
    pub reason: RunErrorReason,
    /// What it had done by then.
    pub ran: Ran,
    /// Messages that wait: in the queue, or in a receiver that has no callback.
    pub queued: u64,
    /// Pipes that may still bring something.
    pub open_pipes: usize,
    /// Timers that are still to come.
    pub timers: usize,
}

/// Why a [`TestLoop`](super::TestLoop) gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunErrorReason {
    /// The loop slept, and nobody woke it while its patience lasted.
    NotWoken,
    /// The condition does not hold, and the loop would sleep for ever: no sender is left, and nobody else
    /// has its waker.
    NoSenders,
    /// There was always more to do while the loop's patience lasted: a callback or a timer makes the next one
    /// come, or a worker floods the loop.
    NeverIdle,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ran, queued, open_pipes, timers, .. } = self;
        f.write_str(match self.reason {
            RunErrorReason::NotWoken => "the loop was not woken in time",
            RunErrorReason::NoSenders => "the condition does not hold, and no sender is left to change it",
            RunErrorReason::NeverIdle => "the loop found no rest in time",
        })?;
        write!(f, "; it had turned {} times and delivered {} messages; ", ran.turns, ran.delivered)?;
        write!(f, "{queued} messages are queued, {open_pipes} pipes open")?;
        if self.reason == RunErrorReason::NotWoken && *queued > 0 {
            f.write_str(
                " (has their receiver a callback? does the router wake with this loop's waker, \
                 or did `route_until` take it over?)",
            )?;
        }
        write!(f, ", and {timers} timers are to come")?;
        if self.reason != RunErrorReason::NeverIdle && *timers > 0 {
            f.write_str(" (`advance` moves the time)")?;
        }
        Ok(())
    }
}

impl Error for RunError {}
