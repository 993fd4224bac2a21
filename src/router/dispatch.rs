//! Delivering from the event loop.

use std::time::Instant;

use super::MessageRouter;
use super::core::{Core, Mode};
use crate::budget::Meter;
use crate::pipe::{Host, Turn};
use crate::queue::Entry;

/// Room that the small tables of an idle router keep.
const KEPT_ENTRIES: usize = 64;
/// Messages of a closed pipe that are dropped before the clock is looked at.
const DISCARDED_AT_ONCE: usize = 16;

/// What one [`dispatch`](MessageRouter::dispatch) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dispatched {
    /// Messages that callbacks received.
    pub delivered: usize,
    /// Whether the budget was spent before the queue was empty. The rest comes with the next dispatch,
    /// for which [`settle`](MessageRouter::settle) wakes the loop; but not if a callback called
    /// [`route_until`](MessageRouter::route_until), which takes the router from the loop.
    pub has_more: bool,
}

impl<S: 'static> MessageRouter<S> {
    /// Delivers what is queued, within the router's [`Budget`](crate::Budget). For the event loop to call
    /// when it was woken; spurious calls are harmless. Never blocks.
    ///
    /// When the state owns the router, call it on a clone: `self.router.clone().dispatch(self)`.
    /// Callbacks may call it again. While the router is stopped, or since
    /// [`route_until`](Self::route_until) took over, nothing is delivered.
    ///
    /// The loop must call [`settle`](Self::settle) afterwards, before it sleeps. From a dispatch to the
    /// next `settle`, no send wakes the loop.
    ///
    /// # Panics
    /// If a callback panics, its pipe is closed and the panic goes on to the caller. The router stays in
    /// order: the next dispatch continues with the next message.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter<u32> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// receiver.on_message(|sum, n| *sum += n);
    /// let sender = sender.start();
    /// (1..=4).for_each(|n| sender.send(n).unwrap());
    ///
    /// let mut sum = 0;
    /// let dispatched = router.dispatch(&mut sum);
    /// assert_eq!((sum, dispatched.delivered, dispatched.has_more), (10, 4, false));
    /// ```
    pub fn dispatch(&self, state: &mut S) -> Dispatched {
        let core = &*self.core;
        if core.mode.get() != Mode::EventLoop {
            core.warn_of_idle_dispatch();
            return Dispatched::default();
        }
        core.hub.notifier.hold();
        let now = core.hub.clock.now();
        core.ages.begin(now, core.has_batch());
        let delivered = core.route(state, Meter::new(core.budget, &core.hub.clock, now));
        Dispatched { delivered, has_more: !core.is_drained() }
    }

    /// Lets the loop sleep: from here on, the next send wakes it. If messages are left, it is woken at
    /// once. For the event loop to call before it sleeps, once a turn, however often it dispatched.
    ///
    /// It is apart from `dispatch` because many loops handle a wake that is sent while they handle events
    /// before they come to input and drawing; a router that woke the loop from inside its own dispatch
    /// would starve both. Call it where the loop has nothing left to do in this turn, such as winit's
    /// `about_to_wait`. A loop without such a place calls it right after `dispatch`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{Budget, MessageRouter};
    /// # use std::{time::Duration};
    /// let budget = Budget::new(Duration::from_secs(1), 2);
    /// let router: MessageRouter<u32> = MessageRouter::builder().budget(budget).build(|| {});
    /// router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// receiver.on_message(|sum, n| *sum += n);
    /// let sender = sender.start();
    /// (0..3).for_each(|_| sender.send(1).unwrap());
    ///
    /// let mut sum = 0;
    /// assert!(router.dispatch(&mut sum).has_more);
    /// assert_eq!(router.stats().wakes, 1);
    /// router.settle();
    /// assert_eq!(router.stats().wakes, 2);
    /// ```
    pub fn settle(&self) {
        let core = &*self.core;
        if core.mode.get() == Mode::EventLoop {
            core.hub.notifier.settle(|| core.is_idle());
        }
    }
}

impl<S: 'static> Core<S> {
    /// Tells whoever waits for messages in vain, once: a wait in the middle of the program is an easy mistake.
    fn warn_of_idle_dispatch(&self) {
        if self.mode.get() == Mode::Manual && !self.is_drained() && !self.warned_of_manual.replace(true) {
            log::warn!(
                "{}: dispatch delivers nothing since route_until took over; stop and start the router to give it \
                 back to the event loop",
                self.hub.label(),
            );
        }
    }

    /// Whether nothing is left to do; if so, puts the router to rest: what a flood needed is given back.
    pub(super) fn is_idle(&self) -> bool {
        let is_idle = self.is_drained();
        if is_idle {
            self.ages.idle(self.hub.clock.now());
            self.backlog.borrow_mut().release(&self.hub.queue);
            self.scheduled.borrow_mut().shrink_to(KEPT_ENTRIES);
            // A closed pipe has nothing queued any more, so it need not be remembered.
            let table = self.table.borrow();
            let mut warned = self.warned.borrow_mut();
            warned.retain(|pipe| table.get(*pipe).is_some());
            warned.shrink_to(KEPT_ENTRIES);
        }
        is_idle
    }

    /// Delivers until the meter is spent, nothing is left, or a callback changes the router's course.
    /// Returns how many messages callbacks received.
    pub(super) fn route(&self, state: &mut S, meter: Meter<'_>) -> usize {
        let mut turn = Turn {
            host: self,
            backlog: &self.backlog,
            scheduled: &self.scheduled,
            meter,
            course: &self.course,
            begun_on: self.course.get(),
            delivered: 0,
        };
        while turn.goes_on() {
            let left = turn.meter.left();
            if !self.route_scheduled(state, &mut turn) && !self.route_front(state, &mut turn) {
                break;
            }
            // Every step counts, also an end that nobody asked for or a value that is only kept: workers
            // could go on making such steps for ever.
            if turn.meter.left() == left {
                turn.meter.spend();
            }
        }
        turn.delivered
    }

    /// Goes on with a pipe that has something to deliver besides what is queued.
    fn route_scheduled(&self, state: &mut S, turn: &mut Turn<'_>) -> bool {
        let Some(pipe) = self.scheduled.borrow_mut().pop_front() else {
            return false;
        };
        let endpoint = self.table.borrow().get(pipe);
        if let Some(endpoint) = endpoint {
            endpoint.deliver(state, turn);
        }
        true
    }

    /// Goes on with the front of the queue.
    fn route_front(&self, state: &mut S, turn: &mut Turn<'_>) -> bool {
        let Some(entry) = self.front(turn) else {
            return false;
        };
        let endpoint = self.table.borrow().get(entry.pipe());
        match (entry, endpoint) {
            (Entry::Message(_), Some(endpoint)) => endpoint.deliver(state, turn),
            (Entry::Message(pipe), None) => {
                // Few at a time, for to drop them may take long.
                let most = turn.meter.left().min(DISCARDED_AT_ONCE);
                let (count, messages) = self.backlog.borrow_mut().discard(most);
                self.count_discarded(pipe, count);
                drop(messages);
                turn.meter.spend_many(count);
            }
            (Entry::Latest(_, place), endpoint) => {
                self.backlog.borrow_mut().pass_latest(place);
                if let Some(endpoint) = endpoint {
                    endpoint.deliver_latest(place, state, turn);
                }
            }
            (Entry::End(_, end), endpoint) => {
                self.backlog.borrow_mut().pass_end();
                if let Some(endpoint) = endpoint {
                    self.open_pipes.set(self.open_pipes.get() - 1);
                    endpoint.end(end, state, turn);
                }
            }
        }
        true
    }

    /// Returns what comes next in the queue, fetching from the producers if need be.
    fn front(&self, turn: &Turn<'_>) -> Option<Entry> {
        let front = self.backlog.borrow().front();
        front.or_else(|| {
            self.refill(turn.meter.now());
            self.backlog.borrow().front()
        })
    }

    /// Fetches from the producers what they have queued, when nothing is left of what was fetched before.
    pub(super) fn refill(&self, now: Instant) {
        let mut backlog = self.backlog.borrow_mut();
        if backlog.refill(&self.hub.queue) {
            self.refills.set(self.refills.get() + 1);
            self.ages.swapped(now, self.hub.notifier.woken_at());
        } else {
            self.ages.found_empty(now);
        }
    }
}
