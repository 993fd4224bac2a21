//! Workers that outlive the loop.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::{Case, PATIENCE, worker};
use crate::MessageRouter;
use crate::testing::conformance::signal::Signal;
use crate::testing::conformance::{Host, Play};

const COUNT: u64 = 10;

#[derive(Default)]
pub(in crate::testing::conformance) struct Leftover {
    received: Rc<Cell<u64>>,
    /// The loop has gone.
    gone: Arc<Signal>,
    /// Returns how many of its sends succeeded.
    worker: RefCell<Option<JoinHandle<u64>>>,
}

impl Case for Leftover {
    const NAME: &'static str = "a_wake_after_the_loop_has_gone_is_harmless";

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        let Ok((sender, receiver)) = router.pipe::<u64>() else {
            return state.as_mut().faults.add("a running router opens pipes");
        };
        let received = Rc::clone(&self.received);
        receiver.on_message(move |state: &mut S, _| {
            received.set(received.get() + 1);
            if received.get() == 1 {
                state.as_mut().end();
            }
        });
        receiver.detach();
        let gone = Arc::clone(&self.gone);
        let send = move |faults: &super::Faults| {
            let sender = sender.start();
            let mut sent = u64::from(sender.send(0).is_ok());
            faults.check(gone.wait_for(1, PATIENCE), "the loop did not end");
            sent += (0..COUNT).filter(|number| sender.send(*number).is_ok()).count() as u64;
            sent
        };
        self.worker.replace(Some(worker(&state.as_mut().faults, send)));
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        let faults = state.as_mut().faults.clone();
        router.settle(); // the router sleeps, so that the next send wakes a loop that has gone
        self.gone.raise();
        let sent = self.worker.take().and_then(|worker| worker.join().ok());
        faults.check(sent == Some(COUNT + 1), format_args!("{sent:?} sends succeeded, of {}", COUNT + 1));
        router.dispatch(state);
        let received = self.received.get();
        faults.check(received == COUNT + 1, format_args!("{received} messages came, of {}", COUNT + 1));
        faults.check(router.stop().is_ok(), "the router was stopped already");
    }
}
