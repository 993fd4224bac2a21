//! calloop: the router is an event source.

use std::time::Instant;

use calloop::EventLoop;
use foreground::MessageRouter;
use foreground::event_loop::calloop_014;

use super::Adapter;
use crate::app::App;

pub struct CalloopSource {
    event_loop: EventLoop<'static, App>,
    router: MessageRouter<App>,
}

impl Adapter for CalloopSource {
    fn new() -> Self {
        let event_loop = EventLoop::try_new().expect("epoll is there");
        let router =
            calloop_014::route(MessageRouter::builder(), &event_loop.handle()).expect("an eventfd is there");
        Self { event_loop, router }
    }

    fn router(&self) -> &MessageRouter<App> {
        &self.router
    }

    fn run(&mut self, mut app: App) -> App {
        while !app.is_done() {
            let timeout = app.next_tick().map(|due| due.saturating_duration_since(Instant::now()));
            self.event_loop.dispatch(timeout, &mut app).expect("the loop turns");
            app.tick_if_due();
        }
        app
    }
}
