//! flume's channel, with a table of callbacks.

use flume::Receiver;

use super::{Loop, Peer, Sender, Tagged};
use crate::app::{App, Message, Table};

/// With a capacity of 0, the channel is unbounded.
pub struct Flume<const CAPACITY: usize = 0>;

impl<const CAPACITY: usize> Peer for Flume<CAPACITY> {
    type Loop<M: Message> = FlumeLoop<M, CAPACITY>;
}

pub struct FlumeLoop<M, const CAPACITY: usize> {
    receiver: Receiver<(usize, M)>,
    table: Table<M>,
}

impl<M: Message, const CAPACITY: usize> Loop<M> for FlumeLoop<M, CAPACITY> {
    type Sender = Tagged<flume::Sender<(usize, M)>>;

    fn open(pipes: usize) -> (Self, Vec<Self::Sender>) {
        let (sender, receiver) = match CAPACITY {
            0 => flume::unbounded(),
            capacity => flume::bounded(capacity),
        };
        (Self { receiver, table: Table::new(pipes) }, Tagged::for_each_pipe(pipes, &sender))
    }

    fn run(&mut self, mut app: App) -> App {
        while !app.is_done() {
            let (id, message) = self.receiver.recv().expect("the senders are there");
            self.table.call(&mut app, id, message);
        }
        app
    }
}

impl<M: Message> Sender<M> for Tagged<flume::Sender<(usize, M)>> {
    fn send(&self, message: M) {
        assert!(self.sender.send((self.id, message)).is_ok(), "the receiver is there");
    }
}
