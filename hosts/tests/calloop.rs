//! The conformance of calloop 0.14.

use std::process::ExitCode;
use std::time::Instant;

use calloop::EventLoop;
use calloop::timer::{TimeoutAction, Timer};
use foreground::MessageRouter;
use foreground::event_loop::calloop_014;
use foreground::testing::conformance::{self, Host, Play};

struct Calloop;

impl Host for Calloop {
    const NAME: &str = "calloop 0.14";
    type State = Play;

    fn run(mut play: Play) -> (MessageRouter<Play>, Play) {
        let mut event_loop = EventLoop::try_new().expect("epoll is there");
        let handle = event_loop.handle();
        let router = calloop_014::route(play.builder(), &handle).expect("a loop takes a router");
        if let Some(every) = play.ticks() {
            // From due time to due time, so that delays do not add up on a busy machine.
            let tick = move |due: Instant, _: &mut (), play: &mut Play| {
                play.tick();
                TimeoutAction::ToInstant((due + every).max(Instant::now()))
            };
            handle.insert_source(Timer::from_duration(every), tick).expect("a loop takes a timer");
        }
        let signal = event_loop.get_signal();
        play.on_over(move || signal.stop());
        Play::begin(&mut play, &router);
        event_loop.run(None, &mut play, |_| {}).expect("the loop turns");
        drop((handle, event_loop));
        (router, play)
    }
}

fn main() -> ExitCode {
    conformance::main::<Calloop>()
}
