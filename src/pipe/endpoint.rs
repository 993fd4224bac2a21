//! The foreground's half of a pipe, and the one place where user code is called with a message.
//!
//! A message is taken, every borrow is let go, and only then is the callback called. The callback itself
//! is taken out of the endpoint for as long as it runs, so it may replace itself, close its own pipe, or
//! make the router route again.

use std::any::{Any, type_name};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use super::flags::{Flag, Flags};
use super::{Conduit, End, Kind, Label, PipeEnd, Special};
use crate::budget::Meter;
use crate::prefetch::prefetch;
use crate::queue::{Backlog, Place, Queue};
use crate::sync::Arc;

type OnMessage<S, T> = Box<dyn FnMut(&mut S, T)>;
type OnEnd<S> = Box<dyn FnOnce(&mut S, PipeEnd)>;

/// An inbox that was larger than this is given back once it is empty.
const KEPT_INBOX: usize = 64;

/// What endpoints ask of their router. A pipe is known to it by its slot.
pub(crate) trait Host {
    /// Has [`Endpoint::deliver`] called on a later step, although the queue has nothing for this pipe.
    fn schedule(&self, slot: u32);
    /// Closes the pipe and discards what it still holds.
    fn close(&self, slot: u32);
    /// Forgets a pipe that has come to its end.
    fn forget(&self, slot: u32);
    /// Counts a message that reached the user.
    fn count_delivered(&self);
    /// Counts a latest value that a newer one replaced while it waited to be taken.
    fn count_replaced(&self);
    /// Counts messages that nobody will receive, and logs them: the first of a pipe as a warning.
    fn count_discarded(&self, pipe: Label, messages: usize, why: Discard);
}

/// Why messages are discarded.
pub(crate) struct Discard {
    /// The pipe is closed; else there is nobody to take its messages.
    pub(crate) is_closed: bool,
    /// They are the first of their pipe.
    pub(crate) is_first: bool,
}

/// One turn of routing: how far it may still go.
pub(crate) struct Turn<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) backlog: &'a RefCell<Backlog>,
    /// Pipes to look at before the queue, for their messages were sent before those in it.
    pub(crate) scheduled: &'a RefCell<VecDeque<u32>>,
    pub(crate) meter: Meter<'a>,
    /// Changes when the router is stopped or begins to be driven by hand; turns begun before that end.
    pub(crate) course: &'a Cell<u32>,
    pub(crate) begun_on: u32,
    pub(crate) delivered: usize,
}

impl Turn<'_> {
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        self.meter.left() > 0 && self.course.get() == self.begun_on
    }
}

/// A pipe as the router's table knows it, whatever the type of its messages.
pub(crate) trait Endpoint<S> {
    /// Delivers the messages that wait here, then those of this pipe at the front of the queue, while
    /// the turn goes on; and the end, if it is due. If the pipe is closed, discards its messages.
    fn deliver(&self, state: &mut S, turn: &mut Turn<'_>);
    /// Does the same for a pipe that asked for it by [`Host::schedule`]; nothing if it did not.
    fn deliver_scheduled(&self, state: &mut S, turn: &mut Turn<'_>);
    /// Delivers the latest value, if it is the one that is due at `place`.
    fn deliver_latest(&self, place: Place, state: &mut S, turn: &mut Turn<'_>);
    /// Takes note of the end, which is delivered after the last message.
    fn end(&self, end: End, state: &mut S, turn: &mut Turn<'_>);
    /// Has the processor fetch what a delivery needs.
    fn prefetch(&self);
    fn has_ended(&self) -> bool;
    fn is_closed(&self) -> bool;
    /// Stops receiving. Returns everything of the user's that the caller is to drop when it holds no borrow, and
    /// how many messages are lost by it.
    fn close(&self) -> Remains;
    /// Counts messages of this pipe as discarded.
    fn count_discarded(&self, messages: usize, host: &dyn Host);
    /// What to call the pipe in a log.
    fn label(&self) -> Label;
}

/// What is left of an endpoint that was closed.
pub(crate) struct Remains {
    pub(crate) lost: usize,
    _of_the_user: Box<dyn Any>,
}

/// What few pipes need.
struct Rare<T, S: 'static> {
    /// Messages whose turn has come and that nobody has taken: there is no callback, or it is running.
    inbox: VecDeque<T>,
    on_end: Option<OnEnd<S>>,
}

pub(crate) struct TypedEndpoint<T: Send + 'static, S: 'static> {
    conduit: Arc<Conduit<T>>,
    /// The pipe's slot in the router's table. Kept here too, so that a message on its way to the callback
    /// need not touch the conduit.
    slot: u32,
    flags: Flags,
    on_message: Cell<Option<OnMessage<S, T>>>,
    rare: Cell<Option<Box<Rare<T, S>>>>,
    opened_at: &'static Location<'static>,
}

impl<T: Send + 'static, S: 'static> TypedEndpoint<T, S> {
    /// Makes both halves of a pipe.
    pub(crate) fn new(
        queue: Arc<Queue>,
        slot: u32,
        special: Option<Special<T>>,
        opened_at: &'static Location<'static>,
    ) -> Self {
        let flags = Flags::default();
        let kind = special.as_ref().and_then(|special| special.kind.as_ref());
        flags.set(Flag::Bounded, matches!(kind, Some(Kind::Bounded(_))));
        Self {
            conduit: Arc::new(Conduit::new(queue, slot, special)),
            slot,
            flags,
            on_message: Cell::new(None),
            rare: Cell::new(None),
            opened_at,
        }
    }

    pub(crate) fn conduit(&self) -> Arc<Conduit<T>> {
        Arc::clone(&self.conduit)
    }

    pub(crate) fn set_on_message(&self, callback: OnMessage<S, T>, host: &dyn Host) {
        if self.is_closed() {
            return;
        }
        self.flags.set(Flag::Replaced, true);
        let old = self.on_message.replace(Some(callback));
        if self.has_waiting() {
            self.schedule(host);
        }
        drop(old);
    }

    pub(crate) fn set_on_end(&self, callback: OnEnd<S>, host: &dyn Host) {
        if self.is_closed() {
            return;
        }
        let old = self.with_rare(|rare| rare.on_end.replace(callback));
        if self.has_ended() {
            self.schedule(host);
        }
        drop(old);
    }

    pub(crate) fn try_recv(&self, host: &dyn Host) -> Option<T> {
        let message = self.pop_waiting()?;
        host.count_delivered();
        if self.has_ended() && !self.has_waiting() {
            self.schedule(host);
        }
        Some(message)
    }

    /// The end, once every message before it was taken.
    pub(crate) fn ended(&self) -> Option<PipeEnd> {
        self.flags.ended().filter(|_| !self.has_waiting()).map(|end| self.conduit.resolve(end))
    }

    pub(crate) fn detach(&self, host: &dyn Host) {
        self.flags.set(Flag::Detached, true);
        if self.is_closed() {
            return;
        }
        // Before what is discarded is dropped, for that may panic.
        if self.has_ended() {
            self.schedule(host);
        }
        if !self.flags.has(Flag::Busy) && !self.has_callback() {
            self.flags.set(Flag::Waiting, false);
            let unreachable = self.if_rare(|rare| std::mem::take(&mut rare.inbox));
            if let Some(messages) = unreachable.filter(|messages| !messages.is_empty()) {
                messages.iter().for_each(|_| self.make_room());
                self.count_discarded(messages.len(), host);
            }
        }
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.flags.has(Flag::Detached)
    }

    /// Has the router close this pipe, unless it is closed.
    pub(crate) fn close_by(&self, host: &dyn Host) {
        if !self.is_closed() {
            host.close(self.slot);
        }
    }

    fn schedule(&self, host: &dyn Host) {
        if !self.flags.set(Flag::Scheduled, true) {
            host.schedule(self.slot);
        }
    }

    /// Lends the rare part, making it if there is none. `access` must not run user code.
    fn with_rare<R>(&self, access: impl FnOnce(&mut Rare<T, S>) -> R) -> R {
        let mut rare =
            self.rare.take().unwrap_or_else(|| Box::new(Rare { inbox: VecDeque::new(), on_end: None }));
        let result = access(&mut rare);
        self.rare.set(Some(rare));
        result
    }

    /// Lends the rare part, if there is one. `access` must not run user code.
    fn if_rare<R>(&self, access: impl FnOnce(&mut Rare<T, S>) -> R) -> Option<R> {
        let mut rare = self.rare.take()?;
        let result = access(&mut rare);
        self.rare.set(Some(rare));
        Some(result)
    }

    #[inline]
    fn has_waiting(&self) -> bool {
        self.flags.has(Flag::Waiting)
    }

    /// Takes the oldest message that waits here.
    #[inline]
    fn pop_waiting(&self) -> Option<T> {
        if self.has_waiting() { self.pop_inbox() } else { None }
    }

    #[cold]
    fn pop_inbox(&self) -> Option<T> {
        let message = self.if_rare(|rare| {
            let message = rare.inbox.pop_front();
            self.flags.set(Flag::Waiting, !rare.inbox.is_empty());
            if rare.inbox.is_empty() && rare.inbox.capacity() > KEPT_INBOX {
                rare.inbox = VecDeque::new();
            }
            message
        })??;
        self.make_room();
        Some(message)
    }

    /// Takes the next message of this pipe: one that waits here, or the front of the queue.
    #[inline(always)]
    fn next(&self, turn: &Turn<'_>) -> Option<T> {
        if let Some(message) = self.pop_waiting() {
            return Some(message);
        }
        if !turn.scheduled.borrow().is_empty() {
            return None;
        }
        self.take(turn)
    }

    /// Takes the front of the queue, if it is a message of this pipe.
    #[inline(always)]
    fn take(&self, turn: &Turn<'_>) -> Option<T> {
        let message = turn.backlog.borrow_mut().take(self.slot)?;
        self.make_room();
        Some(message)
    }

    /// Lets the next sender of a bounded pipe in.
    #[inline]
    fn make_room(&self) {
        if self.flags.has(Flag::Bounded) {
            self.conduit.make_room();
        }
    }

    /// Calls the callback, and whatever it replaced itself by, while there are messages and the turn
    /// goes on. Returns whether there is a callback.
    #[inline]
    fn call_back(&self, state: &mut S, turn: &mut Turn<'_>) -> bool {
        while turn.goes_on()
            && let Some(mut callback) = self.on_message.take()
        {
            self.flags.set(Flag::Busy, true);
            self.flags.set(Flag::Replaced, false);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                while let Some(message) = self.next(turn) {
                    turn.delivered += 1;
                    turn.host.count_delivered();
                    callback(state, message);
                    turn.meter.spend(|| self.label());
                    if !turn.goes_on() || self.flags.has(Flag::Replaced) || self.is_closed() {
                        break;
                    }
                }
            }));
            self.flags.set(Flag::Busy, false);
            if let Err(panic) = outcome {
                // Closed first: the watchdog's warning is written by the user's logger, which may panic as well.
                self.close_by(turn.host);
                turn.meter.spend(|| self.label());
                drop(callback);
                resume_unwind(panic);
            }
            if self.is_closed() || self.flags.has(Flag::Replaced) {
                // Dropping it may panic, which must not strand what waits.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(callback))) {
                    if !self.is_closed() && (self.has_waiting() || self.has_ended()) {
                        self.schedule(turn.host);
                    }
                    resume_unwind(panic);
                }
            } else {
                self.on_message.set(Some(callback));
                return true;
            }
        }
        self.has_callback()
    }

    /// Moves the messages of this pipe at the front of the queue here, where they wait to be taken.
    fn absorb(&self, turn: &mut Turn<'_>) {
        while turn.goes_on() {
            let Some(message) = turn.backlog.borrow_mut().take(self.slot) else {
                return;
            };
            self.keep(message, turn.host);
            turn.meter.spend(|| self.label());
        }
    }

    /// Keeps a message until it is taken; or discards it, if there is neither a handle to take it by nor a
    /// callback.
    fn keep(&self, message: T, host: &dyn Host) {
        if self.is_detached() && !self.flags.has(Flag::Busy) && !self.has_callback() {
            self.make_room();
            self.count_discarded(1, host);
            drop(message);
        } else {
            self.flags.set(Flag::Waiting, true);
            self.with_rare(|rare| rare.inbox.push_back(message));
        }
    }

    /// Drops the messages of this closed pipe at the front of the queue.
    fn discard(&self, turn: &mut Turn<'_>) {
        while turn.goes_on()
            && let Some(message) = self.take(turn)
        {
            self.count_discarded(1, turn.host);
            drop(message);
            turn.meter.spend(|| self.label());
        }
    }

    fn has_callback(&self) -> bool {
        let callback = self.on_message.take();
        let is_some = callback.is_some();
        self.on_message.set(callback);
        is_some
    }

    /// Delivers the end if it has come, nothing waits before it, and somebody wants it.
    fn finish(&self, state: &mut S, turn: &mut Turn<'_>) {
        let Some(end) = self.ended() else {
            return;
        };
        let on_end = self.if_rare(|rare| rare.on_end.take()).flatten();
        if on_end.is_none() && !self.is_detached() {
            return;
        }
        self.flags.set(Flag::Closed, true);
        turn.host.forget(self.slot);
        // Dropped last, for that may panic.
        let _on_message = self.on_message.take();
        if let Some(on_end) = on_end {
            on_end(state, end);
        }
    }
}

impl<T: Send + 'static, S: 'static> Endpoint<S> for TypedEndpoint<T, S> {
    fn deliver(&self, state: &mut S, turn: &mut Turn<'_>) {
        if self.is_closed() {
            return self.discard(turn);
        }
        if self.flags.has(Flag::Busy) {
            return self.absorb(turn);
        }
        let has_callback = self.call_back(state, turn);
        if self.is_closed() {
            return;
        }
        if turn.goes_on() {
            if !has_callback {
                self.absorb(turn);
            }
            if self.has_ended() {
                self.finish(state, turn);
            }
        } else if self.has_ended() || (self.has_waiting() && has_callback) {
            self.schedule(turn.host);
        }
    }

    fn deliver_scheduled(&self, state: &mut S, turn: &mut Turn<'_>) {
        if self.flags.set(Flag::Scheduled, false) && !self.is_closed() {
            self.deliver(state, turn);
        }
    }

    fn deliver_latest(&self, place: Place, state: &mut S, turn: &mut Turn<'_>) {
        if let Some(value) = self.conduit.latest().and_then(|latest| latest.take(place)) {
            // One that still waits, because nobody took it, is outdated.
            let outdated = self.pop_waiting();
            self.keep(value, turn.host);
            if outdated.is_some() {
                turn.host.count_replaced();
            }
            drop(outdated);
            self.deliver(state, turn);
        }
    }

    fn end(&self, end: End, state: &mut S, turn: &mut Turn<'_>) {
        self.flags.set_ended(Some(end));
        if !self.flags.has(Flag::Busy) {
            self.finish(state, turn);
        }
    }

    fn prefetch(&self) {
        if let Some(callback) = self.on_message.take() {
            prefetch(&raw const *callback as *const u8);
            self.on_message.set(Some(callback));
        }
    }

    #[inline]
    fn has_ended(&self) -> bool {
        self.flags.ended().is_some()
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.flags.has(Flag::Closed)
    }

    fn close(&self) -> Remains {
        self.flags.set(Flag::Closed, true);
        // What the end came after is lost, so the end is not told either.
        self.flags.set_ended(None);
        self.conduit.close();
        self.flags.set(Flag::Waiting, false);
        let rare = self.rare.take();
        let latest = self.conduit.latest().and_then(|latest| latest.close());
        let lost = rare.as_ref().map_or(0, |rare| rare.inbox.len()) + usize::from(latest.is_some());
        Remains { lost, _of_the_user: Box::new((rare, latest, self.on_message.take())) }
    }

    fn count_discarded(&self, messages: usize, host: &dyn Host) {
        let is_first = !self.flags.set(Flag::Warned, true);
        host.count_discarded(self.label(), messages, Discard { is_closed: self.is_closed(), is_first });
    }

    fn label(&self) -> Label {
        Label { messages: type_name::<T>(), opened_at: self.opened_at }
    }
}
