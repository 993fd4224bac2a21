//! calloop's channel, with a table of callbacks: a channel for each pipe would take a file descriptor each.

use std::time::Instant;

use calloop::EventLoop;
use calloop::channel::{self, Event};

use super::{Loop, Peer, Sender, Tagged};
use crate::app::{App, Message, Table};

pub struct CalloopChannel;

impl Peer for CalloopChannel {
    type Loop<M: Message> = EventLoop<'static, App>;
}

impl<M: Message> Loop<M> for EventLoop<'static, App> {
    type Sender = Tagged<channel::Sender<(usize, M)>>;

    fn open(pipes: usize) -> (Self, Vec<Self::Sender>) {
        let event_loop = Self::try_new().expect("epoll is there");
        let (sender, channel) = channel::channel();
        let mut table = Table::new(pipes);
        let call = move |event, _: &mut (), app: &mut App| {
            if let Event::Msg((id, message)) = event {
                table.call(app, id, message);
            }
        };
        event_loop.handle().insert_source(channel, call).expect("a loop takes a source");
        (event_loop, Tagged::for_each_pipe(pipes, &sender))
    }

    fn run(&mut self, mut app: App) -> App {
        while !app.is_done() {
            let timeout = app.next_tick().map(|due| due.saturating_duration_since(Instant::now()));
            self.dispatch(timeout, &mut app).expect("the loop turns");
            app.tick_if_due();
        }
        app
    }
}

impl<M: Message> Sender<M> for Tagged<channel::Sender<(usize, M)>> {
    fn send(&self, message: M) {
        assert!(self.sender.send((self.id, message)).is_ok(), "the loop is there");
    }
}
