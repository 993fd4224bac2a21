//! The conformance of tokio 1, by `block_on` of a current-thread runtime and a `select!`.

use std::process::ExitCode;

use foreground::MessageRouter;
use foreground::event_loop::tokio_1;
use foreground::testing::conformance::{self, Host, Play};
use tokio::runtime;
use tokio::time::{MissedTickBehavior, interval};

struct BlockOn;

impl Host for BlockOn {
    const NAME: &str = "tokio 1, block_on";
    type State = Play;

    fn run(mut play: Play) -> (MessageRouter<Play>, Play) {
        let runtime =
            runtime::Builder::new_current_thread().enable_time().build().expect("a runtime is made");
        let (router, mut routing) = tokio_1::route(play.builder());
        Play::begin(&mut play, &router);
        runtime.block_on(async {
            let Some(every) = play.ticks() else {
                return routing.run(&mut play, |play| play.is_over()).await;
            };
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !play.is_over() {
                tokio::select! {
                    () = routing.ready() => { router.dispatch(&mut play); }
                    _ = ticks.tick() => play.tick(),
                }
            }
        });
        drop((runtime, routing));
        (router, play)
    }
}

fn main() -> ExitCode {
    conformance::main::<BlockOn>()
}
