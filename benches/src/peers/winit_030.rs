//! winit 0.30's user events, with a table of callbacks.

use winit_030::event_loop::EventLoopProxy;

use super::{Loop, Peer, Place, Sender, Tagged};
use crate::app::{App, Message, Table};
use crate::host::{Guest, Winit030};

pub struct UserEvents<const WINDOW: bool = false>;

impl<const WINDOW: bool> Peer for UserEvents<WINDOW> {
    const PLACE: Place = Place::OwnProcessWithDisplay;

    type Loop<M: Message> = UserEventLoop<M, WINDOW>;
}

pub struct UserEventLoop<M: 'static, const WINDOW: bool> {
    host: Winit030<WINDOW, (usize, M)>,
    table: Table<M>,
}

impl<M: Message, const WINDOW: bool> Loop<M> for UserEventLoop<M, WINDOW> {
    type Sender = Tagged<EventLoopProxy<(usize, M)>>;

    fn open(pipes: usize) -> (Self, Vec<Self::Sender>) {
        let host = Winit030::with_user_event();
        let senders = Tagged::for_each_pipe(pipes, &host.proxy());
        (Self { host, table: Table::new(pipes) }, senders)
    }

    fn run(&mut self, app: App) -> App {
        let mut called = Called { table: &mut self.table, app };
        self.host.run_guest(&mut called);
        called.app
    }
}

struct Called<'a, M> {
    table: &'a mut Table<M>,
    app: App,
}

impl<M: Message> Guest<(usize, M)> for Called<'_, M> {
    fn app(&mut self) -> &mut App {
        &mut self.app
    }

    fn woken(&mut self, (id, message): (usize, M)) {
        self.table.call(&mut self.app, id, message);
    }
}

impl<M: Message> Sender<M> for Tagged<EventLoopProxy<(usize, M)>> {
    fn send(&self, message: M) {
        assert!(self.sender.send_event((self.id, message)).is_ok(), "the loop is there");
    }
}
