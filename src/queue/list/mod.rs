//! The queue as a list of blocks of words, without a lock on the way of a message. The crate's unsafe code is in
//! this folder, but for one hint to the processor (`prefetch`).
//!
//! A message lies in a block as a header word, its type, and its bytes, rounded up to words ([`entry`]). All
//! that senders contend for is one word, the *tail*:
//!
//! ```text
//!   63        43 42       25 24        2   1       0
//!  | block index | messages | next word | CLOSED | ASLEEP |
//! ```
//!
//! A send adds its words, and one message, to the tail by one `fetch_add`. What that returns is at once the
//! place reserved, whether the queue is closed, and whether the consumer sleeps and must be woken: no
//! separate wake flag, and no fence. The sender then writes its bytes and, last, the header, which makes the
//! entry readable. The consumer reads headers in order, with no locked instruction at all.
//!
//! # The order
//! Reservations of one word have one total order, which agrees with happens-before: a send that follows
//! another finds a tail that counts it. Entries are read in the order of their places, and one whose header
//! is not there yet is waited for.
//!
//! # Why no wake is lost
//! The consumer falls asleep by a compare-exchange that sets `ASLEEP` in a tail that stands where the consumer
//! does. A reservation made before makes it fail; one made after returns the bit, and its sender wakes. There is
//! nothing in between, for both are operations on one word. Of those who find the bit, the one that clears it
//! calls the waker, after its entry is readable; so does one wake cover the others, whose entries come
//! before or while the woken consumer reads.
//!
//! A latest value makes no reservation. Its sender enters the place under the [`Shelf`]'s lock and looks at the
//! tail afterwards; the consumer looks at the places under the same lock, after it fell asleep. Whichever is
//! second sees the other.
//!
//! # Blocks
//! A reservation that does not fit in the block fails. Exactly one of those that fail crosses the block's
//! end (it begins within, and ends beyond); its sender writes down where the block's entries end, takes a
//! fresh block, points the tail there and then links it. The others wait for the tail. Blocks that were worked
//! off are used again, up to [`KEPT_BLOCKS`] of them; the rest are freed.
//!
//! # Why a block is not used again too early
//! - A sender touches a block only between its successful reservation and its header's store. The consumer
//!   cannot pass an entry whose header is not stored, so it cannot have finished the block.
//! - The crossing sender touches the old block until it links the new one, which is the last that it does
//!   there. The consumer does not leave the old block before it sees the link.
//! - Everybody else who looks at the tail's block holds the shelf's lock, under which the consumer gives
//!   blocks back; or is the consumer.

#![allow(unsafe_code)]

mod backlog;
mod block;
mod entry;

use std::process;
use std::ptr::NonNull;

pub(crate) use self::backlog::Backlog;
use self::block::{BLOCK_WORDS, Block, Directory, INDEX_BITS, MOST_BLOCKS, out_of_memory};
use self::entry::{END_WORDS, Header, Stored};
use super::places::Places;
use super::{Closed, Place};
use crate::notifier::Notifier;
use crate::pipe::End;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicU64, AtomicUsize};
use crate::sync::{Arc, Mutex, spin_loop, yield_now};

/// Blocks that wait to be used again: half a MiB.
const KEPT_BLOCKS: usize = if cfg!(loom) { 1 } else { 16 };

/// The word that senders contend for.
///
/// A failed reservation adds at most 66 to the offset and 1 to the messages, once for each thread that is
/// sending while a block is crossed. The fields have room for 120,000 of these; when half of that is taken, the
/// process ends, for an offset that began anew would lie over messages. Once the queue is closed, the fields
/// above `CLOSED` mean nothing any more.
#[derive(Clone, Copy)]
struct Tail(u64);

impl Tail {
    const ASLEEP: u64 = 1;
    const CLOSED: u64 = 1 << 1;
    const OFFSET_SHIFT: u32 = 2;
    const MESSAGES_SHIFT: u32 = 25;
    const INDEX_SHIFT: u32 = 64 - INDEX_BITS;

    /// What to add in order to reserve.
    const fn step(words: usize, messages: usize) -> u64 {
        (words as u64) << Self::OFFSET_SHIFT | (messages as u64) << Self::MESSAGES_SHIFT
    }

    const fn at(index: usize) -> u64 {
        (index as u64) << Self::INDEX_SHIFT
    }

    const fn field(self, from: u32, to: u32) -> usize {
        (self.0 >> from & ((1 << (to - from)) - 1)) as usize
    }

    /// The next word to reserve; beyond the block's end if the block is full.
    const fn offset(self) -> usize {
        self.field(Self::OFFSET_SHIFT, Self::MESSAGES_SHIFT)
    }

    const fn messages(self) -> usize {
        self.field(Self::MESSAGES_SHIFT, Self::INDEX_SHIFT)
    }

    const fn index(self) -> usize {
        self.field(Self::INDEX_SHIFT, u64::BITS)
    }

    /// Whether the block was crossed, and the tail does not point to the next yet.
    const fn is_crossed(self) -> bool {
        self.offset() > BLOCK_WORDS
    }

    /// Whether tens of thousands of threads wait for the next block.
    const fn is_about_to_overflow(self) -> bool {
        self.offset() >= 1 << (Self::MESSAGES_SHIFT - Self::OFFSET_SHIFT - 1)
    }

    const fn is_closed(self) -> bool {
        self.0 & Self::CLOSED != 0
    }

    const fn is_asleep(self) -> bool {
        self.0 & Self::ASLEEP != 0
    }
}

/// What is seldom needed, under a lock: once a block, and for latest values.
struct Shelf {
    /// Blocks that were worked off, by index; they are cleared when they are used again.
    spare: Vec<usize>,
    /// Indices without a block.
    free_indices: Vec<usize>,
    /// The indices from here on were never used.
    next_index: usize,
    places: Places,
}

/// Keeps the tail on cache lines of its own.
#[repr(align(128))]
struct Apart<T>(T);

/// The producers' end.
pub(crate) struct Queue {
    tail: Apart<AtomicU64>,
    directory: Directory,
    /// How many places the shelf has.
    places: AtomicUsize,
    shelf: Mutex<Shelf>,
    notifier: Arc<Notifier>,
}

/// Words that are this sender's until it has stored the header.
struct Reserved {
    block: *const Block,
    offset: usize,
    /// Whether the consumer slept.
    asleep: bool,
}

impl Queue {
    /// Makes the queue of a consumer that sleeps, which [`Backlog::new`] is to make.
    fn new(notifier: Arc<Notifier>) -> Self {
        let shelf =
            Shelf { spare: Vec::new(), free_indices: Vec::new(), next_index: 0, places: Places::default() };
        let queue = Self {
            tail: Apart(AtomicU64::new(Tail::ASLEEP)),
            directory: Directory::new(),
            places: AtomicUsize::new(0),
            shelf: Mutex::new(shelf),
            notifier,
        };
        // The first has index 0, as the tail says.
        queue.fresh_block();
        queue
    }

    pub(crate) fn notifier(&self) -> &Arc<Notifier> {
        &self.notifier
    }

    /// Appends a message, and wakes the consumer if it sleeps. Gives the message back if the queue is closed.
    #[inline]
    pub(crate) fn push<T: Send + 'static>(&self, slot: u32, message: T) -> Result<(), T> {
        self.push_and::<T, true>(slot, message)
    }

    /// Appends one of several messages. After the last the caller calls [`wake_if_asleep`](Self::wake_if_asleep).
    #[cfg_attr(not(any(feature = "nats", feature = "process", feature = "zmq")), allow(dead_code))]
    pub(crate) fn push_silently<T: Send + 'static>(&self, slot: u32, message: T) -> Result<(), T> {
        self.push_and::<T, false>(slot, message)
    }

    #[inline]
    fn push_and<T: Send + 'static, const WAKE: bool>(&self, slot: u32, message: T) -> Result<(), T> {
        if Stored::<T>::IS_INLINE {
            // SAFETY: the message itself, as an inline one is stored.
            unsafe { self.push_as::<T, T, WAKE>(slot, message) }
        } else {
            // Boxed first: while words are reserved and not written, the queue is held up.
            // SAFETY: its box, as another is stored.
            unsafe { self.push_as::<T, Box<T>, WAKE>(slot, Box::new(message)) }.map_err(|boxed| *boxed)
        }
    }

    /// # Safety
    /// `M` is what [`Stored::write`] asks for.
    #[inline]
    unsafe fn push_as<T: Send + 'static, M, const WAKE: bool>(&self, slot: u32, message: M) -> Result<(), M> {
        match self.reserve(Stored::<T>::WORDS, 1) {
            Ok(reserved) => {
                // SAFETY: reserved by this thread, which keeps the block from being given back; and the caller's
                // promise.
                unsafe { (*reserved.block).write_message::<T, M>(reserved.offset, slot, message) };
                if WAKE && reserved.asleep {
                    self.wake();
                }
                Ok(())
            }
            Err(Closed) => Err(message),
        }
    }

    /// Appends the end of a pipe, and wakes the consumer if it sleeps, unless it `may_wait` until something
    /// else does.
    pub(crate) fn push_end(&self, slot: u32, end: End, may_wait: bool) -> Result<(), Closed> {
        let reserved = self.reserve(END_WORDS, 0)?;
        // SAFETY: as in `push`.
        unsafe { (*reserved.block).publish(reserved.offset, Header::end(slot, end)) };
        if reserved.asleep && !may_wait {
            self.wake();
        }
        Ok(())
    }

    /// Appends a latest value, in place of the one at `old`. Returns its place. The caller stores the value,
    /// and then calls [`wake_if_asleep`](Self::wake_if_asleep).
    pub(crate) fn push_latest(&self, slot: u32, old: Option<Place>) -> Result<Place, Closed> {
        let mut shelf = self.shelf.lock();
        let Some(position) = self.end_position(&shelf) else {
            return Err(Closed);
        };
        let place = shelf.places.put(position, slot, old);
        // Relaxed: a consumer that sees an entry which was sent after this value sees this too, for it
        // looks after it acquired that entry's header.
        self.places.store(shelf.places.len(), Relaxed);
        Ok(place)
    }

    /// Where the queue ends just now, unless it is closed.
    fn end_position(&self, _shelf: &Shelf) -> Option<u64> {
        // Acquire: the block that the tail names is there.
        let tail = Tail(self.tail.0.load(Acquire));
        if tail.is_closed() {
            return None;
        }
        // SAFETY: acquired; and the block is not given back while the caller holds the shelf's lock.
        let block = unsafe { &*self.directory.get(tail.index()) };
        Some(block.start.load(Relaxed) + tail.offset().min(BLOCK_WORDS) as u64)
    }

    /// Wakes the consumer if it sleeps, after a latest value or several messages were appended, or for the foreground's own sake.
    pub(crate) fn wake_if_asleep(&self) {
        // Relaxed: see "Why no wake is lost".
        if Tail(self.tail.0.load(Relaxed)).is_asleep() {
            self.wake();
        }
    }

    /// Of those who found the consumer asleep, one wakes it.
    #[cold]
    fn wake(&self) {
        // Acquire pairs with the Release with which the consumer fell asleep: it may have changed who is to be
        // woken.
        let was = Tail(self.tail.0.fetch_and(!Tail::ASLEEP, Acquire));
        if was.is_asleep() && self.notifier.wake().is_err() {
            self.stay_asleep();
        }
    }

    /// Has the next sender wake the consumer, because waking it just now failed.
    pub(crate) fn stay_asleep(&self) {
        self.tail.0.fetch_or(Tail::ASLEEP, Relaxed);
    }

    #[inline]
    fn reserve(&self, words: usize, messages: usize) -> Result<Reserved, Closed> {
        let tail = self.add(words, messages);
        if tail.offset() + words <= BLOCK_WORDS && !tail.is_closed() {
            return Ok(self.reserved(tail));
        }
        self.reserve_elsewhere(tail, words, messages)
    }

    #[inline]
    fn add(&self, words: usize, messages: usize) -> Tail {
        // Acquire: the block that the tail names is there.
        Tail(self.tail.0.fetch_add(Tail::step(words, messages), Acquire))
    }

    #[inline]
    fn reserved(&self, tail: Tail) -> Reserved {
        // SAFETY: the tail was acquired.
        let block = unsafe { self.directory.get(tail.index()) };
        Reserved { block, offset: tail.offset(), asleep: tail.is_asleep() }
    }

    #[cold]
    fn reserve_elsewhere(&self, mut tail: Tail, words: usize, messages: usize) -> Result<Reserved, Closed> {
        loop {
            if tail.is_closed() {
                return Err(Closed);
            }
            if tail.offset() + words <= BLOCK_WORDS {
                return Ok(self.reserved(tail));
            }
            if !tail.is_crossed() {
                return self.cross(tail, words, messages);
            }
            if tail.is_about_to_overflow() {
                process::abort();
            }
            self.wait_for_block();
            tail = self.add(words, messages);
        }
    }

    /// Waits for the sender that crossed the end of the block.
    fn wait_for_block(&self) {
        let mut patience = Patience::default();
        loop {
            let tail = Tail(self.tail.0.load(Relaxed));
            if !tail.is_crossed() || tail.is_closed() {
                return;
            }
            patience.wait();
        }
    }

    /// Ends the block that the tail named, and begins the next with this sender's words.
    fn cross(&self, crossed: Tail, words: usize, messages: usize) -> Result<Reserved, Closed> {
        // SAFETY: the tail was acquired, and the consumer does not leave the block before the next is linked.
        let old = unsafe { &*self.directory.get(crossed.index()) };
        let count = crossed.messages() as u64;
        old.messages.store(count, Relaxed);
        // Release: `Backlog::close` waits for this, and then looks at `messages`.
        old.end.store(crossed.offset(), Release);
        let (index, new) = self.fresh_block();
        // SAFETY: fresh, for this sender alone.
        let block = unsafe { new.as_ref() };
        block.start.store(old.start.load(Relaxed) + BLOCK_WORDS as u64, Relaxed);
        block.messages_before.store(old.messages_before.load(Relaxed) + count, Relaxed);
        let reservation = Tail::at(index) | Tail::step(words, messages);
        let mut tail = self.tail.0.load(Relaxed);
        loop {
            if Tail(tail).is_closed() {
                // The block goes with the queue.
                return Err(Closed);
            }
            // Release: the new block is there for whoever acquires the tail. Acquire would do nothing: a
            // consumer that fell asleep meanwhile is none, for it stands before this end.
            let kept = tail & Tail::ASLEEP;
            match self.tail.0.compare_exchange_weak(tail, reservation | kept, Release, Relaxed) {
                Ok(_) => break,
                Err(now) => tail = now,
            }
        }
        // Release: the consumer sees `end` and the new block; and this is the last that is done to the old one.
        old.next.store(index, Release);
        Ok(Reserved { block: new.as_ptr(), offset: 0, asleep: Tail(tail).is_asleep() })
    }

    /// Takes a block that is as good as new, for the caller alone.
    fn fresh_block(&self) -> (usize, NonNull<Block>) {
        let mut shelf = self.shelf.lock();
        if let Some(index) = shelf.spare.pop() {
            drop(shelf);
            // SAFETY: the lock orders this after whoever gave the block back; its index is the caller's now.
            let block = unsafe { NonNull::new_unchecked(self.directory.get(index)) };
            // SAFETY: likewise.
            unsafe { block.as_ref().reset() };
            return (index, block);
        }
        let index = shelf.free_indices.pop().unwrap_or_else(|| {
            shelf.next_index += 1;
            shelf.next_index - 1
        });
        if index >= MOST_BLOCKS {
            out_of_memory();
        }
        let block = Block::alloc();
        // SAFETY: under the lock; nothing has this index.
        unsafe { self.directory.set(index, block.as_ptr()) };
        (index, block)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        for index in 0..self.shelf.lock().next_index {
            // SAFETY: nobody else is left, and each of these indices was set.
            let block = unsafe { self.directory.get(index) };
            if let Some(block) = NonNull::new(block) {
                // SAFETY: likewise; the directory names each block once. The messages were dropped with the
                // backlog.
                unsafe { Block::free(block) };
            }
        }
    }
}

/// How to wait for another thread that is in the middle of a few instructions: it spins for a moment, and then lets that
/// thread have the processor.
#[derive(Default)]
struct Patience {
    turns: u32,
}

impl Patience {
    /// Turns for which it is worth to spin.
    const SPINS: u32 = if cfg!(loom) { 0 } else { 100 };

    fn wait(&mut self) {
        self.turns += 1;
        if self.turns <= Self::SPINS { spin_loop() } else { yield_now() }
    }

    fn is_over(&self) -> bool {
        self.turns > Self::SPINS + 4
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn senders_that_wait_for_a_block_never_get_words_of_it() {
        let queue = Arc::clone(Backlog::new(Arc::new(Notifier::silent())).queue());
        // The block is full but for a few words; then a sender crosses its end, and is interrupted there.
        while queue.add(64, 1).offset() + 64 < BLOCK_WORDS {}
        assert!(!queue.add(66, 1).is_crossed());
        // More threads than Linux allows by default send meanwhile.
        for thread in 0..60_000 {
            let tail = queue.add(66, 1);
            assert!(tail.is_crossed(), "thread {thread} writes over word {}", tail.offset());
            assert!(!tail.is_about_to_overflow(), "thread {thread}");
        }
        assert!((0..4_000).any(|_| queue.add(66, 1).is_about_to_overflow()));
    }

    #[test]
    fn it_is_send_and_sync_by_itself() {
        fn check<T: Send + Sync>() {}
        check::<Queue>();
    }
}
