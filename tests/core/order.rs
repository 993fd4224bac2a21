//! Promise 1: one global order, consistent with happens-before.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use foreground::MessageRouter;

use crate::common::looped;

#[test]
fn messages_of_a_sender_arrive_in_order() {
    let (router, test_loop) = looped::<Vec<u32>>();
    let (sender, receiver) = router.pipe().unwrap();
    receiver.on_message(|seen: &mut Vec<u32>, n| seen.push(n));
    let worker = thread::spawn(move || {
        let sender = sender.start();
        (0..10_000).for_each(|n| sender.send(n).unwrap());
    });
    let mut seen = Vec::new();
    test_loop.run_until(&mut seen, |seen| seen.len() == 10_000).unwrap();
    worker.join().unwrap();
    assert!(seen.iter().copied().eq(0..10_000));
}

#[test]
fn a_thread_that_sends_on_two_pipes_is_heard_in_that_order() {
    let (router, test_loop) = looped::<Vec<(char, u32)>>();
    let (a, from_a) = router.pipe::<u32>().unwrap();
    let (b, from_b) = router.pipe::<u64>().unwrap();
    let (c, from_c) = router.bounded_pipe::<u16>(usize::MAX).unwrap();
    from_a.on_message(|seen: &mut Vec<_>, n| seen.push(('a', n)));
    from_b.on_message(|seen: &mut Vec<_>, n| seen.push(('b', n as u32)));
    from_c.on_message(|seen: &mut Vec<_>, n| seen.push(('c', n.into())));
    let worker = thread::spawn(move || {
        let (a, b, c) = (a.start(), b.start(), c.start());
        for n in 0..2_000 {
            a.send(n).unwrap();
            c.send(n as u16).unwrap();
            b.send(n.into()).unwrap();
            b.send(n.into()).unwrap();
        }
    });
    let mut seen = Vec::new();
    test_loop.run_until(&mut seen, |seen| seen.len() == 8_000).unwrap();
    worker.join().unwrap();
    let expected = (0..2_000).flat_map(|n| [('a', n), ('c', n), ('b', n), ('b', n)]);
    assert!(seen.into_iter().eq(expected));
}

#[test]
fn a_worker_that_unblocks_another_is_heard_first() {
    let (router, test_loop) = looped::<Vec<u32>>();
    const ROUNDS: u32 = 2_000;
    let mut workers = Vec::new();
    // A ring of workers, each with a pipe of its own; a token goes round, and its holder sends.
    let (tokens, mut takers): (Vec<_>, Vec<_>) = (0..4).map(|_| mpsc::channel::<u32>()).unzip();
    tokens[0].send(0).unwrap();
    takers.reverse();
    for i in 0..4 {
        let (sender, receiver) = router.pipe::<u32>().unwrap();
        receiver.on_message(|seen: &mut Vec<u32>, n| seen.push(n));
        receiver.detach();
        let taker = takers.pop().unwrap();
        let next = tokens[(i + 1) % 4].clone();
        workers.push(thread::spawn(move || {
            let sender = sender.start();
            for token in taker {
                sender.send(token).unwrap();
                if token + 4 >= ROUNDS {
                    let _ = next.send(token + 1);
                    return;
                }
                let _ = next.send(token + 1);
            }
        }));
    }
    drop(tokens);
    let mut seen = Vec::new();
    test_loop.run_until(&mut seen, |seen| seen.len() == ROUNDS as usize).unwrap();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    assert!(seen.into_iter().eq(0..ROUNDS));
}

#[test]
fn the_latest_value_keeps_its_place_among_other_messages() {
    let router: MessageRouter<Vec<&str>> = crate::common::started();
    let (latest, from_latest) = router.latest_pipe::<&str>().unwrap();
    let (other, from_other) = router.pipe::<&str>().unwrap();
    from_latest.on_message(|seen: &mut Vec<_>, s| seen.push(s));
    from_other.on_message(|seen: &mut Vec<_>, s| seen.push(s));
    let (latest, other) = (latest.start(), other.start());
    latest.send("outdated").unwrap();
    other.send("before").unwrap();
    latest.send("latest").unwrap();
    other.send("after").unwrap();
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    assert_eq!(seen, ["before", "latest", "after"]);
}

#[test]
fn the_end_comes_after_all_messages_of_all_clones() {
    let (router, test_loop) = looped::<(usize, bool)>();
    let (sender, receiver) = router.pipe::<usize>().unwrap();
    receiver.on_message(|(seen, ended), _| {
        assert!(!*ended);
        *seen += 1;
    });
    receiver.on_end(|(_, ended), _| *ended = true);
    let sender = sender.start();
    let barrier = Arc::new(Barrier::new(4));
    for _ in 0..4 {
        let (sender, barrier) = (sender.clone(), Arc::clone(&barrier));
        thread::spawn(move || {
            barrier.wait();
            (0..500).for_each(|n| sender.send(n).unwrap());
        });
    }
    drop(sender);
    let mut state = (0, false);
    test_loop.run_until(&mut state, |(_, ended)| *ended).unwrap();
    assert_eq!(state.0, 2_000);
}
