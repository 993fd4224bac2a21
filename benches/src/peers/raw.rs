//! The yardstick, and the least that could be done with standard parts: a crossbeam channel whose consumer
//! parks, and calls a boxed closure from a table by the message's number.

use crossbeam_channel::{Receiver, Sender as ChannelSender};

use super::{Loop, Peer, Sender, Tagged};
use crate::app::{App, Callback, Message, Table, callback};

/// With a capacity of 0, the channel is unbounded.
pub struct Raw<const CAPACITY: usize = 0>;

impl<const CAPACITY: usize> Peer for Raw<CAPACITY> {
    type Loop<M: Message> = RawLoop<M, CAPACITY>;
}

pub struct RawLoop<M, const CAPACITY: usize> {
    receiver: Receiver<(usize, M)>,
    table: Table<M>,
}

impl<M: Message, const CAPACITY: usize> Loop<M> for RawLoop<M, CAPACITY> {
    type Sender = Tagged<ChannelSender<(usize, M)>>;

    fn open(pipes: usize) -> (Self, Vec<Self::Sender>) {
        let (sender, receiver) = match CAPACITY {
            0 => crossbeam_channel::unbounded(),
            capacity => crossbeam_channel::bounded(capacity),
        };
        (Self { receiver, table: Table::new(pipes) }, Tagged::for_each_pipe(pipes, &sender))
    }

    fn run(&mut self, mut app: App) -> App {
        let looks_at_the_clock = app.has_ticks();
        while !app.is_done() {
            let (id, message) = self.receiver.recv().expect("the senders are there");
            self.table.call(&mut app, id, message);
            if looks_at_the_clock {
                app.tick_if_due();
            }
        }
        app
    }
}

impl<M: Message> Sender<M> for Tagged<ChannelSender<(usize, M)>> {
    fn send(&self, message: M) {
        assert!(self.sender.send((self.id, message)).is_ok(), "the receiver is there");
    }
}

/// What a pipe would be in these terms: a channel of its own, and a boxed callback.
pub fn a_channel_for_each<M: Message>(pipes: usize) -> impl Sized {
    let mut table: Vec<(Receiver<M>, Callback<M>)> = Vec::new();
    let mut senders = Vec::new();
    for _ in 0..pipes {
        let (sender, receiver) = crossbeam_channel::unbounded();
        table.push((receiver, Box::new(callback())));
        senders.push(sender);
    }
    (table, senders)
}
