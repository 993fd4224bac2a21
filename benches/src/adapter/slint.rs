//! Slint: a wake is invoked from its event loop.

use std::time::Duration;

use foreground::MessageRouter;
use foreground::event_loop::{Shared, slint_1};
use slint::{Timer, TimerMode};

use super::Adapter;
use crate::app::App;
use crate::peers::Place;

pub struct SlintRouter(Shared<App>);

impl Adapter for SlintRouter {
    const PLACE: Place = Place::OwnProcessWithDisplay;

    fn new() -> Self {
        let make = |_: &_| Ok::<_, slint::EventLoopError>(App::default());
        Self(slint_1::route(MessageRouter::builder(), make).expect("there is a display"))
    }

    fn router(&self) -> &MessageRouter<App> {
        self.0.router()
    }

    fn run(&mut self, app: App) -> App {
        let ticks = Timer::default();
        if app.has_ticks() {
            let tick = self.0.callback(App::tick_if_due);
            ticks.start(TimerMode::Repeated, Duration::from_millis(1), tick);
        }
        self.put(app.at_last(quit));
        slint::run_event_loop_until_quit().expect("the loop runs");
        self.put(App::default())
    }
}

impl SlintRouter {
    fn put(&self, app: App) -> App {
        self.0.with(|place| std::mem::replace(place, app)).expect("nobody has it")
    }
}

/// Leaves the loop, which runs.
pub fn quit() {
    slint::quit_event_loop().expect("the loop runs");
}
