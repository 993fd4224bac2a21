//! calloop: an epoll loop, woken by an eventfd.

use std::time::Instant;

use calloop::EventLoop;
use calloop::ping::{Ping, make_ping};
use foreground::Waker;

use super::{Guest, Host};

pub struct Calloop {
    /// Its state is whether it was woken.
    event_loop: EventLoop<'static, bool>,
    ping: Ping,
}

#[derive(Clone)]
pub struct PingWaker(Ping);

impl Waker for PingWaker {
    fn wake(&self) {
        self.0.ping();
    }
}

impl Host for Calloop {
    type Waker = PingWaker;

    fn new() -> Self {
        let event_loop = EventLoop::try_new().expect("epoll is there");
        let (ping, source) = make_ping().expect("an eventfd is there");
        event_loop
            .handle()
            .insert_source(source, |(), _, woken| *woken = true)
            .expect("a loop takes a source");
        Self { event_loop, ping }
    }

    fn waker(&self) -> PingWaker {
        PingWaker(self.ping.clone())
    }

    fn run(&mut self, guest: &mut dyn Guest) {
        while !guest.app().is_done() {
            let timeout = guest.app().next_tick().map(|due| due.saturating_duration_since(Instant::now()));
            let mut woken = false;
            self.event_loop.dispatch(timeout, &mut woken).expect("the loop turns");
            if woken {
                guest.woken(());
            }
            guest.app().tick_if_due();
            guest.settle();
        }
    }
}
