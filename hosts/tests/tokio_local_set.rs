//! The conformance of tokio 1, by a `LocalSet`: the router is one task, and a timer another.

use std::process::ExitCode;

use foreground::MessageRouter;
use foreground::event_loop::{Shared, tokio_1};
use foreground::testing::conformance::{self, Host, Play};
use tokio::runtime;
use tokio::task::LocalSet;
use tokio::time::sleep;

struct OnLocalSet;

impl Host for OnLocalSet {
    const NAME: &str = "tokio 1, LocalSet";
    type State = Play;

    fn run(play: Play) -> (MessageRouter<Play>, Play) {
        let runtime =
            runtime::Builder::new_current_thread().enable_time().build().expect("a runtime is made");
        let (router, mut routing) = tokio_1::route(play.builder());
        let ticks = play.ticks();
        let shared = Shared::new(router.clone(), play);
        shared.with(|play| Play::begin(play, &router)).expect("nobody else has it");
        let local = LocalSet::new();
        if let Some(every) = ticks {
            let weak = shared.downgrade();
            local.spawn_local(async move {
                loop {
                    sleep(every).await;
                    weak.defer(|play| play.tick());
                }
            });
        }
        let turning = shared.clone();
        let routed = local.spawn_local(async move {
            let is_over = || turning.with(|play| play.is_over()).expect("the turn has given it back");
            while !is_over() {
                routing.ready().await;
                turning.turn();
            }
        });
        local.block_on(&runtime, routed).expect("the task comes to its end");
        drop((local, runtime));
        shared.into_parts().map_err(|_| "it is kept").expect("there is no other handle")
    }
}

fn main() -> ExitCode {
    conformance::main::<OnLocalSet>()
}
