//! Delivering by hand, without an event loop.

use std::time::Duration;

use super::MessageRouter;
use super::core::{Core, Mode};
use crate::budget::{Budget, Meter};
use crate::error::RouteUntilError;
use crate::sync::park;

impl<S: 'static> MessageRouter<S> {
    /// Delivers messages, waiting for more, until `condition` holds. For shutdown, tests and programs
    /// without an event loop. Blocks the calling thread.
    ///
    /// The condition is looked at on entry, when nothing is routed if it holds, and then after each
    /// message, each pipe's end and each wake. From the first call on, the router leaves the event loop
    /// alone: it does not wake it, and [`dispatch`](Self::dispatch) delivers nothing, until the router was
    /// stopped and started again. No budget applies.
    ///
    /// With a `timeout`, the end of the wait is fixed on entry, however many messages come in meanwhile.
    /// What is queued on entry is routed even if the timeout is zero. A timeout beyond what the clock can
    /// name is none. How such a wait ends if the router has a virtual clock is told
    /// [there](crate::testing::VirtualClock#waiting).
    ///
    /// A sender that was interrupted in the middle of sending holds up what came after it, past the deadline too, until
    /// its thread runs again.
    ///
    /// Callbacks may call `route_until` again; the pipe whose callback is running receives nothing meanwhile, so
    /// do not wait there for what only this pipe, or a worker that waits for room in it, can bring.
    ///
    /// # Errors
    /// - [`RouteUntilError::Timeout`]; a later call goes on.
    /// - [`RouteUntilError::NoSenders`], only without a timeout: nothing is left that could change the
    ///   condition.
    /// - [`RouteUntilError::NotRunning`], also when a callback stops the router.
    ///
    /// # Panics
    /// As [`dispatch`](Self::dispatch), when a callback does. The condition may panic too.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, RouteUntilError};
    /// # let router: MessageRouter<u32> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// receiver.on_message(|sum, n| *sum += n);
    /// let worker = std::thread::spawn(move || {
    ///     let sender = sender.start();
    ///     (1..=10).for_each(|n| sender.send(n).unwrap());
    /// });
    ///
    /// let mut sum = 0;
    /// router.route_until(&mut sum, |sum| *sum == 55, Duration::from_secs(10))?;
    /// worker.join().unwrap();
    /// assert_eq!(router.route_until(&mut sum, |_| false, None), Err(RouteUntilError::NoSenders));
    /// router.stop().unwrap();
    /// # Ok::<(), RouteUntilError>(())
    /// ```
    pub fn route_until(
        &self,
        state: &mut S,
        mut condition: impl FnMut(&mut S) -> bool,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<(), RouteUntilError> {
        let core = &*self.core;
        if !core.is_running() {
            return Err(RouteUntilError::NotRunning);
        }
        let timeout = timeout.into();
        let clock = &core.clock;
        let deadline = timeout.and_then(|timeout| clock.deadline(timeout));
        if core.mode.get() == Mode::EventLoop {
            core.notifier.set_manual(true);
            core.set_mode(Mode::Manual);
        }
        // What is queued on entry is routed however late it gets.
        let (_, owed) = core.backlog.borrow().extent();
        let course = core.course.get();
        loop {
            if condition(state) {
                return Ok(());
            }
            if core.course.get() != course {
                return Err(RouteUntilError::NotRunning);
            }
            let is_late = deadline.is_some_and(|deadline| clock.is_past(deadline));
            // What waits in a receiver and is to be delivered was queued before all else.
            let is_owed = !core.backlog.borrow().has_passed(owed) || !core.scheduled.borrow().is_empty();
            if (!is_late || is_owed) && core.route_one(state) {
                continue;
            }
            if is_late {
                return Err(RouteUntilError::Timeout);
            }
            if core.open_pipes.get() == 0 && deadline.is_none() {
                return Err(RouteUntilError::NoSenders);
            }
            match deadline {
                Some(deadline) => clock.park_until(deadline, core.open_pipes.get() == 0),
                None => park(),
            }
        }
    }
}

impl<S: 'static> Core<S> {
    /// Makes one step: delivers a message or an end. Returns `false` if there is none; then the next
    /// send unparks this thread.
    fn route_one(&self, state: &mut S) -> bool {
        if !self.is_drained() {
            let single = Budget::new(Duration::MAX, 1);
            self.route(state, Meter::new(single, self.clock.now(), &self.clock, &self.watchdog));
            return true;
        }
        !self.try_sleep()
    }
}
