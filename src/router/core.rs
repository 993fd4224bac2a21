//! The state behind the handles: the router's life and its pipes.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::Pipe;
use super::stats::{Ages, RouterStats};
use super::table::Table;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::error::PipeError;
use crate::hub::Hub;
use crate::pipe::{Conduit, Host, Kind, MessageReceiver, MessageSender, PipeId, TypedEndpoint};
use crate::queue::{Backlog, LaneId};
use crate::waker::Waker;

/// How messages reach the foreground just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Stopped,
    /// From the event loop, by `dispatch`.
    EventLoop,
    /// Through `route_until` only.
    Manual,
}

pub(super) struct Core<S: 'static> {
    pub(super) hub: Arc<Hub>,
    pub(super) budget: Budget,
    pub(super) mode: Cell<Mode>,
    /// Changes whenever `mode` does, so that routing that is on the stack notices.
    pub(super) course: Cell<u32>,
    pub(super) table: RefCell<Table<S>>,
    /// Pipes of the table that have not ended.
    pub(super) open_pipes: Cell<usize>,
    pub(super) lanes: RefCell<HashMap<TypeId, LaneId>>,
    pub(super) backlog: RefCell<Backlog>,
    /// Pipes to look at although the queue holds nothing for them.
    pub(super) scheduled: RefCell<VecDeque<PipeId>>,
    pub(super) delivered: Cell<u64>,
    /// Without the values that were replaced.
    pub(super) discarded: Cell<u64>,
    /// Latest values that were replaced while they waited to be taken; the queue counts the others.
    pub(super) replaced: Cell<u64>,
    /// What `discarded` and all of `replaced` were at the last start.
    pub(super) lost_before: Cell<(u64, u64)>,
    /// How often the backlog was refilled.
    pub(super) refills: Cell<u64>,
    /// Pipes whose discards were warned of and of which more may be queued.
    pub(super) warned: RefCell<HashSet<PipeId>>,
    /// Whether a dispatch that delivered nothing, because of `Mode::Manual`, was warned of in this run.
    pub(super) warned_of_manual: Cell<bool>,
    pub(super) ages: Ages,
    pub(super) this: Weak<Core<S>>,
}

impl<S: 'static> Core<S> {
    pub(super) fn new(
        waker: Box<dyn Waker>,
        name: Option<Box<str>>,
        budget: Budget,
        clock: Clock,
    ) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            hub: Arc::new(Hub::new(waker, name, clock)),
            budget,
            mode: Cell::new(Mode::Stopped),
            course: Cell::new(0),
            table: RefCell::new(Table::new()),
            open_pipes: Cell::new(0),
            lanes: RefCell::default(),
            backlog: RefCell::default(),
            scheduled: RefCell::default(),
            delivered: Cell::new(0),
            discarded: Cell::new(0),
            replaced: Cell::new(0),
            lost_before: Cell::new((0, 0)),
            refills: Cell::new(0),
            warned: RefCell::default(),
            warned_of_manual: Cell::new(false),
            ages: Ages::default(),
            this: Weak::clone(this),
        })
    }

    pub(super) fn start_up(&self) {
        let stats = self.stats();
        self.lost_before.set((stats.discarded - stats.replaced, stats.replaced));
        self.hub.notifier.set_manual(false);
        self.warned_of_manual.set(false);
        // No pipe is open, so nothing is queued.
        self.hub.notifier.release(|| true);
        self.set_mode(Mode::EventLoop);
    }

    pub(super) fn stats(&self) -> RouterStats {
        let counts = self.hub.queue.counts();
        let delivered = self.delivered.get();
        let replaced = self.replaced.get() + counts.replaced;
        let discarded = self.discarded.get() + replaced;
        RouterStats {
            sent: counts.sent,
            delivered,
            discarded,
            replaced,
            queued: counts.sent - (delivered + discarded),
            wakes: self.hub.notifier.wakes(),
            open_pipes: self.open_pipes.get(),
            longest_wait: self.ages.longest(),
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.mode.get() != Mode::Stopped
    }

    pub(super) fn set_mode(&self, mode: Mode) {
        self.mode.set(mode);
        self.course.set(self.course.get().wrapping_add(1));
    }

    pub(super) fn open<T: Send + 'static>(
        &self,
        kind: impl FnOnce() -> Kind<T>,
    ) -> Result<Pipe<T, S>, PipeError> {
        if !self.is_running() {
            return Err(PipeError::NotRunning);
        }
        let lane = self.lane_of::<T>();
        let epoch = self.hub.queue.epoch();
        let endpoint = self.table.borrow_mut().insert(|id| {
            let hub = Arc::clone(&self.hub);
            Rc::new(TypedEndpoint::<T, S>::new(Arc::new(Conduit::new(hub, id, lane, epoch, kind()))))
        })?;
        self.open_pipes.set(self.open_pipes.get() + 1);
        let sender = MessageSender::new(endpoint.conduit());
        let host: Weak<dyn Host> = self.this.clone();
        Ok((sender, MessageReceiver::new(endpoint, host)))
    }

    /// Returns the lane of a type, which it gets with its first pipe and keeps.
    fn lane_of<T: 'static>(&self) -> LaneId {
        let mut lanes = self.lanes.borrow_mut();
        let next = LaneId(lanes.len() as u32);
        *lanes.entry(TypeId::of::<T>()).or_insert(next)
    }

    /// Closes all pipes and discards everything. What is the user's is dropped last, when the router is
    /// stopped already and no borrow is held.
    /// Open pipes are told at `level`.
    pub(super) fn shut_down(&self, level: log::Level) {
        self.set_mode(Mode::Stopped);
        let queued = self.hub.queue.end_epoch();
        let endpoints = self.table.borrow_mut().take_all();
        let unclosed = self.open_pipes.replace(0);
        let remains: Vec<_> = endpoints.iter().map(|endpoint| endpoint.close().1).collect();
        let fetched = self.backlog.borrow_mut().clear();
        self.scheduled.take();
        self.warned.take();
        self.ages.idle(self.hub.clock.now());

        // Nothing is queued any more, so whatever was not delivered is discarded.
        let counts = self.hub.queue.counts();
        let replaced = self.replaced.get() + counts.replaced;
        self.discarded.set(counts.sent - self.delivered.get() - replaced);
        let (discarded_before, replaced_before) = self.lost_before.get();
        let (discarded, replaced) = (self.discarded.get() - discarded_before, replaced - replaced_before);
        let label = self.hub.label();
        if unclosed > 0 {
            log::log!(level, "{label} stopped with {unclosed} unclosed pipes; their senders are turned away");
        }
        if discarded > 0 {
            log::warn!("{label} stopped; since its start it discarded {discarded} messages");
        }
        if replaced > 0 {
            log::debug!("{label} stopped; since its start newer values replaced {replaced} latest values");
        }
        drop((remains, queued, fetched, endpoints));
    }

    /// Whether a fetched batch is being worked off.
    pub(super) fn has_batch(&self) -> bool {
        self.backlog.borrow().front().is_some()
    }

    /// Whether nothing is left for a dispatch to do.
    pub(super) fn is_drained(&self) -> bool {
        self.scheduled.borrow().is_empty() && !self.has_batch() && self.hub.queue.is_empty()
    }
}

impl<S: 'static> Host for Core<S> {
    fn schedule(&self, pipe: PipeId) {
        self.scheduled.borrow_mut().push_back(pipe);
        self.hub.notifier.notify();
    }

    fn close(&self, pipe: PipeId) {
        let removed = self.table.borrow_mut().remove(pipe);
        let Some(endpoint) = removed else {
            return;
        };
        if !endpoint.has_ended() {
            self.open_pipes.set(self.open_pipes.get() - 1);
        }
        let (lost, remains) = endpoint.close();
        if lost > 0 {
            self.count_discarded(pipe, lost);
        }
        drop(remains);
    }

    fn forget(&self, pipe: PipeId) {
        let removed = self.table.borrow_mut().remove(pipe);
        drop(removed);
    }

    fn count_delivered(&self) {
        self.delivered.set(self.delivered.get() + 1);
    }

    fn count_replaced(&self) {
        self.replaced.set(self.replaced.get() + 1);
    }

    fn count_discarded(&self, pipe: PipeId, messages: usize) {
        self.discarded.set(self.discarded.get() + messages as u64);
        let is_first = self.warned.borrow_mut().insert(pipe);
        let level = if is_first { log::Level::Warn } else { log::Level::Debug };
        // No borrow is held: a logger may well send on a pipe of this router.
        log::log!(
            level,
            "discarding message from closed pipe {}.{} of {}: {messages} just now",
            pipe.slot,
            pipe.generation,
            self.hub.label(),
        );
    }
}

impl<S: 'static> Drop for Core<S> {
    fn drop(&mut self) {
        if self.is_running() {
            // Dropping everything is a way to end a program, and no mistake.
            self.shut_down(log::Level::Debug);
        }
    }
}
