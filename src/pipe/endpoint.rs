//! The foreground's half of a pipe, and the one place where user code is called with a message.
//!
//! A message is taken, every borrow is let go, and only then is the callback called. The callback itself
//! is taken out of the endpoint for as long as it runs, so it may replace itself, close its own pipe, or
//! make the router route again.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::{Conduit, Kind, PipeEnd, PipeId};
use crate::budget::Meter;
use crate::queue::{Backlog, Place};

type OnMessage<S, T> = Box<dyn FnMut(&mut S, T)>;
type OnEnd<S> = Box<dyn FnOnce(&mut S, PipeEnd)>;

/// An inbox that was larger than this is given back once it is empty.
const KEPT_INBOX: usize = 64;

/// What endpoints ask of their router.
pub(crate) trait Host {
    /// Has [`Endpoint::deliver`] called on a later step, although the queue has nothing for this pipe.
    fn schedule(&self, pipe: PipeId);
    /// Closes the pipe and discards what it still holds.
    fn close(&self, pipe: PipeId);
    /// Forgets a pipe that has come to its end.
    fn forget(&self, pipe: PipeId);
    /// Counts a message that reached the user.
    fn count_delivered(&self);
    /// Counts a latest value that a newer one replaced while it waited to be taken.
    fn count_replaced(&self);
    /// Counts and logs messages that nobody will receive.
    fn count_discarded(&self, pipe: PipeId, messages: usize);
}

/// One turn of routing: how far it may still go.
pub(crate) struct Turn<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) backlog: &'a RefCell<Backlog>,
    /// Pipes to look at before the queue, for their messages were sent before those in it.
    pub(crate) scheduled: &'a RefCell<VecDeque<PipeId>>,
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
    /// the turn goes on; and the end, if it is due.
    fn deliver(&self, state: &mut S, turn: &mut Turn<'_>);
    /// Delivers the latest value, if it is the one that is due at `place`.
    fn deliver_latest(&self, place: Place, state: &mut S, turn: &mut Turn<'_>);
    /// Takes note of the end, which is delivered after the last message.
    fn end(&self, end: PipeEnd, state: &mut S, turn: &mut Turn<'_>);
    fn has_ended(&self) -> bool;
    /// Stops receiving. Returns how many messages are lost by it, and everything of the user's that the
    /// caller is to drop when it holds no borrow.
    fn close(&self) -> (usize, Box<dyn Any>);
}

pub(crate) struct TypedEndpoint<T: Send + 'static, S: 'static> {
    conduit: Arc<Conduit<T>>,
    /// Kept here too, so that a message on its way to the callback need not touch the conduit, which the
    /// senders' threads write to.
    id: PipeId,
    is_bounded: bool,
    on_message: Cell<Option<OnMessage<S, T>>>,
    on_end: Cell<Option<OnEnd<S>>>,
    /// Messages whose turn has come and that nobody has taken: there is no callback, or it is running.
    /// Boxed because most pipes never have one.
    #[allow(clippy::box_collection)]
    inbox: RefCell<Option<Box<VecDeque<T>>>>,
    ended: Cell<Option<PipeEnd>>,
    /// Whether the callback is on the stack.
    busy: Cell<bool>,
    /// Whether a callback was set since the running one was called.
    replaced: Cell<bool>,
    closed: Cell<bool>,
    /// Whether the router has been asked to look here.
    scheduled: Cell<bool>,
    /// Whether the receiver was let go without closing the pipe.
    detached: Cell<bool>,
}

impl<T: Send + 'static, S: 'static> TypedEndpoint<T, S> {
    pub(crate) fn new(conduit: Arc<Conduit<T>>) -> Self {
        Self {
            id: conduit.id,
            is_bounded: matches!(conduit.kind, Kind::Bounded(_)),
            conduit,
            on_message: Cell::new(None),
            on_end: Cell::new(None),
            inbox: RefCell::new(None),
            ended: Cell::new(None),
            busy: Cell::new(false),
            replaced: Cell::new(false),
            closed: Cell::new(false),
            scheduled: Cell::new(false),
            detached: Cell::new(false),
        }
    }

    pub(crate) fn conduit(&self) -> Arc<Conduit<T>> {
        Arc::clone(&self.conduit)
    }

    pub(crate) fn id(&self) -> PipeId {
        self.id
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(crate) fn set_on_message(&self, callback: OnMessage<S, T>, host: &dyn Host) {
        if self.closed.get() {
            return;
        }
        self.replaced.set(true);
        let old = self.on_message.replace(Some(callback));
        if self.has_waiting() {
            self.schedule(host);
        }
        drop(old);
    }

    pub(crate) fn set_on_end(&self, callback: OnEnd<S>, host: &dyn Host) {
        if self.closed.get() {
            return;
        }
        let old = self.on_end.replace(Some(callback));
        if self.ended.get().is_some() {
            self.schedule(host);
        }
        drop(old);
    }

    pub(crate) fn try_recv(&self, host: &dyn Host) -> Option<T> {
        let message = self.pop_waiting()?;
        host.count_delivered();
        if self.ended.get().is_some() && !self.has_waiting() {
            self.schedule(host);
        }
        Some(message)
    }

    /// The end, once every message before it was taken.
    pub(crate) fn ended(&self) -> Option<PipeEnd> {
        self.ended.get().filter(|_| !self.has_waiting())
    }

    pub(crate) fn detach(&self, host: &dyn Host) {
        self.detached.set(true);
        if self.closed.get() {
            return;
        }
        if !self.busy.get() && !self.has_callback() {
            let unreachable = self.inbox.take();
            if let Some(messages) = unreachable.as_ref().filter(|messages| !messages.is_empty()) {
                messages.iter().for_each(|_| self.make_room());
                host.count_discarded(self.id(), messages.len());
            }
        }
        if self.ended.get().is_some() {
            self.schedule(host);
        }
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.detached.get()
    }

    fn schedule(&self, host: &dyn Host) {
        if !self.scheduled.replace(true) {
            host.schedule(self.id());
        }
    }

    fn has_waiting(&self) -> bool {
        self.inbox.borrow().as_ref().is_some_and(|inbox| !inbox.is_empty())
    }

    /// Takes the oldest message that waits here.
    #[inline]
    fn pop_waiting(&self) -> Option<T> {
        let mut slot = self.inbox.borrow_mut();
        let inbox = slot.as_mut()?;
        let message = inbox.pop_front()?;
        if inbox.is_empty() && inbox.capacity() > KEPT_INBOX {
            *slot = None;
        }
        self.make_room();
        Some(message)
    }

    fn push_waiting(&self, message: T) {
        self.inbox.borrow_mut().get_or_insert_default().push_back(message);
    }

    /// Takes the next message of this pipe: one that waits here, or the front of the queue.
    #[inline]
    fn next(&self, turn: &Turn<'_>) -> Option<T> {
        if let Some(message) = self.pop_waiting() {
            return Some(message);
        }
        if !turn.scheduled.borrow().is_empty() {
            return None;
        }
        let message = turn.backlog.borrow_mut().take(self.id())?;
        self.make_room();
        Some(message)
    }

    /// Lets the next sender of a bounded pipe in.
    #[inline]
    fn make_room(&self) {
        if self.is_bounded
            && let Kind::Bounded(bound) = &self.conduit.kind
        {
            bound.release();
        }
    }

    /// Calls the callback, and whatever it replaced itself by, while there are messages and the turn
    /// goes on.
    fn call_back(&self, state: &mut S, turn: &mut Turn<'_>) {
        while turn.goes_on()
            && let Some(mut callback) = self.on_message.take()
        {
            self.busy.set(true);
            self.replaced.set(false);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                while let Some(message) = self.next(turn) {
                    turn.delivered += 1;
                    turn.host.count_delivered();
                    callback(state, message);
                    turn.meter.spend();
                    if !turn.goes_on() || self.replaced.get() || self.closed.get() {
                        break;
                    }
                }
            }));
            self.busy.set(false);
            if let Err(panic) = outcome {
                turn.host.close(self.id());
                drop(callback);
                resume_unwind(panic);
            }
            if self.closed.get() || self.replaced.get() {
                // Dropping it may panic, which must not strand the messages that wait.
                if self.has_waiting() {
                    self.schedule(turn.host);
                }
                drop(callback);
            } else {
                self.on_message.set(Some(callback));
                return;
            }
        }
    }

    /// Moves the messages of this pipe at the front of the queue here, where they wait to be taken.
    fn absorb(&self, turn: &mut Turn<'_>) {
        while turn.goes_on() {
            let Some(message) = turn.backlog.borrow_mut().take(self.id()) else {
                return;
            };
            self.keep(message, turn.host);
            turn.meter.spend();
        }
    }

    /// Keeps a message until it is taken; or discards it, if there is neither a handle to take it by nor a
    /// callback.
    fn keep(&self, message: T, host: &dyn Host) {
        if self.detached.get() && !self.busy.get() && !self.has_callback() {
            self.make_room();
            host.count_discarded(self.id(), 1);
            drop(message);
        } else {
            self.push_waiting(message);
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
        let on_end = self.on_end.take();
        if on_end.is_none() && !self.detached.get() {
            return;
        }
        self.closed.set(true);
        turn.host.forget(self.id());
        // Dropped last, for that may panic.
        let _on_message = self.on_message.take();
        if let Some(on_end) = on_end {
            on_end(state, end);
        }
    }
}

impl<T: Send + 'static, S: 'static> Endpoint<S> for TypedEndpoint<T, S> {
    fn deliver(&self, state: &mut S, turn: &mut Turn<'_>) {
        self.scheduled.set(false);
        if self.busy.get() {
            return self.absorb(turn);
        }
        self.call_back(state, turn);
        if self.closed.get() {
            return;
        }
        if turn.goes_on() {
            if !self.has_callback() {
                self.absorb(turn);
            }
            self.finish(state, turn);
        } else if self.ended.get().is_some() || (self.has_waiting() && self.has_callback()) {
            self.schedule(turn.host);
        }
    }

    fn deliver_latest(&self, place: Place, state: &mut S, turn: &mut Turn<'_>) {
        let Kind::Latest(latest) = &self.conduit.kind else {
            return;
        };
        if let Some(value) = latest.take(place) {
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

    fn end(&self, end: PipeEnd, state: &mut S, turn: &mut Turn<'_>) {
        self.ended.set(Some(end));
        if !self.busy.get() {
            self.finish(state, turn);
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.get().is_some()
    }

    fn close(&self) -> (usize, Box<dyn Any>) {
        self.closed.set(true);
        // What the end came after is lost, so the end is not told either.
        self.ended.set(None);
        self.conduit.close();
        let inbox = self.inbox.take();
        let latest = match &self.conduit.kind {
            Kind::Latest(latest) => latest.close(),
            Kind::Unbounded | Kind::Bounded(_) => None,
        };
        let lost = inbox.as_ref().map_or(0, |inbox| inbox.len()) + usize::from(latest.is_some());
        (lost, Box::new((inbox, latest, self.on_message.take(), self.on_end.take())))
    }
}
