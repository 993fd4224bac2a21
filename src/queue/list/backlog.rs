//! The consumer's end of the list.

use std::ptr::{self, NonNull};

use super::block::{BLOCK_WORDS, Block, NONE};
use super::entry::{END_WORDS, Header};
use super::{KEPT_BLOCKS, Patience, Queue, Stored, Tail};
use crate::notifier::Notifier;
use crate::queue::{Counts, Entry, Place};
use crate::sync::Arc;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::yield_now;

/// The consumer's end: where it stands. It belongs to one thread.
pub(crate) struct Backlog {
    queue: Arc<Queue>,
    block: *const Block,
    index: usize,
    offset: usize,
    /// The position of the block's first word.
    start: u64,
    /// No latest value is due before this position.
    not_before: u64,
    /// The index and offset behind the last entry, once the queue is closed.
    closed_at: Option<(usize, usize)>,
}

impl Backlog {
    /// Makes a queue and its consumer, which sleeps. There is no other way to make either, so a queue has one
    /// consumer.
    pub(crate) fn new(notifier: Arc<Notifier>) -> Self {
        let queue = Arc::new(Queue::new(notifier));
        // SAFETY: the first block was set when the queue was made, which the arc orders before this.
        let block = unsafe { queue.directory.get(0) };
        Self { queue, block, index: 0, offset: 0, start: 0, not_before: 0, closed_at: None }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    #[inline]
    fn block(&self) -> &Block {
        // SAFETY: the consumer's block is given back by the consumer, when it leaves it.
        unsafe { &*self.block }
    }

    /// Returns what comes next, without taking it: nothing if nothing is queued, or if it is still being written,
    /// which rarely lasts.
    #[inline]
    pub(crate) fn front(&mut self) -> Option<Entry> {
        let header = self.header();
        self.due_latest().or_else(|| header.map(Header::decode))
    }

    /// The latest value that is due before the next entry. To be called after that entry's header was looked
    /// at: a value that was sent before an entry which is seen is then seen too.
    #[inline]
    fn due_latest(&mut self) -> Option<Entry> {
        if self.queue.places.load(Relaxed) == 0 || self.position() < self.not_before {
            return None;
        }
        self.look_for_latest()
    }

    #[cold]
    fn look_for_latest(&mut self) -> Option<Entry> {
        let position = self.position();
        let shelf = self.queue.shelf.lock();
        let first = shelf.places.first();
        if let Some((place, slot)) = first.filter(|(place, _)| place.position <= position) {
            return Some(Entry::Latest(slot, place));
        }
        // Later values come at the end of the queue, which only moves on.
        let end = self.queue.end_position(&shelf).unwrap_or(position);
        self.not_before = first.map_or(end, |(place, _)| end.min(place.position));
        None
    }

    /// The header of the next entry, if that can be read.
    #[inline]
    fn header(&mut self) -> Option<Header> {
        self.block().header(self.offset).or_else(|| self.await_header())
    }

    /// Looks in the next block, and waits a moment for an entry that is being written.
    #[cold]
    fn await_header(&mut self) -> Option<Header> {
        let mut patience = Patience::default();
        loop {
            // Acquire pairs with the Release with which the crossing sender linked the block.
            let next = self.block().next.load(Acquire);
            if next != NONE && self.block().end.load(Relaxed) == self.offset {
                self.go_to(next);
            }
            let header = self.block().header(self.offset);
            if header.is_some() || self.has_all(self.tail()) || patience.is_over() {
                return header;
            }
            patience.wait();
        }
    }

    /// Goes on to the next block, and gives back the one that was worked off.
    fn go_to(&mut self, next: usize) {
        let (left, left_index) = (self.block, self.index);
        self.index = next;
        self.offset = 0;
        // SAFETY: the link was acquired.
        self.block = unsafe { self.queue.directory.get(next) };
        self.start = self.block().start.load(Relaxed);
        let mut shelf = self.queue.shelf.lock();
        if shelf.spare.len() < KEPT_BLOCKS {
            shelf.spare.push(left_index);
            return;
        }
        shelf.free_indices.push(left_index);
        // SAFETY: under the lock; nobody uses the block any more.
        unsafe { self.queue.directory.set(left_index, ptr::null_mut()) };
        drop(shelf);
        // SAFETY: see "Why a block is not used again too early" in the module above.
        unsafe { Block::free(NonNull::new_unchecked(left.cast_mut())) };
    }

    /// Takes the next entry if it is a message of this slot.
    #[inline(always)]
    pub(crate) fn take<T: Send + 'static>(&mut self, slot: u32) -> Option<T> {
        let header = self.header()?;
        if header != Header::message::<T>(slot) || self.due_latest().is_some() {
            return None;
        }
        // SAFETY: the header is there, and the offset moves past the message if it is taken.
        let message = unsafe { self.block().take_message(self.offset) };
        if message.is_some() {
            self.offset += Stored::<T>::WORDS;
        }
        message
    }

    /// The slots of the next entries that can be read, as far as this block goes.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = u32> {
        let mut offset = self.offset;
        std::iter::from_fn(move || {
            let header = self.block().header(offset)?;
            offset += header.words();
            Some(header.decode().slot())
        })
    }

    /// Takes the end that is next.
    pub(crate) fn pass_end(&mut self) {
        if self.header().is_some_and(|header| !header.is_message()) {
            self.offset += END_WORDS;
        }
    }

    /// Takes the latest value's place that is next.
    pub(crate) fn pass_latest(&mut self, place: Place) {
        let mut shelf = self.queue.shelf.lock();
        shelf.places.remove(place);
        self.queue.places.store(shelf.places.len(), Relaxed);
    }

    fn tail(&self) -> Tail {
        // Acquire: the block that the tail names is there.
        Tail(self.queue.tail.0.load(Acquire))
    }

    /// The block that a tail names.
    fn tail_block(&self, tail: Tail) -> &Block {
        // SAFETY: the tail was acquired, and this is the thread that gives blocks back.
        unsafe { &*self.queue.directory.get(tail.index()) }
    }

    /// Whether nothing is queued, and nothing is being written.
    pub(crate) fn is_empty(&self) -> bool {
        self.has_all(self.tail()) && self.queue.places.load(Relaxed) == 0
    }

    /// Whether this stands where the tail does.
    fn has_all(&self, tail: Tail) -> bool {
        tail.index() == self.index && tail.offset() == self.offset
    }

    #[inline]
    fn position(&self) -> u64 {
        self.start + self.offset as u64
    }

    /// The place of the next entry, and that of the last one; the same if nothing is queued.
    pub(crate) fn extent(&self) -> (Place, Place) {
        let tail = self.tail();
        let end = self.tail_block(tail).start.load(Relaxed) + tail.offset().min(BLOCK_WORDS) as u64;
        let places = &self.queue.shelf.lock().places;
        let first = Place { position: self.position(), ticket: 0 };
        (places.first().map_or(first, |(place, _)| place.min(first)), places.end(end))
    }

    /// Whether everything before a place was taken.
    pub(crate) fn has_passed(&self, end: Place) -> bool {
        self.position() >= end.position
            && (self.queue.places.load(Relaxed) == 0
                || self.queue.shelf.lock().places.first().is_none_or(|(first, _)| first > end))
    }

    /// Goes to sleep if nothing is queued: whoever appends next wakes the consumer.
    pub(crate) fn try_sleep(&mut self) -> bool {
        let tail = self.tail();
        if !self.has_all(tail) {
            return false;
        }
        // Release: whoever finds the bit sees what the consumer did before.
        let asleep = tail.0 | Tail::ASLEEP;
        if self.queue.tail.0.compare_exchange(tail.0, asleep, Release, Relaxed).is_err() {
            return false;
        }
        let is_empty = self.queue.shelf.lock().places.len() == 0;
        if !is_empty {
            self.stay_awake();
        }
        is_empty
    }

    /// Whether the consumer sleeps: nobody woke it since it went to sleep.
    pub(crate) fn is_asleep(&self) -> bool {
        Tail(self.queue.tail.0.load(Relaxed)).is_asleep()
    }

    /// Ends the sleep of a consumer that nobody woke; or does nothing.
    pub(crate) fn stay_awake(&self) {
        if self.is_asleep() {
            // Relaxed: a sender that misses this wakes once more, which is harmless.
            self.queue.tail.0.fetch_and(!Tail::ASLEEP, Relaxed);
        }
    }

    /// Messages accepted so far, and those of them that a newer value replaced.
    pub(crate) fn counts(&self) -> Counts {
        let tail = loop {
            let tail = self.tail();
            if !tail.is_crossed() {
                break tail;
            }
            self.queue.wait_for_block();
        };
        self.counts_at(self.tail_block(tail), tail.messages() as u64)
    }

    fn counts_at(&self, block: &Block, messages: u64) -> Counts {
        let shelf = self.queue.shelf.lock();
        let (sent, replaced) = (shelf.places.sent, shelf.places.replaced);
        Counts { sent: block.messages_before.load(Relaxed) + messages + sent, replaced }
    }

    /// Closes the queue: from here on, everything is refused. Returns what was accepted before.
    pub(crate) fn close(&mut self) -> Counts {
        // Under the lock, under which latest values look whether it is closed.
        let shelf = self.queue.shelf.lock();
        // Acquire: the block that the tail names is there.
        let tail = Tail(self.queue.tail.0.fetch_or(Tail::CLOSED, AcqRel));
        drop(shelf);
        let block = self.tail_block(tail);
        let (end, messages) = if tail.is_crossed() {
            // The sender that crossed the block is about to be refused. It says where the entries end.
            while block.end.load(Acquire) == NONE {
                yield_now();
            }
            (block.end.load(Relaxed), block.messages.load(Relaxed))
        } else {
            (tail.offset(), tail.messages() as u64)
        };
        let counts = self.counts_at(block, messages);
        self.closed_at = Some((tail.index(), end));
        counts
    }

    /// Drops the next entry of a closed queue. Returns `false` after the last one.
    fn drop_next(&mut self, closed_at: (usize, usize)) -> bool {
        let Some(header) = self.header() else {
            if (self.index, self.offset) == closed_at {
                return false;
            }
            // It is still being written.
            yield_now();
            return true;
        };
        let (block, offset) = (self.block, self.offset);
        self.offset += header.words();
        if header.is_message() {
            // SAFETY: the header is there, and the offset has moved on; the block is this consumer's.
            unsafe { (*block).drop_message(offset) };
        }
        true
    }
}

impl Drop for Backlog {
    /// Drops what is queued. If a message panics when it is dropped, the others are dropped all the same.
    fn drop(&mut self) {
        struct Rest<'a>(&'a mut Backlog, (usize, usize));
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                while self.0.drop_next(self.1) {}
            }
        }
        if self.closed_at.is_none() {
            self.close();
        }
        let closed_at = self.closed_at.unwrap_or_default();
        let rest = Rest(self, closed_at);
        while rest.0.drop_next(closed_at) {}
    }
}
