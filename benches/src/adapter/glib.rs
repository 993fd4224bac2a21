//! GLib: the router is a source of the main context.

use foreground::MessageRouter;
use foreground::event_loop::{Shared, glib_022};
use glib::MainContext;

use super::Adapter;
use crate::app::App;
use crate::peers::after;

pub struct GlibSource {
    context: MainContext,
    shared: Shared<App>,
}

impl Adapter for GlibSource {
    fn new() -> Self {
        let context = MainContext::new();
        let route = || {
            glib_022::route(MessageRouter::builder(), |_| {
                Ok::<_, glib_022::ForeignContextError>(App::default())
            })
        };
        let shared = context.with_thread_default(route).expect("no other thread has the context");
        Self { context, shared: shared.expect("the router is made") }
    }

    fn router(&self) -> &MessageRouter<App> {
        self.shared.router()
    }

    fn run(&mut self, app: App) -> App {
        let has_ticks = app.has_ticks();
        self.put(app);
        let (context, shared) = (&self.context, &self.shared);
        let run = || {
            if has_ticks {
                tick(shared.clone());
            }
            while !shared.with(|app| app.is_done()).expect("nobody has it") {
                context.iteration(true);
            }
        };
        context.with_thread_default(run).expect("no other thread has the context");
        self.put(App::default())
    }
}

impl GlibSource {
    fn put(&self, app: App) -> App {
        self.shared.with(|place| std::mem::replace(place, app)).expect("nobody has it")
    }
}

/// A timer beside the messages. Its resolution is a millisecond.
fn tick(shared: Shared<App>) {
    let next = shared.with(|app| {
        app.tick_if_due();
        app.next_tick()
    });
    after(next.expect("nobody has it"), move || tick(shared));
}
