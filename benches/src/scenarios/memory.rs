//! What messages, pipes and loops hold of the heap. Counts only in the program of `bin/memory.rs`.

use peak_alloc::PeakAlloc;

use super::throughput::sum;
use super::{Figure, Size};
use crate::app::{App, Words};
use crate::peers::{Loop, Peer, a_channel_for_each, open};

pub fn live_bytes() -> f64 {
    let bytes = PeakAlloc.current_usage();
    assert!(bytes > 0, "the allocator of this program does not count");
    bytes as f64
}

/// The bytes of a queued message of 24 bytes.
pub fn of_a_message<P: Peer>(size: &Size) -> Figure {
    let mut opened = open::<P, Words<3>>(1);
    let before = live_bytes();
    opened.senders[0].send_numbers(1..=size.messages);
    let bytes = live_bytes() - before;
    (opened.run)(App::expecting(size.messages)).time(sum(size.messages));
    Figure::of_each(bytes, size.messages)
}

/// The bytes of a loop with one pipe, when everything was handled.
pub fn after_a_flood<P: Peer>(size: &Size) -> Figure {
    let before = live_bytes();
    let mut opened = open::<P, Words<3>>(1);
    opened.senders[0].send_numbers(1..=size.messages);
    (opened.run)(App::expecting(size.messages)).time(sum(size.messages));
    Figure::of_each(live_bytes() - before, 1)
}

/// The bytes of a pipe, with its callback, to which nothing was sent.
pub fn of_a_pipe<P: Peer>(size: &Size) -> Figure {
    let before = live_bytes();
    let _opened = P::Loop::<Words<3>>::open(size.pipes);
    Figure::of_each(live_bytes() - before, size.pipes as u64)
}

/// The bytes of a channel and a callback.
pub fn of_a_channel(size: &Size) -> Figure {
    let before = live_bytes();
    let _made = a_channel_for_each::<Words<3>>(size.pipes);
    Figure::of_each(live_bytes() - before, size.pipes as u64)
}
