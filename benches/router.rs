//! Send and dispatch against the least that could be done with the standard part: an unbounded crossbeam
//! channel whose consumer parks, and calls a closure from a table by the message's id ("raw"). Both sides'
//! closures own something, as callbacks do.
//!
//! ```text
//! cargo bench --bench router             # a minute
//! cargo bench --bench router -- --quick  # a few seconds
//! ```
//!
//! The two run in turns, and each round gives a ratio; the table shows the medians. Times move with the
//! machine's load, ratios hardly do.

use std::hint::black_box;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use foreground::{Budget, MessageRouter, StartedSender};

/// A message of 8 times `N` bytes.
type Message<const N: usize> = [u64; N];

/// Both sides' application: it sums what it sees, so that nothing is optimised away.
#[derive(Default)]
struct Sum {
    messages: u64,
    sum: u64,
}

impl Sum {
    fn add<const N: usize>(&mut self, message: &Message<N>) {
        self.messages += 1;
        self.sum = self.sum.wrapping_add(message[0]);
    }
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let (rounds, count) = if quick { (3, 100_000) } else { (11, 1_000_000) };
    println!("{:<26} {:>9} {:>12} {:>7}", "scenario", "raw", "foreground", "ratio");
    row("one_producer, 24 bytes", rounds, count, || raw_flood::<3>(1, count), || flood::<3>(1, count));
    row("one_producer, 256 bytes", rounds, count, || raw_flood::<32>(1, count), || flood::<32>(1, count));
    row("four_producers, 24 bytes", rounds, count, || raw_flood::<3>(4, count), || flood::<3>(4, count));
    row("burst_send, 24 bytes", rounds, count, || raw_burst::<3>(count).0, || burst::<3>(count).0);
    row("burst_drain, 24 bytes", rounds, count, || raw_burst::<3>(count).1, || burst::<3>(count).1);
    row("burst_send, 256 bytes", rounds, count, || raw_burst::<32>(count).0, || burst::<32>(count).0);
    row("burst_drain, 256 bytes", rounds, count, || raw_burst::<32>(count).1, || burst::<32>(count).1);
    let pipes = if quick { 10_000 } else { 100_000 };
    row("many_pipes, drain", rounds, pipes as u64, || raw_many_pipes(pipes), || many_pipes(pipes));
    let pings = if quick { 500 } else { 5_000 };
    row("idle_latency", rounds, pings, || raw_pings(pings), || ping_pongs(pings));
}

/// Runs both in turns and prints the medians, in nanoseconds a message.
fn row(
    name: &str,
    rounds: usize,
    messages: u64,
    mut raw: impl FnMut() -> Duration,
    mut ours: impl FnMut() -> Duration,
) {
    let mut rows = Vec::new();
    for _ in 0..=rounds {
        let (raw, ours) = (raw().as_nanos() as f64, ours().as_nanos() as f64);
        rows.push([raw / messages as f64, ours / messages as f64, ours / raw]);
    }
    // The first round warms up.
    let median = |column: usize| {
        let mut values: Vec<f64> = rows.iter().skip(1).map(|row| row[column]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!("{name:<26} {:>6.1} ns {:>9.1} ns {:>7.2}", median(0), median(1), median(2));
}

type Table<const N: usize> = Vec<Box<dyn FnMut(&mut Sum, Message<N>)>>;

fn raw_table<const N: usize>(pipes: usize) -> Table<N> {
    (0..pipes).map(|_| Box::new(callback()) as Box<_>).collect()
}

/// What both sides call with a message: it counts its own, and adds to the sum.
fn callback<const N: usize>() -> impl FnMut(&mut Sum, Message<N>) + 'static {
    let mut own = 0_u64;
    move |sum, message| {
        own += 1;
        black_box(own);
        sum.add(&message);
    }
}

fn raw_receive<const N: usize>(
    channel: &Receiver<(usize, Message<N>)>,
    table: &mut Table<N>,
    count: u64,
) -> Sum {
    let mut sum = Sum::default();
    while sum.messages < count {
        let Ok((id, message)) = channel.recv() else { break };
        table[id](&mut sum, message);
    }
    sum
}

fn raw_flood<const N: usize>(producers: usize, count: u64) -> Duration {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let mut table = raw_table::<N>(producers);
    let each = count / producers as u64;
    let start = Instant::now();
    let workers: Vec<_> = (0..producers)
        .map(|id| {
            let sender = sender.clone();
            thread::spawn(move || (0..each).for_each(|n| sender.send((id, [n; N])).unwrap()))
        })
        .collect();
    black_box(raw_receive(&receiver, &mut table, each * producers as u64).sum);
    let time = start.elapsed();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    time
}

fn raw_burst<const N: usize>(count: u64) -> (Duration, Duration) {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let mut table = raw_table::<N>(1);
    let start = Instant::now();
    (0..count).for_each(|n| sender.send((0, [n; N])).unwrap());
    let sent = start.elapsed();
    black_box(raw_receive(&receiver, &mut table, count).sum);
    (sent, start.elapsed() - sent)
}

/// The numbers below `pipes` in an order that no cache foresees.
fn shuffled(pipes: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pipes).collect();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for i in (1..pipes).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        order.swap(i, (random % (i as u64 + 1)) as usize);
    }
    order
}

fn raw_many_pipes(pipes: usize) -> Duration {
    let (sender, receiver) = crossbeam_channel::unbounded();
    let mut table = raw_table::<3>(pipes);
    shuffled(pipes).into_iter().for_each(|id| sender.send((id, [1; 3])).unwrap());
    let start = Instant::now();
    black_box(raw_receive(&receiver, &mut table, pipes as u64).sum);
    start.elapsed()
}

/// A parked thread that answers each message; the time of `pings` round trips.
fn raw_pings(pings: u64) -> Duration {
    let (sender, receiver) = crossbeam_channel::unbounded::<u64>();
    let (answer, answers) = mpsc::channel();
    let consumer = thread::spawn(move || receiver.iter().for_each(|n| answer.send(n).unwrap()));
    let time = ping(pings, |n| sender.send(n).unwrap(), &answers);
    drop(sender);
    consumer.join().unwrap();
    time
}

fn ping(pings: u64, send: impl Fn(u64), answers: &mpsc::Receiver<u64>) -> Duration {
    let start = Instant::now();
    for n in 0..pings {
        send(n);
        assert_eq!(answers.recv(), Ok(n));
    }
    start.elapsed()
}

/// A router whose loop is a thread that parks.
fn router() -> MessageRouter<Sum> {
    let router = MessageRouter::builder().budget(Budget::default()).build(thread::current());
    router.start().unwrap();
    router
}

fn pipe<const N: usize>(router: &MessageRouter<Sum>) -> StartedSender<Message<N>> {
    let (sender, receiver) = router.pipe::<Message<N>>().unwrap();
    receiver.on_message(callback());
    receiver.detach();
    sender.start()
}

/// Runs the loop until `count` messages were seen.
fn run(router: &MessageRouter<Sum>, count: u64) -> Sum {
    let mut sum = Sum::default();
    loop {
        router.dispatch(&mut sum);
        router.settle();
        if sum.messages >= count {
            return sum;
        }
        thread::park();
    }
}

fn flood<const N: usize>(producers: usize, count: u64) -> Duration {
    let router = router();
    let each = count / producers as u64;
    let senders: Vec<_> = (0..producers).map(|_| pipe::<N>(&router)).collect();
    let start = Instant::now();
    let workers: Vec<_> = senders
        .into_iter()
        .map(|sender| thread::spawn(move || (0..each).for_each(|n| sender.send([n; N]).unwrap())))
        .collect();
    black_box(run(&router, each * producers as u64).sum);
    let time = start.elapsed();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    time
}

fn burst<const N: usize>(count: u64) -> (Duration, Duration) {
    let router = router();
    let sender = pipe::<N>(&router);
    let start = Instant::now();
    (0..count).for_each(|n| sender.send([n; N]).unwrap());
    let sent = start.elapsed();
    black_box(run(&router, count).sum);
    (sent, start.elapsed() - sent)
}

fn many_pipes(pipes: usize) -> Duration {
    let router = router();
    let senders: Vec<_> = (0..pipes).map(|_| pipe::<3>(&router)).collect();
    shuffled(pipes).into_iter().for_each(|id| senders[id].send([1; 3]).unwrap());
    let start = Instant::now();
    black_box(run(&router, pipes as u64).sum);
    start.elapsed()
}

fn ping_pongs(pings: u64) -> Duration {
    let (answer, answers) = mpsc::channel();
    let (hand_over, handed_over) = mpsc::channel();
    let consumer = thread::spawn(move || {
        let router: MessageRouter<bool> = MessageRouter::new(thread::current());
        router.start().unwrap();
        let (sender, receiver) = router.pipe::<u64>().unwrap();
        receiver.on_message(move |_, n| answer.send(n).unwrap());
        receiver.on_end(|ended, _| *ended = true);
        hand_over.send(sender).unwrap();
        let mut ended = false;
        while !ended {
            router.dispatch(&mut ended);
            router.settle();
            if !ended {
                thread::park();
            }
        }
    });
    let sender = handed_over.recv().unwrap().start();
    let time = ping(pings, |n| sender.send(n).unwrap(), &answers);
    drop(sender);
    consumer.join().unwrap();
    time
}
