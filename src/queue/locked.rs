//! The queue behind one mutex, in safe code.
//!
//! Under the lock lies a [`Batch`]: a list of tokens, which says whose turn it is, and for each type of message
//! a lane, which holds the messages themselves, unboxed and in the tokens' order. A send pushes to both.
//! The consumer swaps the whole batch for its own empty one, so it takes the lock once a batch and not once
//! a message. A position is the number of entries before it.

use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::mem;

use super::places::Places;
use super::{Closed, Counts, Entry, Place};
use crate::notifier::Notifier;
use crate::pipe::End;
use crate::sync::atomic::AtomicUsize;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::{Arc, Mutex};

/// How much empty memory of a batch is kept for the next burst, in entries.
const KEPT_ENTRIES: usize = 1024;

/// Whose turn it is.
#[derive(Clone, Copy)]
enum Token {
    /// The next `count` messages of the lane belong to the pipe at `slot`.
    Messages {
        slot: u32,
        lane: u32,
        count: u32,
    },
    End {
        slot: u32,
        end: End,
    },
}

/// A stretch of the queue: filled by the senders, then handed whole to the consumer.
#[derive(Default)]
struct Batch {
    tokens: VecDeque<Token>,
    /// A program has few types of messages, so a look at each in turn is quick.
    lanes: Vec<(TypeId, Box<dyn Lane>)>,
}

/// The messages of one type.
trait Lane: Any + Send {
    fn recycle(&mut self);
}

impl<T: Send + 'static> Lane for VecDeque<T> {
    fn recycle(&mut self) {
        self.shrink_to(KEPT_ENTRIES);
    }
}

impl Batch {
    fn push<T: Send + 'static>(&mut self, slot: u32, message: T) {
        let id = TypeId::of::<T>();
        let lane = self.lanes.iter().position(|(of, _)| *of == id).unwrap_or_else(|| {
            self.lanes.push((id, Box::new(VecDeque::<T>::new())));
            self.lanes.len() - 1
        });
        let Some(messages) = self.lane::<T>(lane) else { return };
        messages.push_back(message);
        match self.tokens.back_mut() {
            Some(Token::Messages { slot: last, count, .. }) if *last == slot && *count < u32::MAX => {
                *count += 1
            }
            _ => self.tokens.push_back(Token::Messages { slot, lane: lane as u32, count: 1 }),
        }
    }

    fn lane<T: Send + 'static>(&mut self, lane: usize) -> Option<&mut VecDeque<T>> {
        let lane: &mut dyn Any = self.lanes.get_mut(lane)?.1.as_mut();
        lane.downcast_mut()
    }

    fn front(&self) -> Option<Entry> {
        Some(match *self.tokens.front()? {
            Token::Messages { slot, .. } => Entry::Message(slot),
            Token::End { slot, end } => Entry::End(slot, end),
        })
    }

    fn take<T: Send + 'static>(&mut self, of: u32) -> Option<T> {
        let Some(Token::Messages { slot, lane, count }) = self.tokens.front().copied() else {
            return None;
        };
        if slot != of {
            return None;
        }
        let message = self.lane::<T>(lane as usize)?.pop_front()?;
        match self.tokens.front_mut() {
            Some(Token::Messages { count, .. }) if *count > 1 => *count -= 1,
            _ => drop(self.tokens.pop_front()),
        }
        debug_assert!(count > 0);
        Some(message)
    }

    /// Lets go of memory that only a flood needed.
    fn recycle(&mut self) {
        self.tokens.shrink_to(KEPT_ENTRIES);
        self.lanes.iter_mut().for_each(|(_, lane)| lane.recycle());
    }
}

struct Shared {
    batch: Batch,
    /// Entries so far, and the messages among them.
    entries: u64,
    messages: u64,
    places: Places,
    asleep: bool,
    closed: bool,
}

/// The producers' end.
pub(crate) struct Queue {
    shared: Mutex<Shared>,
    /// How many places there are.
    places: AtomicUsize,
    notifier: Arc<Notifier>,
}

impl Queue {
    fn new(notifier: Arc<Notifier>) -> Self {
        let shared = Shared {
            batch: Batch::default(),
            entries: 0,
            messages: 0,
            places: Places::default(),
            asleep: true,
            closed: false,
        };
        Self { shared: Mutex::new(shared), places: AtomicUsize::new(0), notifier }
    }

    pub(crate) fn notifier(&self) -> &Arc<Notifier> {
        &self.notifier
    }

    /// Appends a message, and wakes the consumer if it sleeps. Gives the message back if the queue is closed.
    pub(crate) fn push<T: Send + 'static>(&self, slot: u32, message: T) -> Result<(), T> {
        self.push_silently(slot, message)?;
        self.wake_if_asleep();
        Ok(())
    }

    /// Appends one of several messages. After the last the caller calls [`wake_if_asleep`](Self::wake_if_asleep).
    pub(crate) fn push_silently<T: Send + 'static>(&self, slot: u32, message: T) -> Result<(), T> {
        let mut shared = self.shared.lock();
        if shared.closed {
            return Err(message);
        }
        shared.entries += 1;
        shared.messages += 1;
        shared.batch.push(slot, message);
        Ok(())
    }

    /// Appends the end of a pipe, and wakes the consumer if it sleeps, unless it `may_wait` until something
    /// else does.
    pub(crate) fn push_end(&self, slot: u32, end: End, may_wait: bool) -> Result<(), Closed> {
        let mut shared = self.shared.lock();
        if shared.closed {
            return Err(Closed);
        }
        shared.entries += 1;
        shared.batch.tokens.push_back(Token::End { slot, end });
        let wakes = !may_wait && mem::take(&mut shared.asleep);
        drop(shared);
        if wakes {
            self.wake();
        }
        Ok(())
    }

    /// Appends a latest value, in place of the one at `old`. Returns its place. The caller stores the value,
    /// and then calls [`wake_if_asleep`](Self::wake_if_asleep).
    pub(crate) fn push_latest(&self, slot: u32, old: Option<Place>) -> Result<Place, Closed> {
        let mut shared = self.shared.lock();
        if shared.closed {
            return Err(Closed);
        }
        let position = shared.entries;
        let place = shared.places.put(position, slot, old);
        // Relaxed: written and read in an order that the lock gives, or looked at again under it.
        self.places.store(shared.places.len(), Relaxed);
        Ok(place)
    }

    /// Wakes the consumer if it sleeps, after a latest value or several messages were appended, or for the foreground's own sake.
    pub(crate) fn wake_if_asleep(&self) {
        let wakes = mem::take(&mut self.shared.lock().asleep);
        if wakes {
            self.wake();
        }
    }

    fn wake(&self) {
        if self.notifier.wake().is_err() {
            self.stay_asleep();
        }
    }

    /// Has the next sender wake the consumer, because waking it just now failed.
    pub(crate) fn stay_asleep(&self) {
        self.shared.lock().asleep = true;
    }
}

/// The consumer's end: the batch being worked off. It belongs to one thread.
pub(crate) struct Backlog {
    queue: Arc<Queue>,
    batch: Batch,
    /// Entries taken.
    position: u64,
    /// No latest value is due before this position.
    not_before: u64,
}

impl Backlog {
    /// Makes a queue and its consumer, which sleeps.
    pub(crate) fn new(notifier: Arc<Notifier>) -> Self {
        let queue = Arc::new(Queue::new(notifier));
        Self { queue, batch: Batch::default(), position: 0, not_before: 0 }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Returns what comes next, without taking it.
    pub(crate) fn front(&mut self) -> Option<Entry> {
        if self.batch.tokens.is_empty() {
            self.batch.recycle();
            mem::swap(&mut self.batch, &mut self.queue.shared.lock().batch);
        }
        self.due_latest().or_else(|| self.batch.front())
    }

    /// The latest value that is due before the next entry. To be called after that entry was fetched.
    fn due_latest(&mut self) -> Option<Entry> {
        if self.queue.places.load(Relaxed) == 0 || self.position < self.not_before {
            return None;
        }
        let shared = self.queue.shared.lock();
        let first = shared.places.first();
        if let Some((place, slot)) = first.filter(|(place, _)| place.position <= self.position) {
            return Some(Entry::Latest(slot, place));
        }
        // Later values come at the end of the queue, which only moves on.
        self.not_before = first.map_or(shared.entries, |(place, _)| place.position);
        None
    }

    /// Takes the next entry if it is a message of this slot.
    pub(crate) fn take<T: Send + 'static>(&mut self, slot: u32) -> Option<T> {
        if self.front() != Some(Entry::Message(slot)) {
            return None;
        }
        let message = self.batch.take(slot)?;
        self.position += 1;
        Some(message)
    }

    /// The slots of the next entries that were fetched; one for several of the same pipe.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = u32> {
        self.batch.tokens.iter().map(|token| match *token {
            Token::Messages { slot, .. } | Token::End { slot, .. } => slot,
        })
    }

    /// Takes the end that is next.
    pub(crate) fn pass_end(&mut self) {
        if let Some(Token::End { .. }) = self.batch.tokens.front() {
            self.batch.tokens.pop_front();
            self.position += 1;
        }
    }

    /// Takes the latest value's place that is next.
    pub(crate) fn pass_latest(&mut self, place: Place) {
        let mut shared = self.queue.shared.lock();
        shared.places.remove(place);
        self.queue.places.store(shared.places.len(), Relaxed);
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        let shared = self.queue.shared.lock();
        self.position == shared.entries && shared.places.len() == 0
    }

    /// The place of the next entry, and that of the last one; the same if nothing is queued.
    pub(crate) fn extent(&self) -> (Place, Place) {
        let shared = self.queue.shared.lock();
        let first = Place { position: self.position, ticket: 0 };
        let end = shared.places.end(shared.entries);
        (shared.places.first().map_or(first, |(place, _)| place.min(first)), end)
    }

    /// Whether everything before a place was taken.
    pub(crate) fn has_passed(&self, end: Place) -> bool {
        let first = self.queue.shared.lock().places.first();
        self.position >= end.position && first.is_none_or(|(first, _)| first > end)
    }

    /// Goes to sleep if nothing is queued: whoever appends next wakes the consumer.
    pub(crate) fn try_sleep(&mut self) -> bool {
        let mut shared = self.queue.shared.lock();
        if self.position != shared.entries {
            return false;
        }
        shared.asleep = shared.places.len() == 0;
        if !shared.asleep {
            return false;
        }
        shared.batch.recycle();
        self.batch.recycle();
        true
    }

    /// Whether the consumer sleeps: nobody woke it since it went to sleep.
    pub(crate) fn is_asleep(&self) -> bool {
        self.queue.shared.lock().asleep
    }

    /// Ends the sleep of a consumer that nobody woke; or does nothing.
    pub(crate) fn stay_awake(&self) {
        self.queue.shared.lock().asleep = false;
    }

    /// Messages accepted so far, and those of them that a newer value replaced.
    pub(crate) fn counts(&self) -> Counts {
        let shared = self.queue.shared.lock();
        let places = &shared.places;
        Counts { sent: shared.messages + places.sent, replaced: places.replaced }
    }

    /// Closes the queue: from here on, everything is refused. Returns what was accepted before.
    pub(crate) fn close(&mut self) -> Counts {
        self.queue.shared.lock().closed = true;
        self.counts()
    }
}

impl Drop for Backlog {
    /// Drops what is queued.
    fn drop(&mut self) {
        self.close();
        let queued = mem::take(&mut self.queue.shared.lock().batch);
        drop(queued);
    }
}
