//! How an entry lies in a block: a header word, then, for a message, what type it is of and the message.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ptr;

use super::super::Entry;
use crate::pipe::End;

/// The largest message that lies in a block, in bytes; a larger one lies in a box of its own.
const INLINE_BYTES: usize = 512;

/// Says whose entry it is and how long. Never zero: a zero word is a header that was not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header(pub(super) u64);

/// What an entry is, in the low bits of its header.
const MESSAGE: u64 = 1;
const STOPPED: u64 = 2;
const PANICKED: u64 = 3;
const NEVER_STARTED: u64 = 4;
#[cfg(feature = "process")]
const ELSEWHERE: u64 = 5;

const KIND_BITS: u32 = 8;
const SLOT_SHIFT: u32 = 32;

impl Header {
    const fn new(kind: u64, words: usize, slot: u32) -> Self {
        Self(kind | (words as u64) << KIND_BITS | (slot as u64) << SLOT_SHIFT)
    }

    #[inline]
    pub(super) fn message<T: 'static>(slot: u32) -> Self {
        Self::new(MESSAGE, Stored::<T>::WORDS, slot)
    }

    pub(super) fn end(slot: u32, end: End) -> Self {
        let kind = match end {
            End::Stopped => STOPPED,
            End::Panicked => PANICKED,
            End::NeverStarted => NEVER_STARTED,
            #[cfg(feature = "process")]
            End::Elsewhere => ELSEWHERE,
        };
        Self::new(kind, END_WORDS, slot)
    }

    fn kind(self) -> u64 {
        self.0 & ((1 << KIND_BITS) - 1)
    }

    pub(super) fn is_message(self) -> bool {
        self.kind() == MESSAGE
    }

    /// The words of the entry, this one included.
    pub(super) fn words(self) -> usize {
        (self.0 as u32 >> KIND_BITS) as usize
    }

    #[inline]
    pub(super) fn decode(self) -> Entry {
        let slot = (self.0 >> SLOT_SHIFT) as u32;
        match self.kind() {
            STOPPED => Entry::End(slot, End::Stopped),
            PANICKED => Entry::End(slot, End::Panicked),
            NEVER_STARTED => Entry::End(slot, End::NeverStarted),
            #[cfg(feature = "process")]
            ELSEWHERE => Entry::End(slot, End::Elsewhere),
            _ => Entry::Message(slot),
        }
    }
}

/// The words of a pipe's end.
pub(super) const END_WORDS: usize = 1;

/// What is to be known of a message by those who do not know its type.
struct Type {
    id: fn() -> TypeId,
    /// Drops the message whose [`Envelope`] begins at the pointer.
    drop: unsafe fn(*mut u64),
}

/// What follows a header: the message, behind the type that it is of.
#[repr(C)]
struct Envelope<M> {
    type_: &'static Type,
    message: M,
}

/// How messages of a type are stored.
pub(super) struct Stored<T>(PhantomData<T>);

impl<T: 'static> Stored<T> {
    /// Whether the message lies in the block itself.
    pub(super) const IS_INLINE: bool = size_of::<T>() <= INLINE_BYTES && align_of::<T>() <= align_of::<u64>();

    /// The words of an entry with such a message.
    pub(super) const WORDS: usize = 1 + if Self::IS_INLINE {
        size_of::<Envelope<T>>().div_ceil(size_of::<u64>())
    } else {
        size_of::<Envelope<Box<T>>>().div_ceil(size_of::<u64>())
    };

    const TYPE: &'static Type = &Type { id: TypeId::of::<T>, drop: Self::drop };

    /// Writes a message behind its header, as `M`: the message itself if it is inline, else its box.
    ///
    /// # Safety
    /// From `place` on there are `WORDS - 1` words that nobody else touches; and `M` is as said.
    #[inline(always)]
    pub(super) unsafe fn write<M>(place: *mut u64, message: M) {
        let envelope = place.cast::<Envelope<M>>();
        // SAFETY: the caller's promise; the envelope of an inline type, or of a box, is aligned as a word is, or
        // less. By field, so that a large message is copied once.
        unsafe {
            (&raw mut (*envelope).type_).write(Self::TYPE);
            (&raw mut (*envelope).message).write(message);
        }
    }

    /// Whether the message is of this type.
    ///
    /// # Safety
    /// A `write` of some type was made there, visibly to this thread, and no `read` since.
    #[inline]
    pub(super) unsafe fn is_at(place: *const u64) -> bool {
        // SAFETY: the caller's promise; an envelope of any type begins with a reference to its type.
        let type_ = unsafe { place.cast::<&'static Type>().read() };
        // A type may have been given several addresses, but one address stands for one type: statics that a
        // compiler may merge are alike, and their `id` differs from type to type.
        ptr::eq(type_, Self::TYPE) || (type_.id)() == TypeId::of::<T>()
    }

    /// Moves the message out.
    ///
    /// # Safety
    /// `is_at`, and the caller sees to it that nothing moves or drops the message again.
    #[inline(always)]
    pub(super) unsafe fn read(place: *mut u64) -> T {
        if Self::IS_INLINE {
            // SAFETY: the caller's promise.
            unsafe { (&raw const (*place.cast::<Envelope<T>>()).message).read() }
        } else {
            // SAFETY: the caller's promise.
            *unsafe { place.cast::<Envelope<Box<T>>>().read() }.message
        }
    }

    /// # Safety
    /// As for [`read`](Self::read).
    unsafe fn drop(place: *mut u64) {
        // SAFETY: the caller's promise.
        drop(unsafe { Self::read(place) });
    }
}

/// Drops the message, of whatever type.
///
/// # Safety
/// A [`Stored::write`] of some type was made there, visibly to this thread, and the caller sees to it that
/// nothing moves or drops the message again.
pub(super) unsafe fn drop_message(place: *mut u64) {
    // SAFETY: the caller's promise; an envelope of any type begins with a reference to its type.
    let type_ = unsafe { place.cast::<&'static Type>().read() };
    // SAFETY: the type is that of the message.
    unsafe { (type_.drop)(place) };
}
