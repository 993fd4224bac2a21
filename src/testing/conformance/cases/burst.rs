//! A burst that meets a busy loop wakes it once.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Case, PATIENCE, all_delivered, worker};
use crate::testing::conformance::signal::Signal;
use crate::testing::conformance::verdict::figure;
use crate::testing::conformance::{Host, Play};
use crate::{MessageRouter, RouterStats};

const COUNT: u64 = 20_000;
/// So many wakes and turns at the most: some 20 are needed by the budget of messages, more on a slow machine by that
/// of time.
const FEW: u64 = COUNT / 50;

#[derive(Default)]
pub(in crate::testing::conformance) struct Burst {
    before: Cell<RouterStats>,
    after: Cell<RouterStats>,
}

impl Case for Burst {
    const NAME: &'static str = "a_burst_causes_few_wakes";

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        let Ok((sender, receiver)) = router.pipe::<u64>() else {
            return state.as_mut().faults.add("a running router opens pipes");
        };
        let (is_busy, is_sent) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
        let (busy, sent, here) = (Arc::clone(&is_busy), Arc::clone(&is_sent), router.clone());
        receiver.on_message(move |state: &mut S, number| match number {
            0 => {
                self.before.set(here.stats());
                busy.raise();
                if !sent.wait_for(1, PATIENCE) {
                    state.as_mut().faults.add("20,000 sends did not come to their end");
                }
            }
            COUNT => {
                self.after.set(here.stats());
                state.as_mut().end();
            }
            _ => {}
        });
        receiver.detach();
        worker(&state.as_mut().faults, move |faults| {
            let sender = sender.start();
            let mut sent = sender.send(0).is_ok();
            if !is_busy.wait_for(1, PATIENCE) {
                faults.add("the first message did not arrive: the loop was not woken");
            }
            for number in 1..=COUNT {
                sent &= sender.send(number).is_ok();
            }
            faults.check(sent, "a send failed although nobody closed the pipe");
            is_sent.raise();
        });
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        let faults = &state.as_mut().faults;
        all_delivered(faults, router);
        let (before, after) = (self.before.get(), self.after.get());
        let (wakes, turns) = (after.wakes - before.wakes, after.dispatches - before.dispatches);
        figure("wakes", wakes);
        figure("dispatches", turns);
        faults.check(wakes <= FEW, format_args!("{wakes} wakes for {COUNT} messages to a busy loop"));
        faults.check(turns <= FEW, format_args!("{turns} dispatches for {COUNT} messages that were there"));
    }
}
