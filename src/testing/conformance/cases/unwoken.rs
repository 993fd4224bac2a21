//! A loop that nobody wakes does not look for messages.

use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Case, PATIENCE, all_delivered, worker};
use crate::MessageRouter;
use crate::testing::conformance::signal::Signal;
use crate::testing::conformance::verdict::{Percent, figure};
use crate::testing::conformance::{Host, Play};

const TRIES: u64 = 7;
/// Of these, as many may be found without a wake: some toolkits turn for reasons of their own.
const FOUND: u64 = TRIES / 2;
/// Windows that open turn their loop for a while.
const START: Duration = Duration::from_millis(500);
/// Time to fall asleep.
const REST: Duration = Duration::from_millis(50);
/// For how long a message lies there.
const TIME: Duration = Duration::from_millis(100);

/// The wakes of some messages are held back for a while.
#[derive(Default)]
pub(in crate::testing::conformance) struct Unwoken;

impl Case for Unwoken {
    const NAME: &'static str = "nobody_looks_for_messages_without_a_wake";

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        let Ok((sender, receiver)) = router.pipe::<()>() else {
            return state.as_mut().faults.add("a running router opens pipes");
        };
        let arrived = Arc::new(Signal::default());
        let seen = Arc::clone(&arrived);
        receiver.on_message(move |_: &mut S, ()| seen.raise());
        receiver.on_end(|state, _| state.as_mut().end());
        receiver.detach();
        let switch = Arc::clone(&state.as_mut().switch);
        worker(&state.as_mut().faults, move |faults| {
            let sender = sender.start();
            thread::sleep(START);
            let mut found = 0;
            for number in 1..=TRIES {
                thread::sleep(REST);
                switch.switch_off();
                faults.check(sender.send(()).is_ok(), "a send failed although nobody closed the pipe");
                found += u64::from(arrived.wait_for(number, TIME));
                switch.switch_on();
                if !arrived.wait_for(number, PATIENCE) {
                    return faults.add(format_args!("message {number} did not arrive when it was woken for"));
                }
            }
            figure("messages that were found without a wake", Percent(found, TRIES));
            faults.check(
                found <= FOUND,
                format_args!("{found} of {TRIES} messages came without a wake: the host polls"),
            );
        });
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        all_delivered(&state.as_mut().faults, router);
    }
}
