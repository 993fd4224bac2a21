//! This crate, in each host and with each kind of pipe.

use std::marker::PhantomData;

use foreground::{MessageReceiver, MessageRouter, MessageSender, PipeError, StartedSender};

use super::{CAPACITY, Loop, Peer, Place, Sender};
use crate::app::{App, Message, callback};
use crate::host::{Guest, Host, Park};

pub struct Foreground<H = Park, K = Unbounded>(PhantomData<(H, K)>);

/// A kind of pipe.
pub trait Kind: 'static {
    fn open<M: Message>(router: &MessageRouter<App>) -> Result<Pipe<M>, PipeError>;
}

type Pipe<M> = (MessageSender<M>, MessageReceiver<M, App>);

pub struct Unbounded;
pub struct Bounded;
pub struct Latest;

impl Kind for Unbounded {
    fn open<M: Message>(router: &MessageRouter<App>) -> Result<Pipe<M>, PipeError> {
        router.pipe()
    }
}

impl Kind for Bounded {
    fn open<M: Message>(router: &MessageRouter<App>) -> Result<Pipe<M>, PipeError> {
        router.bounded_pipe(CAPACITY)
    }
}

impl Kind for Latest {
    fn open<M: Message>(router: &MessageRouter<App>) -> Result<Pipe<M>, PipeError> {
        router.latest_pipe()
    }
}

impl<H: Host, K: Kind> Peer for Foreground<H, K> {
    const PLACE: Place = H::PLACE;

    type Loop<M: Message> = RouterLoop<H, K>;
}

pub struct RouterLoop<H, K> {
    host: H,
    router: MessageRouter<App>,
    kind: PhantomData<K>,
}

impl<H: Host, K: Kind, M: Message> Loop<M> for RouterLoop<H, K> {
    type Sender = StartedSender<M>;

    fn open(pipes: usize) -> (Self, Vec<StartedSender<M>>) {
        let host = H::new();
        let router = MessageRouter::new(host.waker());
        router.start().expect("it was not started");
        let senders = open_pipes::<K, M>(&router, pipes);
        (Self { host, router, kind: PhantomData }, senders)
    }

    fn run(&mut self, app: App) -> App {
        run_in(&mut self.host, &self.router, app)
    }
}

/// Opens pipes, each with its callback.
pub fn open_pipes<K: Kind, M: Message>(router: &MessageRouter<App>, pipes: usize) -> Vec<StartedSender<M>> {
    let senders = (0..pipes).map(|_| {
        let (sender, receiver) = K::open(router).expect("the router runs");
        receiver.on_message(callback());
        receiver.detach();
        sender.start()
    });
    senders.collect()
}

/// Runs a host with a router in it until the application is done.
pub fn run_in<H: Host>(host: &mut H, router: &MessageRouter<App>, app: App) -> App {
    let mut routed = Routed { router, app };
    host.run(&mut routed);
    routed.app
}

struct Routed<'a> {
    router: &'a MessageRouter<App>,
    app: App,
}

impl Guest for Routed<'_> {
    fn app(&mut self) -> &mut App {
        &mut self.app
    }

    fn woken(&mut self, (): ()) {
        self.router.dispatch(&mut self.app);
    }

    fn settle(&mut self) {
        self.router.settle();
    }
}

impl<M: Message> Sender<M> for StartedSender<M> {
    fn send(&self, message: M) {
        assert!(self.send(message).is_ok(), "the pipe is open");
    }
}
