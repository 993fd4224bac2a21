//! The memory of the list: blocks of words, and how they are found by number.

use std::alloc;
use std::ptr::{self, NonNull};

use super::entry::{Header, Stored, drop_message};
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize};

/// The words of a block: 32 KiB. A model has small ones, so that it sees their ends.
pub(super) const BLOCK_WORDS: usize = if cfg!(loom) { 7 } else { 4096 };

/// What is not known yet.
pub(super) const NONE: usize = usize::MAX;

pub(super) struct Block {
    words: Words,
    /// Where the entries end, once that is known.
    pub(super) end: AtomicUsize,
    /// The index of the next block.
    pub(super) next: AtomicUsize,
    /// The position of the first word, counted since the queue was made.
    pub(super) start: AtomicU64,
    /// Messages in the blocks before.
    pub(super) messages_before: AtomicU64,
    /// Messages in this block; valid with `end`.
    pub(super) messages: AtomicU64,
}

impl Block {
    /// Makes a block of zeros.
    pub(super) fn alloc() -> NonNull<Self> {
        let block = Self::zeroed();
        // SAFETY: just made, valid, and not yet shared.
        let shared = unsafe { block.as_ref() };
        shared.end.store(NONE, Relaxed);
        shared.next.store(NONE, Relaxed);
        block
    }

    /// # Safety
    /// `alloc` made the block, and nobody uses it any more.
    pub(super) unsafe fn free(block: NonNull<Self>) {
        // SAFETY: the caller's promise; a box frees with the layout that `alloc` used.
        drop(unsafe { Box::from_raw(block.as_ptr()) });
    }

    /// Makes a block that was worked off as good as new.
    ///
    /// # Safety
    /// Nobody else uses it.
    pub(super) unsafe fn reset(&self) {
        let used = self.end.load(Relaxed).min(BLOCK_WORDS);
        // SAFETY: the caller's promise.
        unsafe { self.words.clear(used) };
        self.end.store(NONE, Relaxed);
        self.next.store(NONE, Relaxed);
    }

    /// The header at an offset, if it is there.
    #[inline]
    pub(super) fn header(&self, offset: usize) -> Option<Header> {
        // Acquire pairs with the Release in `publish`.
        let header = self.words.get(offset)?.load(Acquire);
        (header != 0).then_some(Header(header))
    }

    /// Writes a message and then its header.
    ///
    /// # Safety
    /// The words of such an entry from `offset` on were reserved by the caller, once; and `M` is what
    /// [`Stored::write`] asks for.
    #[inline]
    pub(super) unsafe fn write_message<T: 'static, M>(&self, offset: usize, slot: u32, message: M) {
        // SAFETY: the caller's promise.
        self.words.with_payload(offset + 1, |place| unsafe { Stored::<T>::write(place, message) });
        // SAFETY: the message has just been written.
        unsafe { self.publish(offset, Header::message::<T>(slot)) };
    }

    /// Makes an entry readable.
    ///
    /// # Safety
    /// The header is of an entry that the caller has reserved there, and whose message, if it has one, is written.
    #[inline]
    pub(super) unsafe fn publish(&self, offset: usize, header: Header) {
        if let Some(word) = self.words.get(offset) {
            // Release: the message is there for whoever acquires the header.
            word.store(header.0, Release);
        }
    }

    /// Takes the message whose header is at `offset`, if it is of this type.
    ///
    /// # Safety
    /// [`header`](Self::header) has shown a message's header there, and if this returns a message, the caller
    /// sees to it that it is not taken or dropped again.
    #[inline(always)]
    pub(super) unsafe fn take_message<T: 'static>(&self, offset: usize) -> Option<T> {
        self.words.with_payload(offset + 1, |place| {
            // SAFETY: the header was acquired, so the message is there.
            let is_at = unsafe { Stored::<T>::is_at(place) };
            // SAFETY: likewise, and it is of this type; the rest is the caller's promise.
            is_at.then(|| unsafe { Stored::read(place) })
        })
    }

    /// Drops the message whose header is at `offset`.
    ///
    /// # Safety
    /// As for [`take_message`](Self::take_message).
    pub(super) unsafe fn drop_message(&self, offset: usize) {
        // SAFETY: the header was acquired, so the message is there; the rest is the caller's promise.
        self.words.with_payload(offset + 1, |place| unsafe { drop_message(place) });
    }
}

#[cfg(not(loom))]
struct Words([AtomicU64; BLOCK_WORDS]);

#[cfg(not(loom))]
impl Words {
    #[inline]
    fn get(&self, offset: usize) -> Option<&AtomicU64> {
        self.0.get(offset)
    }

    /// Calls `access` with a pointer to the words from `offset` on.
    #[inline(always)]
    fn with_payload<R>(&self, offset: usize, access: impl FnOnce(*mut u64) -> R) -> R {
        // A pointer into the whole array, so that a message may span several words. Atomics may be changed
        // through a shared reference.
        access(self.0.as_ptr().cast::<u64>().cast_mut().wrapping_add(offset))
    }

    /// # Safety
    /// Nobody else uses the words.
    unsafe fn clear(&self, count: usize) {
        // SAFETY: the caller's promise; zero is valid for an atomic.
        self.with_payload(0, |words| unsafe { ptr::write_bytes(words, 0, count.min(BLOCK_WORDS)) });
    }
}

#[cfg(not(loom))]
impl Block {
    /// Asks the system for zeroed memory rather than zeroing it.
    fn zeroed() -> NonNull<Self> {
        let layout = alloc::Layout::new::<Self>();
        // SAFETY: the layout's size is not zero.
        let memory = unsafe { alloc::alloc_zeroed(layout) };
        // All bytes zero is a valid block: it consists of atomic integers.
        NonNull::new(memory.cast()).unwrap_or_else(|| alloc::handle_alloc_error(layout))
    }
}

/// What a queue of the largest size does when it should grow: the same as a system without memory.
pub(super) fn out_of_memory() -> ! {
    alloc::handle_alloc_error(alloc::Layout::new::<Block>())
}

/// In a model, headers and messages are apart, and each access of a message is watched.
#[cfg(loom)]
struct Words {
    headers: Vec<AtomicU64>,
    watched: Vec<loom::cell::UnsafeCell<()>>,
    payload: std::cell::UnsafeCell<[u64; BLOCK_WORDS]>,
}

#[cfg(loom)]
impl Words {
    fn new() -> Self {
        Self {
            headers: (0..BLOCK_WORDS).map(|_| AtomicU64::new(0)).collect(),
            watched: (0..=BLOCK_WORDS).map(|_| loom::cell::UnsafeCell::new(())).collect(),
            payload: std::cell::UnsafeCell::new([0; BLOCK_WORDS]),
        }
    }

    fn get(&self, offset: usize) -> Option<&AtomicU64> {
        self.headers.get(offset)
    }

    fn with_payload<R>(&self, offset: usize, access: impl FnOnce(*mut u64) -> R) -> R {
        self.watched[offset].with_mut(|_| access(self.payload.get().cast::<u64>().wrapping_add(offset)))
    }

    /// # Safety
    /// Nobody else uses the words.
    unsafe fn clear(&self, count: usize) {
        for offset in 0..count.min(BLOCK_WORDS) {
            self.headers[offset].store(0, Relaxed);
            self.watched[offset].with_mut(|_| ());
        }
    }
}

#[cfg(loom)]
impl Block {
    fn zeroed() -> NonNull<Self> {
        let block = Box::new(Self {
            words: Words::new(),
            end: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            start: AtomicU64::new(0),
            messages_before: AtomicU64::new(0),
            messages: AtomicU64::new(0),
        });
        NonNull::from(Box::leak(block))
    }
}

/// How many blocks a queue can have: with 32 KiB each, 64 GiB.
pub(super) const MOST_BLOCKS: usize = 1 << INDEX_BITS;
pub(super) const INDEX_BITS: u32 = 21;

type Entry = AtomicPtr<Block>;

/// Blocks that are found at the first look: 16 MiB of messages.
const NEAR: usize = 512;

/// Finds blocks by their index, so that the tail can name a block in few bits: the first ones in an array, the
/// others in segments, of which segment `k` holds `NEAR` * 2^k entries and is made when it is first
/// needed. No entry ever moves.
pub(super) struct Directory {
    near: [Entry; NEAR],
    segments: [AtomicPtr<Entry>; (INDEX_BITS - NEAR.ilog2()) as usize],
}

impl Directory {
    pub(super) fn new() -> Self {
        Self {
            near: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            segments: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    /// The segment of an index that is not near, and the offset in it.
    fn place(index: usize) -> (usize, usize) {
        let power = index.ilog2();
        ((power - NEAR.ilog2()) as usize, index - (1 << power))
    }

    fn length(segment: usize) -> usize {
        NEAR << segment
    }

    /// # Safety
    /// `set` was called for the index, and this thread has acquired a word that names it since.
    #[inline]
    pub(super) unsafe fn get(&self, index: usize) -> *mut Block {
        // Relaxed: whoever named the index did so after it was set, by a Release that the caller acquired.
        match self.near.get(index) {
            Some(entry) => entry.load(Relaxed),
            // SAFETY: the caller's promise.
            None => unsafe { self.get_far(index) },
        }
    }

    /// # Safety
    /// As for [`get`](Self::get).
    #[cold]
    unsafe fn get_far(&self, index: usize) -> *mut Block {
        let (segment, offset) = Self::place(index);
        // Relaxed, both: as in `get`.
        let entries = self.segments[segment].load(Relaxed);
        // SAFETY: the segment was made with this length, and stays until the directory is dropped.
        unsafe { (*entries.add(offset)).load(Relaxed) }
    }

    /// Enters a block.
    ///
    /// # Safety
    /// No two threads may do so at once, and what was entered for the index is not used any more.
    pub(super) unsafe fn set(&self, index: usize, block: *mut Block) {
        if let Some(entry) = self.near.get(index) {
            return entry.store(block, Relaxed);
        }
        let (segment, offset) = Self::place(index);
        let mut entries = self.segments[segment].load(Relaxed);
        if entries.is_null() {
            let new: Box<[Entry]> =
                (0..Self::length(segment)).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
            entries = Box::leak(new).as_mut_ptr();
            self.segments[segment].store(entries, Relaxed);
        }
        // SAFETY: as in `get_far`.
        unsafe { (*entries.add(offset)).store(block, Relaxed) };
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        for (segment, entries) in self.segments.iter().enumerate() {
            let entries = entries.load(Relaxed);
            if !entries.is_null() {
                let entries = ptr::slice_from_raw_parts_mut(entries, Self::length(segment));
                // SAFETY: `set` leaked a boxed slice of this length.
                drop(unsafe { Box::from_raw(entries) });
            }
        }
    }
}
