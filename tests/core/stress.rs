//! Many threads, every message counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::common::{Census, looped};

/// A message that knows what it should be: its number, spread over its bytes.
#[derive(Debug)]
struct Checked {
    pipe: u64,
    number: u64,
    check: u64,
}

impl Checked {
    fn new(pipe: u64, number: u64) -> Self {
        Self { pipe, number, check: Self::check(pipe, number) }
    }

    fn check(pipe: u64, number: u64) -> u64 {
        (pipe << 32 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

#[test]
fn every_message_of_many_threads_arrives_intact_once_and_in_order() {
    const THREADS: u64 = 6;
    const EACH: u64 = 20_000;
    let (router, test_loop) = looped::<(Vec<u64>, usize)>();
    let mut workers = Vec::new();
    for pipe in 0..THREADS {
        let (sender, receiver) = match pipe % 2 {
            0 => router.pipe::<Checked>().unwrap(),
            _ => router.bounded_pipe::<Checked>(64).unwrap(),
        };
        receiver.on_message(move |(next, _): &mut (Vec<u64>, usize), message: Checked| {
            assert_eq!(message.pipe, pipe);
            assert_eq!(message.number, next[pipe as usize]);
            assert_eq!(message.check, Checked::check(message.pipe, message.number));
            next[pipe as usize] += 1;
        });
        receiver.on_end(|(_, ended), _| *ended += 1);
        receiver.detach();
        workers.push(thread::spawn(move || {
            let sender = sender.start();
            (0..EACH).for_each(|number| sender.send(Checked::new(pipe, number)).unwrap());
        }));
    }
    let mut state = (vec![0; THREADS as usize], 0);
    test_loop.run_until(&mut state, |(_, ended)| *ended == THREADS as usize).unwrap();
    assert_eq!(state.0, vec![EACH; THREADS as usize]);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    assert_eq!(router.stats().sent, THREADS * EACH);
}

#[test]
fn closes_and_stops_in_the_middle_of_a_flood_account_for_every_message() {
    let (router, _loop) = looped::<u64>();
    let census = Census::default();
    let accepted = Arc::new(AtomicU64::new(0));
    for round in 0..30 {
        if round > 0 {
            router.start().unwrap();
        }
        let mut receivers = Vec::new();
        let mut workers = Vec::new();
        for kind in 0..3 {
            let (sender, receiver) = match kind {
                0 => router.pipe().unwrap(),
                1 => router.bounded_pipe(16).unwrap(),
                _ => router.latest_pipe().unwrap(),
            };
            receiver.on_message(|seen: &mut u64, message| {
                drop(message);
                *seen += 1;
            });
            receivers.push(receiver);
            let (census, accepted) = (census.clone(), Arc::clone(&accepted));
            workers.push(thread::spawn(move || {
                let sender = sender.start();
                while sender.send(census.member()).is_ok() {
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        let mut seen = 0;
        while seen < 200 {
            router.dispatch(&mut seen);
            router.settle();
        }
        // Close one of them by the receiver, the rest by the stop, in changing order.
        drop(receivers.swap_remove(round % 3));
        router.dispatch(&mut seen);
        router.stop().unwrap();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        let stats = router.stats();
        assert_eq!(stats.sent, accepted.load(Ordering::Relaxed));
        assert_eq!((stats.queued, stats.delivered + stats.discarded), (0, stats.sent));
        assert_eq!(census.alive(), 0, "in round {round}");
    }
}
