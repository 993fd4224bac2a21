//! The conformance of the loop without a window.

use std::process::ExitCode;

use foreground::MessageRouter;
use foreground::event_loop::headless::Headless;
use foreground::testing::conformance::{self, Host, Play};

struct Loop;

impl Host for Loop {
    const NAME: &str = "headless";
    type State = Play;

    fn run(mut play: Play) -> (MessageRouter<Play>, Play) {
        let headless = Headless::new(play.builder());
        if let Some(every) = play.ticks() {
            headless.every(every, |play: &mut Play| play.tick());
        }
        let router = headless.router().clone();
        Play::begin(&mut play, &router);
        headless.run(&mut play, |play| play.is_over()).expect("there is something to wait for");
        (router, play)
    }
}

fn main() -> ExitCode {
    conformance::main::<Loop>()
}
