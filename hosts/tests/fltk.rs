//! The conformance of FLTK, by a closure waker.

mod support;

use std::process::ExitCode;

use fltk::app;
use fltk::prelude::*;
use fltk::window::Window;
use foreground::MessageRouter;
use foreground::event_loop::Shared;
use foreground::testing::conformance::{Host, Play};

/// In seconds: until something happens.
const FOR_EVER: f64 = 1e20;

struct Fltk;

impl Host for Fltk {
    const NAME: &str = "FLTK 1.4";
    const HAS_WINDOW: bool = true;
    type State = Play;

    fn run(play: Play) -> (MessageRouter<Play>, Play) {
        let app = app::App::default();
        let (ticks, is_hidden) = (play.ticks(), play.is_hidden());
        let router = play.builder().build(app::awake);
        let shared = Shared::new(router, play);

        let mut window = Window::default().with_size(240, 160);
        window.end();
        let weak = shared.downgrade();
        window.draw(move |_| weak.defer(|play| play.redraw()));
        if !is_hidden {
            window.show();
        }
        if let Some(every) = ticks {
            let (weak, mut window) = (shared.downgrade(), window.clone());
            app::add_timeout3(every.as_secs_f64(), move |handle| {
                weak.defer(|play| play.tick());
                window.redraw();
                app::repeat_timeout3(every.as_secs_f64(), handle);
            });
        }
        let router = shared.router().clone();
        shared.with(|play| Play::begin(play, &router)).expect("nobody has it");
        // Not `while app.wait()`, which ends when no window is shown.
        while !shared.with(|play| play.is_over()).expect("nobody has it") {
            // It returns an error also when two things happened at once.
            let _ = app::wait_for(FOR_EVER);
            shared.turn();
        }
        app.quit();
        shared.into_parts().expect("nobody else keeps it")
    }
}

fn main() -> ExitCode {
    support::conformance_on_display::<Fltk>()
}
