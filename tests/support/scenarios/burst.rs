//! 100,000 messages of four threads arrive once and in order while the window redraws without pause.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use foreground::{MessageReceiver, MessageSender, StartedSender};

use crate::support::child::{Child, report, worker};
use crate::support::display::{VirtualDisplay, eventually};
use crate::support::stage::{App, Event, Host, Integration, Scenario, TITLE};

const WORKERS: u32 = 4;
const EACH: u32 = 25_000;
/// Every so many messages, a worker sends one whose place among those of all workers is known.
const TICKET_EVERY: u32 = 5;
/// Each worker has a pipe of this kind.
const CAPACITY: usize = 512;
const PIPES: usize = 2 * WORKERS as usize + 1;
/// What the window shows when all went well.
const GREEN: [u8; 3] = [0x20, 0xa0, 0x40];

struct Note {
    worker: u32,
    /// Counts the messages of this worker, on whatever pipe.
    number: u32,
    /// Counts the messages of all workers that were sent under one lock, on whatever pipe.
    ticket: Option<u64>,
}

#[derive(Default)]
struct Burst {
    next_number: [u32; WORKERS as usize],
    next_ticket: u64,
    redraws_meanwhile: u64,
    ends: usize,
    faults: Vec<String>,
    is_shown: bool,
}

impl Burst {
    fn receive(&mut self, note: &Note) {
        let expected = &mut self.next_number[note.worker as usize];
        if note.number != *expected {
            self.faults.push(format!("worker {}: {} in place of {expected}", note.worker, note.number));
        }
        *expected = note.number + 1;
        if let Some(ticket) = note.ticket {
            if ticket != self.next_ticket {
                self.faults.push(format!("ticket {ticket} in place of {}", self.next_ticket));
            }
            self.next_ticket = ticket + 1;
        }
    }

    fn is_over(&self) -> bool {
        self.ends == PIPES
    }
}

impl Scenario for Burst {
    fn begin(app: &mut App<Self>) {
        // The pipes carry different types, which the router keeps in different places.
        let shared = Self::open(app.router.pipe::<(Note, u8)>().unwrap(), |(note, _)| note).start();
        let tickets = Arc::new(Mutex::new(0));
        for index in 0..WORKERS {
            let own = Self::open(app.router.pipe::<Note>().unwrap(), |note| note);
            let bounded = Self::open(app.router.bounded_pipe::<Box<Note>>(CAPACITY).unwrap(), |note| *note);
            let (shared, tickets) = (shared.clone(), Arc::clone(&tickets));
            worker(move || {
                Sender { index, own: own.start(), bounded: bounded.start(), shared }.run(&tickets)
            });
        }
        app.window().request_redraw();
    }

    fn on(app: &mut App<Self>, event: Event) {
        match event {
            Event::Redraw if app.colour != GREEN => {
                app.play.redraws_meanwhile += 1;
                if app.play.is_over() && app.play.faults.is_empty() {
                    app.colour = GREEN;
                }
                app.window().request_redraw();
            }
            Event::Redraw if !app.play.is_shown => {
                app.play.is_shown = true;
                report("shown", "green");
            }
            Event::CloseRequested => app.leaving = true,
            _ => {}
        }
    }
}

impl Burst {
    fn open<T: Send + 'static>(
        (sender, receiver): (MessageSender<T>, MessageReceiver<T, App<Self>>),
        note: impl Fn(T) -> Note + 'static,
    ) -> MessageSender<T> {
        receiver.on_message(move |app: &mut App<Self>, message| app.play.receive(&note(message)));
        receiver.on_end(|app, _| {
            app.play.ends += 1;
            if app.play.is_over() {
                let (stats, play) = (app.router.stats(), &app.play);
                report("delivered", stats.delivered);
                report("wakes", stats.wakes);
                report("turns", app.turns.load(Ordering::Relaxed));
                report("redraws", play.redraws_meanwhile);
                report("in_order", play.next_number == [EACH; WORKERS as usize]);
                report("tickets", play.next_ticket);
                report("faults", play.faults.len());
                report("first_fault", play.faults.first().map_or("none", String::as_str));
            }
        });
        receiver.detach();
        sender
    }
}

struct Sender {
    index: u32,
    own: StartedSender<Note>,
    bounded: StartedSender<Box<Note>>,
    shared: StartedSender<(Note, u8)>,
}

impl Sender {
    fn run(self, tickets: &Mutex<u64>) {
        for number in 0..EACH {
            if number % TICKET_EVERY == 0 {
                // The lock makes one send happen before the next, whichever threads they are on.
                let mut next = tickets.lock().unwrap();
                self.send(number, Some(*next));
                *next += 1;
            } else {
                self.send(number, None);
            }
        }
    }

    fn send(&self, number: u32, ticket: Option<u64>) {
        let note = Note { worker: self.index, number, ticket };
        // Runs of different lengths, so that the pipes take turns in no simple rhythm.
        match number % 7 {
            0 | 3 => self.shared.send((note, 0)).unwrap(),
            1 | 2 => self.bounded.send(Box::new(note)).unwrap(),
            _ => self.own.send(note).unwrap(),
        }
    }
}

pub fn child<H: Host>(integration: Integration) {
    let (router, _) = H::play(integration, Burst::default());
    let stats = router.stats();
    report("sent_in_all", stats.sent);
    report("delivered_in_all", stats.delivered);
}

pub fn parent(display: &VirtualDisplay, child: &mut Child) {
    let all = WORKERS * EACH;
    let window = display.find_window(TITLE);
    assert_eq!(child.wait_for_value::<u32>("delivered"), all);
    let wakes: u32 = child.wait_for_value("wakes");
    let turns: u32 = child.wait_for_value("turns");
    let redraws: u32 = child.wait_for_value("redraws");
    eprintln!("{all} messages: {wakes} wakes, {turns} turns, {redraws} redraws");
    assert_eq!(child.wait_for("in_order"), "true");
    assert_eq!(child.wait_for_value::<u32>("tickets"), all / TICKET_EVERY);
    let faults = child.wait_for("faults");
    assert_eq!(faults, "0", "the first: {}", child.wait_for("first_fault"));
    assert!(wakes <= turns + 1, "{wakes} wakes in {turns} turns: at most one a turn is of use");
    assert!(wakes < all / 10, "{wakes} wakes for {all} messages");
    assert!(redraws >= 3, "{redraws} redraws: the window stood still");

    child.wait_for("shown");
    eventually("a green window", || {
        (display.pixel(window, 20, 20) == Some(GREEN) && display.pixel(window, 200, 120) == Some(GREEN))
            .then_some(())
    });
    display.close(window);
    assert_eq!(child.wait_for_value::<u32>("sent_in_all"), all);
    assert_eq!(child.wait_for_value::<u32>("delivered_in_all"), all);
}
