//! 100,000 messages of four threads arrive once and in one order.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Case, all_delivered, worker};
use crate::testing::conformance::verdict::figure;
use crate::testing::conformance::{Host, Play};
use crate::{MessageReceiver, MessageRouter, MessageSender, StartedSender};

const WORKERS: usize = 4;
const EACH: u32 = 25_000;
/// Every so many messages, a worker sends one whose place among those of all workers is known.
const TICKET_EVERY: u32 = 5;
/// Each worker has a pipe of this kind.
const CAPACITY: usize = 512;
const PIPES: usize = 2 * WORKERS + 1;

struct Note {
    worker: usize,
    /// Counts the messages of this worker, on whatever pipe.
    number: u32,
    /// Counts the messages of all workers that were sent under one lock, on whatever pipe.
    ticket: Option<u64>,
}

#[derive(Default)]
pub(in crate::testing::conformance) struct Order {
    next_number: RefCell<[u32; WORKERS]>,
    next_ticket: Cell<u64>,
    ends: Cell<usize>,
}

impl Order {
    fn receive(&self, play: &Play, note: &Note) {
        let expected = &mut self.next_number.borrow_mut()[note.worker];
        play.faults.check(
            note.number == *expected,
            format_args!("worker {}: {} in place of {expected}", note.worker, note.number),
        );
        *expected = note.number + 1;
        if let Some(ticket) = note.ticket {
            let expected = self.next_ticket.replace(ticket + 1);
            play.faults.check(ticket == expected, format_args!("ticket {ticket} in place of {expected}"));
        }
    }

    fn open<T: Send + 'static, S: AsMut<Play> + 'static>(
        self: &Rc<Self>,
        (sender, receiver): (MessageSender<T>, MessageReceiver<T, S>),
        note: impl Fn(T) -> Note + 'static,
    ) -> MessageSender<T> {
        let order = Rc::clone(self);
        receiver.on_message(move |state: &mut S, message| order.receive(state.as_mut(), &note(message)));
        let order = Rc::clone(self);
        receiver.on_end(move |state, _| {
            order.ends.set(order.ends.get() + 1);
            if order.ends.get() == PIPES {
                state.as_mut().end();
            }
        });
        receiver.detach();
        sender
    }

    /// Opens nine pipes of three kinds and types: the router keeps what they carry in different places.
    fn try_begin<S: AsMut<Play> + 'static>(
        self: &Rc<Self>,
        state: &mut S,
        router: &MessageRouter<S>,
    ) -> Result<(), crate::PipeError> {
        let shared = self.open(router.pipe::<(Note, u8)>()?, |(note, _)| note).start();
        let tickets = Arc::new(Mutex::new(0));
        for index in 0..WORKERS {
            let own = self.open(router.pipe::<Note>()?, |note| note);
            let bounded = self.open(router.bounded_pipe::<Box<Note>>(CAPACITY)?, |note| *note);
            let (shared, tickets) = (shared.clone(), Arc::clone(&tickets));
            worker(&state.as_mut().faults, move |faults| {
                let sender = Sender { index, own: own.start(), bounded: bounded.start(), shared };
                faults.check(sender.run(&tickets), "a send failed although nobody closed the pipe");
            });
        }
        Ok(())
    }
}

impl Case for Order {
    const NAME: &'static str = "messages_arrive_in_order";

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>) {
        if let Err(error) = self.try_begin(state, router) {
            state.as_mut().faults.add(error);
        }
    }

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>) {
        let faults = &state.as_mut().faults;
        all_delivered(faults, router);
        let numbers = *self.next_number.borrow();
        faults.check(numbers == [EACH; WORKERS], format_args!("{numbers:?} came of {EACH} from each worker"));
        let (tickets, all) = (self.next_ticket.get(), u64::from(EACH / TICKET_EVERY) * WORKERS as u64);
        faults.check(tickets == all, format_args!("{tickets} tickets of {all}"));
        let stats = router.stats();
        figure("wakes", stats.wakes);
        figure("dispatches", stats.dispatches);
        faults.check(
            stats.wakes < stats.sent / 10,
            format_args!("{} wakes for {} messages", stats.wakes, stats.sent),
        );
    }
}

struct Sender {
    index: usize,
    own: StartedSender<Note>,
    bounded: StartedSender<Box<Note>>,
    shared: StartedSender<(Note, u8)>,
}

impl Sender {
    /// Whether all was sent.
    fn run(self, tickets: &Mutex<u64>) -> bool {
        (0..EACH).all(|number| {
            if number % TICKET_EVERY != 0 {
                return self.send(number, None);
            }
            // The lock makes one send happen before the next, whichever threads they are on.
            let mut next = tickets.lock().unwrap_or_else(PoisonError::into_inner);
            let sent = self.send(number, Some(*next));
            *next += 1;
            sent
        })
    }

    fn send(&self, number: u32, ticket: Option<u64>) -> bool {
        let note = Note { worker: self.index, number, ticket };
        // Runs of different lengths, so that the pipes take turns in no simple rhythm.
        match number % 7 {
            0 | 3 => self.shared.send((note, 0)).is_ok(),
            1 | 2 => self.bounded.send(Box::new(note)).is_ok(),
            _ => self.own.send(note).is_ok(),
        }
    }
}
