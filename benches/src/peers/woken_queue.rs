//! What programs write by hand for a host that can only be woken: a queue, a wake for each message, and a
//! handler that drains the queue until it is empty. With one message at a time, it is the host's bare waker.

use std::marker::PhantomData;

use crossbeam_channel::Receiver;
use foreground::Waker;

use super::{Loop, Peer, Place, Sender, Tagged};
use crate::app::{App, Message, Table};
use crate::host::{Guest, Host};

pub struct WokenQueue<H>(PhantomData<H>);

impl<H: Host> Peer for WokenQueue<H> {
    const PLACE: Place = H::PLACE;

    type Loop<M: Message> = WokenQueueLoop<H, M>;
}

pub struct WokenQueueLoop<H, M> {
    host: H,
    receiver: Receiver<(usize, M)>,
    table: Table<M>,
}

pub struct WakingSender<W, M> {
    sender: crossbeam_channel::Sender<(usize, M)>,
    waker: W,
}

impl<W: Clone, M> Clone for WakingSender<W, M> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), waker: self.waker.clone() }
    }
}

impl<H: Host, M: Message> Loop<M> for WokenQueueLoop<H, M> {
    type Sender = Tagged<WakingSender<H::Waker, M>>;

    fn open(pipes: usize) -> (Self, Vec<Self::Sender>) {
        let host = H::new();
        let (sender, receiver) = crossbeam_channel::unbounded();
        let sender = WakingSender { sender, waker: host.waker() };
        (Self { host, receiver, table: Table::new(pipes) }, Tagged::for_each_pipe(pipes, &sender))
    }

    fn run(&mut self, app: App) -> App {
        let mut drained = Drained { receiver: &self.receiver, table: &mut self.table, app };
        self.host.run(&mut drained);
        drained.app
    }
}

struct Drained<'a, M> {
    receiver: &'a Receiver<(usize, M)>,
    table: &'a mut Table<M>,
    app: App,
}

impl<M: Message> Guest for Drained<'_, M> {
    fn app(&mut self) -> &mut App {
        &mut self.app
    }

    fn woken(&mut self, (): ()) {
        while let Ok((id, message)) = self.receiver.try_recv() {
            self.table.call(&mut self.app, id, message);
        }
    }
}

impl<W: Waker, M: Message> Sender<M> for Tagged<WakingSender<W, M>> {
    fn send(&self, message: M) {
        assert!(self.sender.sender.send((self.id, message)).is_ok(), "the receiver is there");
        self.sender.waker.wake();
    }
}
