//! How often a sender wakes the loop: the kernel's count of the sending thread's writes, for that is how hosts
//! with a file descriptor are woken. Noise does not touch it.

use std::fs;

use super::latency::ping;
use super::throughput::burst;
use super::{Figure, Size};
use crate::peers::Peer;

/// The writes of a message that is sent while the loop is busy.
pub fn of_a_busy_loop<P: Peer>(size: &Size) -> Figure {
    let (_, writes) = burst::<P, 3, _>(size, |send| {
        let before = writes();
        send();
        writes() - before
    });
    Figure::of_each(writes as f64, size.messages)
}

/// The writes of a message that is sent to a sleeping loop.
pub fn of_an_idle_loop<P: Peer>(size: &Size) -> Figure {
    let (_, writes) = ping::<P, _>(size.pings, |pings| {
        let before = writes();
        pings.for_each(drop);
        writes() - before
    });
    Figure::of_each(writes as f64, size.pings)
}

/// The system calls by which this thread has written something.
fn writes() -> u64 {
    let counts =
        fs::read_to_string("/proc/thread-self/io").expect("the kernel counts what threads read and write");
    let writes = counts.lines().find_map(|line| line.strip_prefix("syscw: "));
    writes.expect("writes are counted").parse().expect("it is a number")
}
