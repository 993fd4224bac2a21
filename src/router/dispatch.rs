//! Delivering from the event loop.

use super::MessageRouter;
use super::core::{Core, Mode, Phase};
use super::table::PREFETCHED;
use crate::budget::Meter;
use crate::pipe::{Endpoint, Host, Turn};
use crate::queue::Entry;

/// Room that the list of scheduled pipes of an idle router keeps.
const KEPT_ENTRIES: usize = 64;

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
        core.dispatches.set(core.dispatches.get() + 1);
        core.phase.set(Phase::Held);
        core.backlog.borrow().stay_awake();
        // The ends of closed pipes are nothing that waits.
        core.sweep();
        let now = core.clock.now();
        let extent = core.backlog.borrow().extent();
        core.ages.begin(now, extent, core.notifier.woken_at());
        let delivered = core.route(state, Meter::new(core.budget, now, &core.clock, &core.watchdog));
        let has_more = !core.is_drained();
        log::trace!("{}: dispatched {delivered} messages; has more: {has_more}", core.label());
        Dispatched { delivered, has_more }
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
            core.settle();
        }
    }
}

/// Settles a router when it is dropped, so also when a callback panics: the next send is to wake the loop.
pub(crate) struct Settled<'a, S: 'static>(pub(crate) &'a MessageRouter<S>);

impl<S: 'static> Drop for Settled<'_, S> {
    fn drop(&mut self) {
        self.0.settle();
    }
}

impl<S: 'static> Core<S> {
    /// Tells whoever waits for messages in vain, once: a wait in the middle of the program is an easy mistake.
    fn warn_of_idle_dispatch(&self) {
        if self.mode.get() == Mode::Manual && !self.is_drained() && !self.warned_of_manual.replace(true) {
            log::warn!(
                "{}: dispatch delivers nothing since route_until took over; stop and start the router to give it \
                 back to the event loop",
                self.label(),
            );
        }
    }

    /// Lets the loop sleep, or wakes it.
    ///
    /// A wake that is under way is left alone; one that has not led to a dispatch by the second settling is
    /// taken for lost (a full message queue of the system) and sent again.
    fn settle(&self) {
        let is_asleep = self.backlog.borrow().is_asleep();
        match self.phase.get() {
            Phase::Held => {
                self.phase.set(Phase::Waiting);
                if !self.try_sleep() {
                    self.wake();
                }
            }
            Phase::Waiting | Phase::Overdue if is_asleep => self.sweep(),
            Phase::Waiting => self.phase.set(Phase::Overdue),
            Phase::Overdue => {
                self.phase.set(Phase::Waiting);
                self.wake();
            }
        }
    }

    fn wake(&self) {
        if self.notifier.wake().is_err() {
            // Whoever sends next tries again.
            self.backlog.borrow().queue().stay_asleep();
        }
    }

    /// Puts the router to rest if nothing is left to do: then whoever sends next wakes the foreground.
    pub(super) fn try_sleep(&self) -> bool {
        self.sweep();
        let sleeps = self.scheduled.borrow().is_empty() && self.backlog.borrow_mut().try_sleep();
        if sleeps {
            self.ages.idle(self.clock.now());
            self.scheduled.borrow_mut().shrink_to(KEPT_ENTRIES);
        }
        sleeps
    }

    /// Delivers until the meter is spent, nothing is left, or a callback changes the router's course.
    /// Returns how many messages callbacks received.
    pub(super) fn route(&self, state: &mut S, meter: Meter<'_>) -> usize {
        let is_large = self.table.borrow().is_large();
        let mut steps = 0_usize;
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
            if is_large {
                if steps.is_multiple_of(PREFETCHED) {
                    self.table.borrow().prefetch(self.backlog.borrow().ahead());
                }
                steps += 1;
            }
            if !self.route_scheduled(state, &mut turn) && !self.route_front(state, &mut turn) {
                break;
            }
        }
        turn.delivered
    }

    /// Goes on with a pipe that has something to deliver besides what is queued.
    fn route_scheduled(&self, state: &mut S, turn: &mut Turn<'_>) -> bool {
        let Some(slot) = self.scheduled.borrow_mut().pop_front() else {
            return false;
        };
        if !self.step(slot, turn, |endpoint, turn| endpoint.deliver_scheduled(state, turn)) {
            // It was closed meanwhile.
            turn.meter.skip();
        }
        true
    }

    /// Goes on with the front of the queue.
    fn route_front(&self, state: &mut S, turn: &mut Turn<'_>) -> bool {
        let front = self.backlog.borrow_mut().front();
        let Some(entry) = front else {
            return false;
        };
        self.step(entry.slot(), turn, |endpoint, turn| match entry {
            Entry::Message(_) => endpoint.deliver(state, turn),
            Entry::Latest(_, place) => {
                self.backlog.borrow_mut().pass_latest(place);
                endpoint.deliver_latest(place, state, turn);
            }
            Entry::End(slot, end) => {
                self.backlog.borrow_mut().pass_end();
                if endpoint.is_closed() {
                    self.forget(slot);
                } else {
                    self.open_pipes.set(self.open_pipes.get() - 1);
                    endpoint.end(end, state, turn);
                }
            }
        })
    }

    /// Makes a step with a pipe, if it is there. Every step counts, also an end that nobody asked for or a value
    /// that is only kept: workers could go on making such steps for ever.
    #[inline]
    fn step(
        &self,
        slot: u32,
        turn: &mut Turn<'_>,
        make: impl FnOnce(&dyn Endpoint<S>, &mut Turn<'_>),
    ) -> bool {
        let Some(endpoint) = self.endpoint(slot) else {
            return false;
        };
        let left = turn.meter.left();
        make(&*endpoint, turn);
        if turn.meter.left() == left {
            turn.meter.spend(|| endpoint.label());
        }
        true
    }
}
