//! The one ordered queue between the background and the foreground.
//!
//! Everything else knows it by [`Queue`], the producers' end, and [`Backlog`], the consumer's: entries
//! come out in the order in which they went in, whatever their pipe and type. A different way of storing
//! messages is a different pair of these two.
//!
//! # How messages are stored
//! Under one lock lies a [`Batch`]: a list of tokens, which says whose turn it is, and for each *type*
//! of message a lane, which holds the messages themselves, unboxed and in the tokens' order. A send pushes
//! to both. The consumer swaps the whole batch for its own empty one, so it takes the lock once a batch
//! and not once a message; a message is never boxed, and an idle pipe owns no buffer.
//!
//! A latest-value pipe keeps its value in a slot of its own ([`Latest`](crate::pipe::Latest)); the batch
//! only remembers the place in the order at which the value is due, and moves it when the value is
//! replaced. So a flood of values does not grow the queue.

mod batch;

use std::any::Any;
use std::mem;

use parking_lot::Mutex;

use self::batch::Batch;
use crate::pipe::{PipeEnd, PipeId};

/// Which lane carries a pipe's messages: a small number for each type, given by the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneId(pub(crate) u32);

/// A run of a router, from start to stop. Senders of an earlier one are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u32);

/// The place of a latest value in the queue, for which it is due.
///
/// `batch` tells whether the place is still with the producers; `before` counts the tokens that come
/// first; `ticket` orders places between the same two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    batch: u64,
    before: usize,
    ticket: u64,
}

/// The producers' end.
pub(crate) struct Queue {
    shared: Mutex<Shared>,
}

struct Shared {
    batch: Box<Batch>,
    /// Counts the batches, to tell the places of this one from the consumer's.
    batch_number: u64,
    tickets: u64,
    epoch: Epoch,
    counts: Counts,
}

/// What the producers have done since the router was made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Messages accepted.
    pub(crate) sent: u64,
    /// Values of latest-value pipes among them that a newer one replaced before their turn came.
    pub(crate) replaced: u64,
}

/// The message was not taken: its epoch is over.
pub(crate) struct EpochIsOver;

impl Queue {
    pub(crate) fn new() -> Self {
        let shared = Shared {
            batch: Box::default(),
            batch_number: 0,
            tickets: 0,
            epoch: Epoch(0),
            counts: Counts::default(),
        };
        Self { shared: Mutex::new(shared) }
    }

    /// Appends a message of `pipe`, or gives it back if the pipe's epoch is over.
    #[inline]
    pub(crate) fn push<T: Send + 'static>(
        &self,
        pipe: PipeId,
        lane: LaneId,
        epoch: Epoch,
        message: T,
    ) -> Result<(), T> {
        let mut shared = self.shared.lock();
        if shared.epoch != epoch {
            return Err(message);
        }
        shared.counts.sent += 1;
        shared.batch.push(pipe, lane, message);
        Ok(())
    }

    /// Appends the end of `pipe`, which nothing of it may follow.
    pub(crate) fn push_end(&self, pipe: PipeId, epoch: Epoch, end: PipeEnd) -> Result<(), EpochIsOver> {
        let mut shared = self.shared.lock();
        if shared.epoch != epoch {
            return Err(EpochIsOver);
        }
        shared.batch.push_end(pipe, end);
        Ok(())
    }

    /// Appends a latest value of `pipe`, in place of the one at `old`.
    pub(crate) fn push_latest(
        &self,
        pipe: PipeId,
        epoch: Epoch,
        old: Option<Place>,
    ) -> Result<Place, EpochIsOver> {
        let mut shared = self.shared.lock();
        if shared.epoch != epoch {
            return Err(EpochIsOver);
        }
        shared.counts.sent += 1;
        shared.counts.replaced += u64::from(old.is_some());
        let batch_number = shared.batch_number;
        let old = old.filter(|place| place.batch == batch_number);
        if let Some(old) = old {
            if shared.batch.is_last(old) {
                return Ok(old);
            }
            shared.batch.remove_latest(old);
        }
        shared.tickets += 1;
        let ticket = shared.tickets;
        Ok(shared.batch.push_latest(pipe, batch_number, ticket))
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.shared.lock().epoch
    }

    pub(crate) fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shared.lock().batch.is_empty()
    }

    /// Ends the epoch and takes out what is queued. From here on, senders opened before are refused.
    pub(crate) fn end_epoch(&self) -> impl Sized + use<> {
        let mut shared = self.shared.lock();
        shared.epoch = Epoch(shared.epoch.0.wrapping_add(1));
        shared.batch_number += 1;
        mem::take(&mut shared.batch)
    }

    fn swap(&self, empty: &mut Box<Batch>) -> bool {
        let mut shared = self.shared.lock();
        if shared.batch.is_empty() {
            return false;
        }
        shared.batch_number += 1;
        mem::swap(&mut shared.batch, empty);
        true
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A message of a pipe; [`Backlog::take`] takes it.
    Message(PipeId),
    /// A pipe's latest value is due, if its slot still names this place.
    Latest(PipeId, Place),
    /// A pipe's end.
    End(PipeId, PipeEnd),
}

impl Entry {
    pub(crate) fn pipe(self) -> PipeId {
        match self {
            Self::Message(pipe) | Self::Latest(pipe, _) | Self::End(pipe, _) => pipe,
        }
    }
}

/// The consumer's end: the batch being worked off, and where in it the work stands.
#[derive(Default)]
pub(crate) struct Backlog {
    batch: Box<Batch>,
}

impl Backlog {
    /// Returns what comes next, without taking it. Never looks at the producers' end.
    #[inline]
    pub(crate) fn front(&self) -> Option<Entry> {
        self.batch.front()
    }

    /// Fetches what the producers have queued, once everything before was taken. Returns whether there
    /// was anything.
    pub(crate) fn refill(&mut self, queue: &Queue) -> bool {
        debug_assert!(self.batch.is_empty(), "a batch is worked off before the next is fetched");
        self.batch.recycle();
        queue.swap(&mut self.batch)
    }

    /// Takes the next entry if it is a message of `pipe`.
    #[inline]
    pub(crate) fn take<T: Send + 'static>(&mut self, pipe: PipeId) -> Option<T> {
        self.batch.take(pipe)
    }

    /// Takes the latest value's place that is next.
    pub(crate) fn pass_latest(&mut self, place: Place) {
        self.batch.remove_latest(place);
    }

    /// Takes the end that is next.
    pub(crate) fn pass_end(&mut self) {
        self.batch.pass_end();
    }

    /// Takes up to `most` messages from the front that belong to one pipe nobody receives. They are
    /// dropped with the returned value, which the caller does when no borrow is held.
    pub(crate) fn discard(&mut self, most: usize) -> (usize, Box<dyn Any>) {
        self.batch.discard(most)
    }

    /// Takes out everything.
    pub(crate) fn clear(&mut self) -> impl Sized + use<> {
        mem::take(&mut self.batch)
    }

    /// Gives back the memory of a flood that has passed: the consumer's and the producers'.
    pub(crate) fn release(&mut self, queue: &Queue) {
        if self.batch.is_empty() {
            self.batch.recycle();
        }
        let mut shared = queue.shared.lock();
        if shared.batch.is_empty() {
            shared.batch.recycle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: PipeId = PipeId { slot: 0, generation: 1 };

    #[test]
    fn nothing_is_queued_behind_the_back_of_a_stop() {
        let queue = Queue::new();
        let epoch = queue.epoch();
        assert_eq!(queue.push(PIPE, LaneId(0), epoch, 1), Ok(()));
        drop(queue.end_epoch());
        assert_eq!(queue.push(PIPE, LaneId(0), epoch, 2), Err(2));
        assert!(queue.push_end(PIPE, epoch, PipeEnd::Stopped).is_err());
        assert!(queue.push_latest(PIPE, epoch, None).is_err());
        assert!(queue.is_empty());
        assert_eq!(queue.counts().sent, 1);
    }

    #[test]
    fn a_latest_value_moves_behind_what_came_before_it() {
        let (queue, mut backlog) = (Queue::new(), Backlog::default());
        let epoch = queue.epoch();
        let latest = PipeId { slot: 1, generation: 2 };
        let Ok(old) = queue.push_latest(latest, epoch, None) else { unreachable!("the epoch lasts") };
        queue.push(PIPE, LaneId(0), epoch, 1).unwrap();
        let Ok(new) = queue.push_latest(latest, epoch, Some(old)) else { unreachable!("the epoch lasts") };
        queue.push(PIPE, LaneId(0), epoch, 2).unwrap();
        assert!(backlog.refill(&queue));
        assert_eq!(backlog.take::<i32>(PIPE), Some(1));
        assert_eq!(backlog.take::<i32>(PIPE), None);
        assert_eq!(backlog.front(), Some(Entry::Latest(latest, new)));
        backlog.pass_latest(new);
        assert_eq!(backlog.take::<i32>(PIPE), Some(2));
        assert_eq!(backlog.front(), None);
    }
}
