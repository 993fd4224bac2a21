//! A dispatch keeps to the router's budget, and what is left comes without another send.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Case, PATIENCE, all_delivered, worker};
use crate::testing::conformance::signal::Signal;
use crate::testing::conformance::verdict::figure;
use crate::testing::conformance::{Host, Play};
use crate::{Budget, MessageRouter};

const COUNT: u64 = 1_000;
const BUDGET: u64 = 16;

#[derive(Default)]
pub(in crate::testing::conformance) struct Kept {
    /// In which dispatch the last message came, and how many came in it so far.
    current: Cell<(u64, u64)>,
    most: Cell<u64>,
    delivered: Cell<u64>,
}

impl Case for Kept {
    const NAME: &'static str = "the_budget_is_kept";

    fn budget() -> Budget {
        Budget::new(Duration::from_secs(10), BUDGET as usize)
    }

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        let Ok((sender, receiver)) = router.pipe::<u64>() else {
            return state.as_mut().faults.add("a running router opens pipes");
        };
        let is_sent = Arc::new(Signal::default());
        let (sent, here) = (Arc::clone(&is_sent), router.clone());
        receiver.on_message(move |state: &mut S, _| {
            // They are all there when the first is delivered; no send wakes for the others.
            if !sent.wait_for(1, PATIENCE) {
                state.as_mut().faults.add("1,000 sends did not come to their end");
            }
            let dispatch = here.stats().dispatches;
            let count = match self.current.get() {
                (current, count) if current == dispatch => count + 1,
                _ => 1,
            };
            self.current.set((dispatch, count));
            self.most.set(self.most.get().max(count));
            self.delivered.set(self.delivered.get() + 1);
            if self.delivered.get() == COUNT {
                state.as_mut().end();
            }
        });
        receiver.detach();
        worker(&state.as_mut().faults, move |faults| {
            let sender = sender.start();
            let sent = (0..COUNT).all(|number| sender.send(number).is_ok());
            faults.check(sent, "a send failed although nobody closed the pipe");
            is_sent.raise();
        });
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        let faults = &state.as_mut().faults;
        all_delivered(faults, router);
        let most = self.most.get();
        figure("most messages in one dispatch", most);
        faults.check(
            most <= BUDGET,
            format_args!("{most} messages in one dispatch, where {BUDGET} are allowed"),
        );
    }
}
