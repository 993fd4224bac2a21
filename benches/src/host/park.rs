//! A thread that parks: the smallest event loop.

use std::thread::{self, Thread};
use std::time::Instant;

use super::{Guest, Host};

pub struct Park;

impl Host for Park {
    type Waker = Thread;

    fn new() -> Self {
        Self
    }

    fn waker(&self) -> Thread {
        thread::current()
    }

    fn run(&mut self, guest: &mut dyn Guest) {
        loop {
            guest.woken(());
            guest.settle();
            guest.app().tick_if_due();
            if guest.app().is_done() {
                return;
            }
            match guest.app().next_tick() {
                Some(due) => thread::park_timeout(due.saturating_duration_since(Instant::now())),
                None => thread::park(),
            }
        }
    }
}
