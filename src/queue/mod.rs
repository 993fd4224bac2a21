//! The one ordered queue between the background and the foreground, and the wake of a foreground that sleeps.
//!
//! Everything else knows it by [`Queue`], the producers' end, and [`Backlog`], the consumer's. Entries come
//! out in the order in which they went in, whatever their pipe and type. Whoever appends to the queue of a
//! consumer that [sleeps](Backlog::try_sleep) wakes it, once.
//!
//! There are two of them, alike to the outside and in what they do:
//! - `list`, a list of blocks of words without a lock on the way of a message. It is the one that is used.
//! - `locked`, one mutex and safe code only. The other is tested against it and compared with it; all tests
//!   pass with it too (`RUSTFLAGS="--cfg foreground_locked_queue"`).
//!
//! A pipe is known here by its slot in the router's table, which it keeps until its end has passed through
//! the queue. So a slot that an entry names is still the slot of that entry's pipe.
//!
//! A latest-value pipe keeps its value in a slot of its own ([`Latest`](crate::pipe::Latest)); the queue only
//! remembers the [`Place`] in the order at which the value is due, and moves it when the value is replaced.
//! So a flood of values does not grow the queue.

#[cfg(any(test, not(foreground_locked_queue)))]
mod list;
#[cfg(any(test, foreground_locked_queue))]
mod locked;
mod places;
#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(not(foreground_locked_queue))]
pub(crate) use self::list::{Backlog, Queue};
#[cfg(foreground_locked_queue)]
pub(crate) use self::locked::{Backlog, Queue};
pub(crate) use self::places::Place;
use crate::pipe::End;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A message of a pipe; [`Backlog::take`] takes it.
    Message(u32),
    /// A pipe's latest value is due, if its slot still names this place.
    Latest(u32, Place),
    /// A pipe's end: its last entry.
    End(u32, End),
}

impl Entry {
    pub(crate) fn slot(self) -> u32 {
        match self {
            Self::Message(slot) | Self::Latest(slot, _) | Self::End(slot, _) => slot,
        }
    }
}

/// What the producers have done since the queue was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Messages accepted.
    pub(crate) sent: u64,
    /// Values of latest-value pipes among them that a newer one replaced before their turn came.
    pub(crate) replaced: u64,
}

/// The queue takes nothing any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed;
