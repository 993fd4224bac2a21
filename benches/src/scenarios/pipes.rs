//! Many pipes, and pipes of other kinds.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use super::throughput::sum;
use super::{Figure, Size};
use crate::app::{App, Message, Value, Words};
use crate::peers::{Loop, Peer, a_channel_for_each, open};

/// The time of a callback when each pipe has one message, in an order that no cache foresees.
pub fn drain_of_many<P: Peer>(size: &Size) -> Figure {
    let count = size.pipes as u64;
    let mut opened = open::<P, Words<3>>(size.pipes);
    shuffled(size.pipes).into_iter().zip(1..).for_each(|(id, n)| opened.senders[id].send([n; 3]));
    let app = (opened.run)(App::expecting(count));
    Figure::time_of_each(app.time(sum(count)), count)
}

/// The numbers below `count` in a random order, the same each time (by Marsaglia's xorshift).
fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for i in (1..count).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        order.swap(i, (random % (i as u64 + 1)) as usize);
    }
    order
}

/// The time to open a pipe with a callback.
pub fn creation<P: Peer>(size: &Size) -> Figure {
    let start = Instant::now();
    let opened = black_box(P::Loop::<Words<3>>::open(size.pipes));
    let time = start.elapsed();
    drop(opened);
    Figure::time_of_each(time, size.pipes as u64)
}

/// The time to make a channel with a callback.
pub fn creation_of_channels(size: &Size) -> Figure {
    let start = Instant::now();
    let made = black_box(a_channel_for_each::<Words<3>>(size.pipes));
    let time = start.elapsed();
    drop(made);
    Figure::time_of_each(time, size.pipes as u64)
}

/// The time of a value until the last has arrived, while a thread sends as fast as it can.
pub fn latest<P: Peer>(size: &Size) -> Figure {
    let count = size.messages;
    let mut opened = open::<P, Value>(1);
    let gate = Arc::new(Barrier::new(2));
    let sender = opened.senders.pop().expect("a pipe was opened");
    sender.send(Value::numbered(1));
    let worker = thread::spawn({
        let gate = gate.clone();
        move || {
            gate.wait();
            sender.send_numbers(2..=1 + count);
        }
    });
    let app = App::expecting(1 + count).at_first(move || {
        gate.wait();
    });
    let app = (opened.run)(app);
    worker.join().expect("the sends succeeded");
    Figure::time_of_each(app.time(0), count)
}
