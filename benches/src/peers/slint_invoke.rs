//! Slint with a closure for each message, as its documents have it: `invoke_from_event_loop`, and a table of
//! callbacks that its thread has.

use std::any::Any;
use std::cell::RefCell;
use std::time::Duration;

use slint::{Timer, TimerMode};

use super::{Loop, Peer, Place, Sender};
use crate::adapter::quit;
use crate::app::{App, Message, Table};

thread_local! {
    /// What only the loop's thread may touch.
    static APP: RefCell<App> = RefCell::default();
    /// A table for the messages of this process.
    static TABLE: RefCell<Option<Box<dyn Any>>> = RefCell::default();
}

pub struct SlintInvoke;

impl Peer for SlintInvoke {
    const PLACE: Place = Place::OwnProcessWithDisplay;

    type Loop<M: Message> = SlintLoop;
}

pub struct SlintLoop;

impl<M: Message> Loop<M> for SlintLoop {
    type Sender = Invoker;

    fn open(pipes: usize) -> (Self, Vec<Invoker>) {
        slint::spawn_local(async {}).expect("there is a display");
        TABLE.set(Some(Box::new(Table::<M>::new(pipes))));
        (Self, (0..pipes).map(Invoker).collect())
    }

    fn run(&mut self, app: App) -> App {
        let ticks = Timer::default();
        if app.has_ticks() {
            let tick = || APP.with_borrow_mut(App::tick_if_due);
            ticks.start(TimerMode::Repeated, Duration::from_millis(1), tick);
        }
        APP.set(app.at_last(quit));
        slint::run_event_loop_until_quit().expect("the loop runs");
        APP.take()
    }
}

pub struct Invoker(usize);

impl<M: Message> Sender<M> for Invoker {
    fn send(&self, message: M) {
        let id = self.0;
        let call = move || {
            TABLE.with_borrow_mut(|table| {
                let table = table.as_mut().and_then(|table| table.downcast_mut::<Table<M>>());
                let table = table.expect("it was opened for these messages");
                APP.with_borrow_mut(|app| table.call(app, id, message));
            });
        };
        slint::invoke_from_event_loop(call).expect("the loop runs");
    }
}
