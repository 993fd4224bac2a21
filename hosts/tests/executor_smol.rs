//! The conformance of smol's executor, with a timer of its own, and the state shared by both.

use std::process::ExitCode;

use foreground::MessageRouter;
use foreground::event_loop::{Shared, executor};
use foreground::testing::conformance::{self, Host, Play};
use smol::{LocalExecutor, Timer};

struct Smol;

impl Host for Smol {
    const NAME: &str = "smol 2";
    type State = Play;

    fn run(play: Play) -> (MessageRouter<Play>, Play) {
        let (router, mut routing) = executor::route(play.builder());
        let shared = Shared::new(router.clone(), play);
        let local = LocalExecutor::new();
        shared.with(|play| Play::begin(play, &router)).expect("nobody else has it");
        let ticking = shared.with(|play| play.ticks()).expect("nobody else has it").map(|every| {
            let weak = shared.downgrade();
            local.spawn(async move {
                loop {
                    Timer::after(every).await;
                    weak.defer(|play| play.tick());
                }
            })
        });
        let turning = async {
            let is_over = || shared.with(|play| play.is_over()).expect("the turn has given it back");
            while !is_over() {
                routing.ready().await;
                shared.turn();
            }
        };
        smol::block_on(local.run(turning));
        drop((ticking, local, routing));
        shared.into_parts().map_err(|_| "it is kept").expect("there is no other handle")
    }
}

fn main() -> ExitCode {
    conformance::main::<Smol>()
}
