//! Messages that are sent while the loop dispatches, settles, falls asleep, and wakes up.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Case, PATIENCE, all_delivered, spin, worker};
use crate::MessageRouter;
use crate::testing::conformance::signal::Signal;
use crate::testing::conformance::verdict::figure;
use crate::testing::conformance::{Host, Play};

const WORKERS: u64 = 2;
/// For how long each worker goes on.
const TIME: Duration = Duration::from_secs(3);
/// So long after a message was delivered, at the most, the next is sent: the time in which a loop comes to rest.
const LONGEST_DELAY: u64 = 60_000;

/// One worker's message is sent when its last one was delivered, after a delay that is never the same; and some
/// callbacks send themselves.
#[derive(Default)]
pub(in crate::testing::conformance) struct Phases {
    ends: Cell<u64>,
    echoes: Cell<u64>,
    sent_by_callbacks: Cell<u64>,
}

impl Case for Phases {
    const NAME: &'static str = "nothing_is_lost_in_any_phase_of_a_turn";

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        let Ok((echo, echoes)) = router.pipe::<u64>() else {
            return state.as_mut().faults.add("a running router opens pipes");
        };
        let echo = echo.start();
        let phases = Rc::clone(&self);
        echoes.on_message(move |_: &mut S, _| phases.echoes.set(phases.echoes.get() + 1));
        let phases = Rc::clone(&self);
        echoes.on_end(move |state, _| {
            // All callbacks that could send an echo have gone.
            let all = phases.echoes.get() == phases.sent_by_callbacks.get();
            state.as_mut().faults.check(all, "a message that a callback had sent was lost");
            state.as_mut().end();
        });
        echoes.detach();
        for worker_number in 0..WORKERS {
            let Ok((sender, receiver)) = router.pipe::<u64>() else {
                return state.as_mut().faults.add("a running router opens pipes");
            };
            let arrived = Arc::new(Signal::default());
            let (phases, seen, echo) = (Rc::clone(&self), Arc::clone(&arrived), echo.clone());
            receiver.on_message(move |state: &mut S, number| {
                if number % 16 == 0 {
                    state.as_mut().faults.check(echo.send(number).is_ok(), "a callback's send failed");
                    phases.sent_by_callbacks.set(phases.sent_by_callbacks.get() + 1);
                }
                seen.raise();
            });
            let phases = Rc::clone(&self);
            receiver.on_end(move |_, _| phases.ends.set(phases.ends.get() + 1));
            receiver.detach();
            worker(&state.as_mut().faults, move |faults| {
                let sender = sender.start();
                let began = Instant::now();
                // A generator of delays that need not be good, but the same in each run: Knuth's.
                let mut random = worker_number;
                for number in 1.. {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    spin(Duration::from_nanos((random >> 33) % LONGEST_DELAY));
                    faults
                        .check(sender.send(number).is_ok(), "a send failed although nobody closed the pipe");
                    if !arrived.wait_for(number, PATIENCE) {
                        return faults
                            .add(format_args!("message {number} of worker {worker_number} did not arrive"));
                    }
                    if began.elapsed() >= TIME {
                        return;
                    }
                }
            });
        }
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        let faults = &state.as_mut().faults;
        all_delivered(faults, router);
        faults.check(self.ends.get() == WORKERS, "the end of a worker's pipe did not arrive");
        figure("messages", router.stats().sent);
        figure("wakes", router.stats().wakes);
    }
}
