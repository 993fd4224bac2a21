//! Latest-value pipes: the newest value, and only it.

use std::thread;

use foreground::{MessageRouter, PipeEnd, SendError};

use crate::common::{Census, logged_by, looped, started};

#[test]
fn a_million_sends_deliver_the_last_before_the_end() {
    let (router, test_loop) = looped::<(Vec<u32>, Option<PipeEnd>)>();
    let (sender, receiver) = router.latest_pipe::<u32>().unwrap();
    receiver.on_message(|(seen, _): &mut (Vec<u32>, _), n| seen.push(n));
    receiver.on_end(|(_, ended), end| *ended = Some(end));
    let worker = thread::spawn(move || {
        let sender = sender.start();
        (0..1_000_000).for_each(|n| sender.send(n).unwrap());
    });
    let mut state = (Vec::new(), None);
    test_loop.run_until(&mut state, |(_, ended)| ended.is_some()).unwrap();
    worker.join().unwrap();
    assert!(state.0.is_sorted());
    assert_eq!(state.0.last(), Some(&999_999));
    let stats = router.stats();
    assert_eq!(stats.sent, 1_000_000);
    assert_eq!((stats.delivered, stats.replaced), (state.0.len() as u64, 1_000_000 - state.0.len() as u64));
}

#[test]
fn replaced_values_are_dropped_at_once() {
    let router: MessageRouter = started();
    let census = Census::default();
    let (sender, receiver) = router.latest_pipe().unwrap();
    let sender = sender.start();
    for _ in 0..10 {
        sender.send(census.member()).unwrap();
        assert_eq!(census.alive(), 1);
    }
    drop(receiver);
    assert_eq!(census.alive(), 0);
    assert!(matches!(sender.send(census.member()), Err(SendError::Closed(_))));
}

#[test]
fn a_value_that_waits_in_the_receiver_is_replaced_too() {
    let router: MessageRouter = started();
    let (sender, receiver) = router.latest_pipe::<u32>().unwrap();
    let sender = sender.start();
    for n in 0..5 {
        sender.send(n).unwrap();
        router.dispatch(&mut ());
    }
    assert_eq!(receiver.drain().collect::<Vec<_>>(), [4]);
    let stats = router.stats();
    assert_eq!((stats.sent, stats.delivered, stats.replaced, stats.queued), (5, 1, 4, 0));
}

#[test]
fn two_pipes_that_replace_in_turn_deliver_both_last_values() {
    let router: MessageRouter<Vec<u32>> = started();
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let (sender, receiver) = router.latest_pipe::<u32>().unwrap();
            receiver.on_message(|seen: &mut Vec<u32>, n| seen.push(n));
            receiver.detach();
            sender.start()
        })
        .collect();
    for n in 0..1_000 {
        senders[n as usize % 2].send(n).unwrap();
    }
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    assert_eq!(seen, [998, 999]);
}

#[test]
fn a_value_replaced_while_its_batch_is_worked_off_comes_once() {
    let router: MessageRouter<Vec<u32>> = started();
    let (latest, receiver) = router.latest_pipe::<u32>().unwrap();
    receiver.on_message(|seen: &mut Vec<u32>, n| seen.push(n));
    let latest = latest.start();
    let (other, others) = router.pipe::<u32>().unwrap();
    let replacing = latest.clone();
    others.on_message(move |seen: &mut Vec<u32>, n| {
        seen.push(n);
        replacing.send(n + 1).unwrap();
    });
    other.start().send(10).unwrap();
    latest.send(0).unwrap();
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    assert_eq!(seen, [10, 11]);
}

#[test]
fn a_callback_may_send_on_its_own_latest_pipe() {
    let (router, test_loop) = looped::<u32>();
    let (sender, receiver) = router.latest_pipe::<u32>().unwrap();
    let sender = sender.start();
    let again = sender.clone();
    receiver.on_message(move |last, n| {
        *last = n;
        if n < 100 {
            again.send(n + 1).unwrap();
        }
    });
    sender.send(0).unwrap();
    let mut last = 0;
    test_loop.run_until(&mut last, |last| *last == 100).unwrap();
}

#[test]
fn the_stop_tells_how_many_values_were_replaced_and_only_then() {
    let told = |values: u32| {
        let router: MessageRouter<u32> = started();
        let (sender, receiver) = router.latest_pipe::<u32>().unwrap();
        receiver.on_message(|sum, n| *sum += n);
        let sender = sender.start();
        (0..values).for_each(|n| sender.send(n).unwrap());
        router.dispatch(&mut 0);
        router.close_pipe(receiver).unwrap();
        let mut log = logged_by(|| router.stop().unwrap());
        log.retain(|(_, text)| text.contains("replaced"));
        log
    };
    let [(level, text)] = &told(4)[..] else { panic!("not told, or twice") };
    assert_eq!(*level, log::Level::Debug);
    assert!(text.contains("newer values replaced 3 latest values"), "{text}");
    assert_eq!(told(1), []);
}
