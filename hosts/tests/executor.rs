//! The conformance of executors by one of nothing but std: it polls two futures by turns, the router's and that of a timer,
//! each with a waker of its own that is new for each poll.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use foreground::MessageRouter;
use foreground::event_loop::executor;
use foreground::testing::conformance::{self, Host, Play};

/// The waker of one poll. Only the newest counts.
struct Unpark {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        // Release: what was done before the wake is seen by the poll that follows.
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

struct OfStd;

impl Host for OfStd {
    const NAME: &str = "an executor of std";
    type State = Play;

    fn run(mut play: Play) -> (MessageRouter<Play>, Play) {
        let (router, mut routing) = executor::route(play.builder());
        let ticks = play.ticks();
        let mut next_tick = ticks.map(|every| Instant::now() + every);
        Play::begin(&mut play, &router);
        while !play.is_over() {
            let mut ready = pin!(routing.ready());
            let mut unpark;
            loop {
                unpark = Arc::new(Unpark { thread: thread::current(), is_woken: AtomicBool::new(false) });
                let waker = Waker::from(Arc::clone(&unpark));
                if let Poll::Ready(()) = ready.as_mut().poll(&mut Context::from_waker(&waker)) {
                    break;
                }
                // Acquire: with the store above.
                while !unpark.is_woken.load(Ordering::Acquire) {
                    match next_tick {
                        Some(due) => thread::park_timeout(due.saturating_duration_since(Instant::now())),
                        None => thread::park(),
                    }
                    if next_tick.is_some_and(|due| due <= Instant::now()) {
                        break;
                    }
                }
                if let Some(due) = next_tick.as_mut().filter(|due| **due <= Instant::now()) {
                    play.tick();
                    *due = Instant::now() + Play::TICK;
                }
            }
            router.dispatch(&mut play);
        }
        drop(routing);
        (router, play)
    }
}

fn main() -> ExitCode {
    conformance::main::<OfStd>()
}
