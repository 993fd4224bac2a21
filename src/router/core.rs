//! The state behind the handles: the router's life and its pipes.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::stats::{Ages, RouterStats};
use super::table::Table;
use super::{MessageRouterBuilder, Pipe};
use crate::budget::Budget;
use crate::clock::Clock;
use crate::error::PipeError;
use crate::notifier::Notifier;
use crate::pipe::{Discard, Endpoint, Host, Label, MessageReceiver, MessageSender, Special, TypedEndpoint};
use crate::queue::{Backlog, Counts, Entry};
use crate::sync::Arc;
use crate::waker::Waker;
use crate::watchdog::Watchdog;

/// Ends of closed pipes that are taken in one go: some ten microseconds.
const SWEPT_AT_ONCE: usize = 256;

/// How messages reach the foreground just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Stopped,
    /// From the event loop, by `dispatch`.
    EventLoop,
    /// Through `route_until` only.
    Manual,
}

/// Where the event loop is with regard to the router. Only the foreground looks at this; what senders need to
/// know, whether it sleeps, is the queue's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It sleeps, or a wake is under way.
    Waiting,
    /// The same, and it has settled since, without a dispatch. If it does so again although it was woken, the wake is taken
    /// for lost and sent again.
    Overdue,
    /// Between a dispatch and the settling after it: it will look at the queue, so nobody wakes.
    Held,
}

pub(super) struct Core<S: 'static> {
    name: Option<Box<str>>,
    pub(super) budget: Budget,
    pub(super) clock: Clock,
    pub(super) watchdog: Watchdog,
    pub(super) notifier: Arc<Notifier>,
    /// The queue of this run, from start to stop.
    pub(super) backlog: RefCell<Backlog>,
    pub(super) mode: Cell<Mode>,
    pub(super) phase: Cell<Phase>,
    /// Changes whenever `mode` does, so that routing that is on the stack notices.
    pub(super) course: Cell<u32>,
    pub(super) table: RefCell<Table<S>>,
    /// Pipes of the table that have neither ended nor been closed.
    pub(super) open_pipes: Cell<usize>,
    /// Slots of pipes to look at although the queue holds nothing for them.
    pub(super) scheduled: RefCell<VecDeque<u32>>,
    pub(super) dispatches: Cell<u64>,
    delivered: Cell<u64>,
    /// Without the values that were replaced.
    discarded: Cell<u64>,
    /// Latest values that were replaced while they waited to be taken; the queue counts the others.
    replaced: Cell<u64>,
    /// What `discarded` and all of `replaced` were at the last start.
    lost_before: Cell<(u64, u64)>,
    /// What the queues of earlier runs counted.
    past: Cell<Counts>,
    /// Whether a dispatch that delivered nothing, because of `Mode::Manual`, was warned of in this run.
    pub(super) warned_of_manual: Cell<bool>,
    pub(super) ages: Ages,
    this: Weak<Core<S>>,
}

/// The router's name for log messages.
pub(super) struct RouterLabel<'a>(pub(super) Option<&'a str>);

impl fmt::Display for RouterLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "router {:?}", self.0.unwrap_or("unnamed"))
    }
}

impl<S: 'static> Core<S> {
    pub(super) fn new(waker: Box<dyn Waker>, builder: MessageRouterBuilder<S>) -> Rc<Self> {
        let MessageRouterBuilder { budget, name, watchdog, clock, switch: _, state: _ } = builder;
        let notifier = Arc::new(Notifier::new(waker, clock.clone()));
        let backlog = Backlog::new(Arc::clone(&notifier));
        Rc::new_cyclic(|this| Self {
            watchdog: Watchdog::new(watchdog, &RouterLabel(name.as_deref())),
            name,
            budget,
            clock,
            notifier,
            backlog: RefCell::new(backlog),
            mode: Cell::new(Mode::Stopped),
            phase: Cell::new(Phase::Waiting),
            course: Cell::new(0),
            table: RefCell::new(Table::new()),
            open_pipes: Cell::new(0),
            scheduled: RefCell::default(),
            dispatches: Cell::new(0),
            delivered: Cell::new(0),
            discarded: Cell::new(0),
            replaced: Cell::new(0),
            lost_before: Cell::new((0, 0)),
            past: Cell::default(),
            warned_of_manual: Cell::new(false),
            ages: Ages::default(),
            this: Weak::clone(this),
        })
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn label(&self) -> RouterLabel<'_> {
        RouterLabel(self.name())
    }

    pub(super) fn start_up(&self) {
        let replaced = self.replaced.get() + self.counts().replaced;
        self.lost_before.set((self.discarded.get(), replaced));
        self.notifier.set_manual(false);
        self.warned_of_manual.set(false);
        self.phase.set(Phase::Waiting);
        self.set_mode(Mode::EventLoop);
    }

    fn counts(&self) -> Counts {
        let (past, now) = (self.past.get(), self.backlog.borrow().counts());
        Counts { sent: past.sent + now.sent, replaced: past.replaced + now.replaced }
    }

    pub(super) fn stats(&self) -> RouterStats {
        // The ends of closed pipes are nothing that waits.
        self.sweep();
        let delivered = self.delivered.get();
        let counts = self.counts();
        let replaced = self.replaced.get() + counts.replaced;
        let discarded = self.discarded.get() + replaced;
        let (head, _) = self.backlog.borrow().extent();
        let queued = counts.sent - (delivered + discarded);
        let oldest_wait = self.ages.oldest(self.clock.now(), head, self.notifier.woken_at());
        RouterStats {
            sent: counts.sent,
            delivered,
            discarded,
            replaced,
            queued,
            wakes: self.notifier.wakes(),
            dispatches: self.dispatches.get(),
            open_pipes: self.open_pipes.get(),
            // A pipe's end may be in the queue, which is no message.
            oldest_wait: if queued > 0 { oldest_wait } else { Duration::ZERO },
            longest_wait: self.ages.longest(),
            longest_callback: self.watchdog.longest(),
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
        special: impl FnOnce() -> Option<Special<T>>,
        opened_at: &'static Location<'static>,
    ) -> Result<Pipe<T, S>, PipeError> {
        if !self.is_running() {
            return Err(PipeError::NotRunning);
        }
        let queue = Arc::clone(self.backlog.borrow().queue());
        let endpoint = self
            .table
            .borrow_mut()
            .insert(|slot| Rc::new(TypedEndpoint::<T, S>::new(queue, slot, special(), opened_at)))?;
        self.open_pipes.set(self.open_pipes.get() + 1);
        let sender = MessageSender::new(endpoint.conduit());
        let host: Weak<dyn Host> = self.this.clone();
        Ok((sender, MessageReceiver::new(endpoint, host)))
    }

    /// Closes all pipes and discards everything. What is the user's is dropped last, when the router is
    /// stopped already and no borrow is held.
    /// Open pipes are told at `level`.
    pub(super) fn shut_down(&self, level: log::Level) {
        self.set_mode(Mode::Stopped);
        // Closed first: from here on no sender of this run gets anything in.
        let counts = self.backlog.borrow_mut().close();
        let past = self.past.get();
        self.past.set(Counts { sent: past.sent + counts.sent, replaced: past.replaced + counts.replaced });
        let fresh = Backlog::new(Arc::clone(&self.notifier));
        let backlog = self.backlog.replace(fresh);
        let endpoints = self.table.borrow_mut().take_all();
        let unclosed = self.open_pipes.replace(0);
        let remains: Vec<_> = endpoints.iter().map(|endpoint| endpoint.close()).collect();
        self.scheduled.take();
        self.ages.idle(self.clock.now());

        // Nothing is queued any more, so whatever was not delivered is discarded.
        let counts = self.past.get();
        let replaced = self.replaced.get() + counts.replaced;
        self.discarded.set(counts.sent - self.delivered.get() - replaced);
        let (discarded_before, replaced_before) = self.lost_before.get();
        let (discarded, replaced) = (self.discarded.get() - discarded_before, replaced - replaced_before);
        let label = self.label();
        if unclosed > 0 {
            log::log!(level, "{label} stopped with {unclosed} unclosed pipes; their senders are turned away");
        }
        if discarded > 0 {
            log::warn!("{label} stopped; since its start it discarded {discarded} messages");
        }
        if replaced > 0 {
            log::debug!("{label} stopped; since its start newer values replaced {replaced} latest values");
        }
        drop((remains, backlog, endpoints));
    }

    /// Whether nothing is left for a dispatch to do.
    pub(super) fn is_drained(&self) -> bool {
        self.scheduled.borrow().is_empty() && self.backlog.borrow().is_empty()
    }

    pub(super) fn endpoint(&self, slot: u32) -> Option<Rc<dyn Endpoint<S>>> {
        self.table.borrow().get(slot).cloned()
    }

    /// Takes ends of closed pipes at the front of the queue, of which nobody is told and nobody woke. Not all at
    /// once if they are many, for this is beside the budget.
    pub(super) fn sweep(&self) {
        for _ in 0..SWEPT_AT_ONCE {
            let front = self.backlog.borrow_mut().front();
            let Some(Entry::End(slot, _)) = front else { return };
            if self.endpoint(slot).is_some_and(|endpoint| !endpoint.is_closed()) {
                return;
            }
            self.backlog.borrow_mut().pass_end();
            self.forget(slot);
        }
    }
}

impl<S: 'static> Host for Core<S> {
    fn schedule(&self, slot: u32) {
        self.scheduled.borrow_mut().push_back(slot);
        let queue = Arc::clone(self.backlog.borrow().queue());
        queue.wake_if_asleep();
    }

    fn close(&self, slot: u32) {
        let Some(endpoint) = self.endpoint(slot) else {
            return;
        };
        if endpoint.has_ended() {
            self.forget(slot);
        } else {
            // The slot is kept until the end has passed through the queue.
            self.open_pipes.set(self.open_pipes.get() - 1);
        }
        let remains = endpoint.close();
        if remains.lost > 0 {
            endpoint.count_discarded(remains.lost, self);
        }
        drop(remains);
    }

    fn forget(&self, slot: u32) {
        let removed = self.table.borrow_mut().free(slot);
        drop(removed);
    }

    fn count_delivered(&self) {
        self.delivered.set(self.delivered.get() + 1);
    }

    fn count_replaced(&self) {
        self.replaced.set(self.replaced.get() + 1);
    }

    fn count_discarded(&self, pipe: Label, messages: usize, why: Discard) {
        self.discarded.set(self.discarded.get() + messages as u64);
        let level = if why.is_first { log::Level::Warn } else { log::Level::Debug };
        let from = if why.is_closed { "closed pipe" } else { "pipe with neither receiver nor callback" };
        // No borrow is held: a logger may well send on a pipe of this router.
        log::log!(level, "{}: discarding message from {from}: {messages} just now; {pipe}", self.label());
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
