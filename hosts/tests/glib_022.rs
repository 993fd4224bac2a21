//! The conformance of a main loop of glib, without a toolkit, on a main context of its own.

use std::process::ExitCode;

use foreground::MessageRouter;
use foreground::event_loop::glib_022::{self, ForeignContextError};
use foreground::testing::conformance::{self, Host, Play};
use gtk4::glib::{self, MainContext, MainLoop};

struct Glib022;

impl Host for Glib022 {
    const NAME: &str = "glib 0.22";
    type State = Play;

    fn run(play: Play) -> (MessageRouter<Play>, Play) {
        let context = MainContext::new();
        let routed = context.with_thread_default(|| {
            let main_loop = MainLoop::new(Some(&context), false);
            let ticks = play.ticks();
            let shared = glib_022::route(play.builder(), |_| Ok::<_, ForeignContextError>(play))
                .expect("this thread owns the context");
            let begun = shared.with(|play| {
                let main_loop = main_loop.clone();
                play.on_over(move || main_loop.quit());
                Play::begin(play, shared.router());
            });
            begun.expect("nobody else has the play");
            if let Some(every) = ticks {
                let tick = shared.callback(|play| play.tick());
                // Not `timeout_add_local`, which is for the default main context.
                context.spawn_local(async move {
                    loop {
                        glib::timeout_future(every).await;
                        tick();
                    }
                });
            }
            main_loop.run();
            shared
        });
        drop(context);
        let shared = routed.expect("nobody else has this context");
        shared.into_parts().expect("the closures do not keep the state")
    }
}

fn main() -> ExitCode {
    conformance::main::<Glib022>()
}
