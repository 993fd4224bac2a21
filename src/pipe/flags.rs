//! What an endpoint knows of itself in a bit each: a program may have a hundred thousand of them.

use std::cell::Cell;

use super::End;

/// The state of an endpoint.
#[derive(Clone, Copy)]
pub(super) enum Flag {
    /// The callback is on the stack.
    Busy,
    /// A callback was set since the running one was called.
    Replaced,
    /// Nothing is received any more.
    Closed,
    /// The router has been asked to look here.
    Scheduled,
    /// The receiver was let go without closing the pipe.
    Detached,
    /// Messages wait in the inbox.
    Waiting,
    /// A discarded message was warned of.
    Warned,
    /// The pipe is a bounded one. Kept here too, so that a message on its way to the callback need not
    /// touch the conduit.
    Bounded,
}

#[derive(Default)]
pub(super) struct Flags {
    bits: Cell<u16>,
    ended: Cell<Option<End>>,
}

impl Flags {
    #[inline]
    pub(super) fn has(&self, flag: Flag) -> bool {
        self.bits.get() & 1 << flag as u16 != 0
    }

    /// Sets or clears a flag. Returns what it was.
    #[inline]
    pub(super) fn set(&self, flag: Flag, value: bool) -> bool {
        let before = self.has(flag);
        let bit = 1 << flag as u16;
        self.bits.set(if value { self.bits.get() | bit } else { self.bits.get() & !bit });
        before
    }

    /// The pipe's end, once it has come.
    #[inline]
    pub(super) fn ended(&self) -> Option<End> {
        self.ended.get()
    }

    pub(super) fn set_ended(&self, end: Option<End>) {
        self.ended.set(end);
    }
}
