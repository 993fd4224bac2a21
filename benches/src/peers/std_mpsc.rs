//! The standard library's channel, with a table of callbacks.

use std::sync::mpsc::{self, Receiver};

use super::{Loop, Peer, Sender, Tagged};
use crate::app::{App, Message, Table};

pub struct StdMpsc;

impl Peer for StdMpsc {
    type Loop<M: Message> = StdMpscLoop<M>;
}

pub struct StdMpscLoop<M> {
    receiver: Receiver<(usize, M)>,
    table: Table<M>,
}

impl<M: Message> Loop<M> for StdMpscLoop<M> {
    type Sender = Tagged<mpsc::Sender<(usize, M)>>;

    fn open(pipes: usize) -> (Self, Vec<Self::Sender>) {
        let (sender, receiver) = mpsc::channel();
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

impl<M: Message> Sender<M> for Tagged<mpsc::Sender<(usize, M)>> {
    fn send(&self, message: M) {
        assert!(self.sender.send((self.id, message)).is_ok(), "the receiver is there");
    }
}
