//! tokio: the router is a future.

use foreground::MessageRouter;
use foreground::event_loop::tokio_1::{self, Routing};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep_until;

use super::Adapter;
use crate::app::App;

pub struct TokioRouting {
    runtime: Runtime,
    router: MessageRouter<App>,
    routing: Routing<App>,
}

impl Adapter for TokioRouting {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("it needs no more");
        let (router, routing) = tokio_1::route(MessageRouter::builder());
        Self { runtime, router, routing }
    }

    fn router(&self) -> &MessageRouter<App> {
        &self.router
    }

    fn run(&mut self, mut app: App) -> App {
        let Self { runtime, router, routing } = self;
        runtime.block_on(async {
            if !app.has_ticks() {
                routing.run(&mut app, |app| app.is_done()).await;
            }
            while !app.is_done() {
                let next = app.next_tick();
                tokio::select! {
                    () = routing.ready() => { router.dispatch(&mut app); }
                    () = async { sleep_until(next.expect("it is there").into()).await }, if next.is_some() => app.tick_if_due(),
                }
            }
        });
        app
    }
}
