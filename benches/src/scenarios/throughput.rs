//! Messages by the million.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::{Figure, Size};
use crate::app::{App, Message, Words};
use crate::peers::{Opened, Peer, open};

/// The time of a message of `N` words while `PRODUCERS` threads, each with its own pipe, send as fast as they
/// can and the loop runs.
pub fn producers<P: Peer, const N: usize, const PRODUCERS: usize>(size: &Size) -> Figure {
    run_producers(open::<P, Words<N>>(PRODUCERS), size)
}

fn run_producers<M: Message>(mut opened: Opened<M>, size: &Size) -> Figure {
    let producers = opened.senders.len();
    let each = size.messages / producers as u64;
    let count = each * producers as u64;
    let gate = Arc::new(Barrier::new(producers + 1));
    // It shows that the loop runs.
    opened.senders[0].send(M::numbered(0));
    let workers = opened.senders.into_iter().map(|sender| {
        let gate = gate.clone();
        thread::spawn(move || {
            gate.wait();
            sender.send_numbers(1..=each);
        })
    });
    let workers: Vec<_> = workers.collect();
    let app = App::expecting(1 + count).at_first(move || {
        gate.wait();
    });
    let app = (opened.run)(app);
    workers.into_iter().for_each(|worker| worker.join().expect("the sends succeeded"));
    Figure::time_of_each(app.time(producers as u64 * sum(each)), count)
}

/// The time of a send of `N` words while the loop is in a callback.
pub fn burst_send<P: Peer, const N: usize>(size: &Size) -> Figure {
    let (_, sent) = burst::<P, N, _>(size, |send| {
        let start = Instant::now();
        send();
        start.elapsed()
    });
    Figure::time_of_each(sent, size.messages)
}

/// The time of a callback with `N` words when all were sent before.
pub fn burst_drain<P: Peer, const N: usize>(size: &Size) -> Figure {
    let (drained, ()) = burst::<P, N, _>(size, |send| send());
    Figure::time_of_each(drained, size.messages)
}

/// Has a thread do `work` with what sends all messages, while the loop is in the callback of a first one. Returns
/// how long it takes to drain them, and what the work returned.
pub fn burst<P: Peer, const N: usize, R: Send + 'static>(size: &Size, work: Work<R>) -> (Duration, R) {
    run_burst(open::<P, Words<N>>(1), size.messages, work)
}

/// What is done with that which sends all messages.
type Work<R> = fn(&dyn Fn()) -> R;

fn run_burst<M: Message, R: Send + 'static>(
    mut opened: Opened<M>,
    count: u64,
    work: Work<R>,
) -> (Duration, R) {
    let sender = opened.senders.pop().expect("a pipe was opened");
    sender.send(M::numbered(0));
    let (begin, begins) = mpsc::channel();
    let (finish, finished) = mpsc::channel();
    let worker = thread::spawn(move || {
        begins.recv().expect("the loop calls back");
        let result = work(&|| sender.send_numbers(1..=count));
        finish.send(()).expect("the callback waits");
        result
    });
    let app = App::expecting(1 + count).at_first(move || {
        begin.send(()).expect("the worker waits");
        finished.recv().expect("the sends succeeded");
    });
    let app = (opened.run)(app);
    (app.time(sum(count)), worker.join().expect("the sends succeeded"))
}

/// The sum of the numbers up to `n`.
pub fn sum(n: u64) -> u64 {
    n * (n + 1) / 2
}
