//! What callbacks do to the router they are called by.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Case, worker};
use crate::testing::conformance::{Host, Play};
use crate::{MessageReceiver, MessageRouter};

/// So many pipes are opened, each from a callback of the one before.
const DEPTH: u32 = 50;

#[derive(Default)]
pub(in crate::testing::conformance) struct Reentrancy {
    opened: Cell<u32>,
    /// What the last callback received.
    last: Cell<u32>,
    /// The receiver of the last pipe.
    kept: RefCell<Vec<Rc<dyn Any>>>,
}

impl Reentrancy {
    /// Opens a pipe whose message opens the next.
    fn open<S: AsMut<Play> + 'static>(self: &Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        let Ok((sender, receiver)) = router.pipe::<u32>() else {
            return state.as_mut().faults.add("a callback opens pipes");
        };
        self.opened.set(self.opened.get() + 1);
        let own: Rc<RefCell<Option<MessageReceiver<u32, S>>>> = Rc::default();
        let (case, here, held) = (Rc::clone(self), router.clone(), Rc::clone(&own));
        receiver.on_message(move |state: &mut S, _| {
            // It closes itself: the second message must not arrive.
            let closed = held.borrow_mut().take().is_some();
            state.as_mut().faults.check(closed, "a message came through a pipe that its callback had closed");
            if case.opened.get() < DEPTH {
                case.open(state, &here);
            } else {
                case.replace(state, &here);
            }
        });
        own.replace(Some(receiver));
        worker(&state.as_mut().faults, move |_| {
            let sender = sender.start();
            // The second may come too late for a pipe that is closed.
            let _ = sender.send(1).and_then(|()| sender.send(2));
        });
    }

    /// Opens a pipe whose callback replaces itself, and sends to its own pipe.
    fn replace<S: AsMut<Play> + 'static>(self: &Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        let Ok((sender, receiver)) = router.pipe::<u32>() else {
            return state.as_mut().faults.add("a callback opens pipes");
        };
        let (sender, receiver) = (sender.start(), Rc::new(receiver));
        let (case, own, again) = (Rc::clone(self), Rc::downgrade(&receiver), sender.clone());
        receiver.on_message(move |state: &mut S, _| {
            let Some(receiver) = own.upgrade() else { return };
            let case = Rc::clone(&case);
            receiver.on_message(move |state: &mut S, number| {
                case.last.set(number);
                state.as_mut().end();
            });
            state.as_mut().faults.check(again.send(2).is_ok(), "a callback sends to its own pipe");
        });
        self.kept.borrow_mut().push(receiver);
        worker(&state.as_mut().faults, move |faults| {
            faults.check(sender.send(1).is_ok(), "a send failed although nobody closed the pipe");
        });
    }
}

impl Case for Reentrancy {
    const NAME: &'static str = "callbacks_may_do_anything";

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        self.open(state, router);
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        let faults = &state.as_mut().faults;
        let opened = self.opened.get();
        faults.check(opened == DEPTH, format_args!("{opened} pipes were opened from callbacks, not {DEPTH}"));
        let last = self.last.get();
        faults.check(last == 2, format_args!("a replaced callback received {last}, not 2"));
        let queued = router.stats().queued;
        faults.check(queued == 0, format_args!("{queued} messages wait, of pipes that are closed"));
    }
}
