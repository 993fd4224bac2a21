//! What programs write by hand for a value of which only the newest counts: a slot under a lock, and a wake
//! when it was empty.

use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};

use super::{Loop, Peer, Sender};
use crate::app::{App, Message, Table};

pub struct Slot;

impl Peer for Slot {
    type Loop<M: Message> = SlotLoop<M>;
}

pub struct SlotLoop<M> {
    slot: Arc<Mutex<Option<M>>>,
    table: Table<M>,
}

pub struct SlotSender<M> {
    slot: Arc<Mutex<Option<M>>>,
    consumer: Thread,
}

impl<M: Message> Loop<M> for SlotLoop<M> {
    type Sender = SlotSender<M>;

    /// One slot, whose senders all overwrite it.
    fn open(pipes: usize) -> (Self, Vec<SlotSender<M>>) {
        let slot = Arc::default();
        let sender = || SlotSender { slot: Arc::clone(&slot), consumer: thread::current() };
        let senders = (0..pipes).map(|_| sender()).collect();
        (Self { slot, table: Table::new(1) }, senders)
    }

    fn run(&mut self, mut app: App) -> App {
        while !app.is_done() {
            let value = self.slot.lock().expect("nobody panics with it").take();
            match value {
                Some(value) => self.table.call(&mut app, 0, value),
                None => thread::park(),
            }
        }
        app
    }
}

impl<M: Message> Sender<M> for SlotSender<M> {
    fn send(&self, message: M) {
        let before = self.slot.lock().expect("nobody panics with it").replace(message);
        if before.is_none() {
            self.consumer.unpark();
        }
    }
}
