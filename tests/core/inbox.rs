//! Receivers without a callback: messages wait to be taken.

use std::collections::VecDeque;

use foreground::testing::CountingWaker;
use foreground::{MessageRouter, PipeEnd};

use crate::common::{Census, logged_by, started};

#[test]
fn messages_wait_and_are_taken_in_order() {
    let router: MessageRouter = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let sender = sender.start();
    (0..500).for_each(|n| sender.send(n).unwrap());
    assert_eq!(receiver.try_recv(), None, "nothing is taken behind the queue's back");
    assert_eq!(router.dispatch(&mut ()).delivered, 0);
    assert_eq!(router.stats().queued, 500);
    assert_eq!(receiver.try_recv(), Some(0));
    assert!(receiver.drain().eq(1..500));
    let stats = router.stats();
    assert_eq!((stats.delivered, stats.queued), (500, 0));
}

#[test]
fn a_drain_that_is_dropped_leaves_the_rest() {
    let router: MessageRouter = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let sender = sender.start();
    (0..4).for_each(|n| sender.send(n).unwrap());
    router.dispatch(&mut ());
    assert_eq!(receiver.drain().take(2).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(receiver.drain().collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_callback_set_later_gets_the_waiting_messages_first() {
    let router: MessageRouter<Vec<u32>> = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let sender = sender.start();
    (0..3).for_each(|n| sender.send(n).unwrap());
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    (3..6).for_each(|n| sender.send(n).unwrap());
    receiver.on_message(|seen: &mut Vec<u32>, n| seen.push(n));
    router.dispatch(&mut seen);
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn waiting_messages_of_several_pipes_come_before_all_that_is_queued() {
    let router: MessageRouter<Vec<u32>> =
        MessageRouter::builder().budget(foreground::Budget::new(std::time::Duration::MAX, 2)).build(|| {});
    router.start().unwrap();
    let (first, first_receiver) = router.pipe::<u32>().unwrap();
    let (second, second_receiver) = router.pipe::<u32>().unwrap();
    let (first, second) = (first.start(), second.start());
    first.send(1).unwrap();
    second.send(2).unwrap();
    first.send(3).unwrap();
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    first_receiver.on_message(|seen: &mut Vec<u32>, n| seen.push(n));
    second_receiver.on_message(|seen: &mut Vec<u32>, n| seen.push(n));
    while router.dispatch(&mut seen).has_more {}
    assert_eq!(seen, [1, 2, 3]);
}

#[test]
fn waiting_messages_keep_to_the_budget_and_their_order() {
    let router: MessageRouter<VecDeque<u32>> =
        MessageRouter::builder().budget(foreground::Budget::new(std::time::Duration::MAX, 3)).build(|| {});
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let sender = sender.start();
    (0..7).for_each(|n| sender.send(n).unwrap());
    let mut seen = VecDeque::new();
    while router.dispatch(&mut seen).has_more {}
    (7..10).for_each(|n| sender.send(n).unwrap());
    receiver.on_message(|seen: &mut VecDeque<u32>, n| seen.push_back(n));
    let mut turns = 0;
    loop {
        turns += 1;
        let dispatched = router.dispatch(&mut seen);
        assert!(dispatched.delivered <= 3);
        if !dispatched.has_more {
            break;
        }
    }
    assert!(turns >= 4);
    assert!(seen.into_iter().eq(0..10));
}

#[test]
fn a_detached_receiver_without_a_callback_discards() {
    let router: MessageRouter<Vec<PipeEnd>> = started();
    let census = Census::default();
    let (sender, receiver) = router.pipe().unwrap();
    receiver.on_end(|ends: &mut Vec<_>, end| ends.push(end));
    let sender = sender.start();
    sender.send(census.member()).unwrap();
    let mut ends = Vec::new();
    router.dispatch(&mut ends);
    receiver.detach();
    assert_eq!(census.alive(), 0);
    sender.send(census.member()).unwrap();
    let log = logged_by(|| {
        router.dispatch(&mut ends);
    });
    assert_eq!(census.alive(), 0);
    assert_eq!(log.len(), 1);
    sender.stop();
    router.dispatch(&mut ends);
    assert_eq!(ends, [PipeEnd::Stopped]);
    assert_eq!((router.stats().discarded, router.stats().queued), (2, 0));
}

#[test]
fn a_detached_latest_value_pipe_without_a_callback_discards_too() {
    let router: MessageRouter<Vec<PipeEnd>> = started();
    let (sender, receiver) = router.latest_pipe().unwrap();
    receiver.on_end(|ends: &mut Vec<_>, end| ends.push(end));
    receiver.detach();
    let census = Census::default();
    let sender = sender.start();
    sender.send(census.member()).unwrap();
    sender.stop();
    let mut ends = Vec::new();
    router.dispatch(&mut ends);
    assert_eq!((census.alive(), ends.as_slice()), (0, [PipeEnd::Stopped].as_slice()));
    assert_eq!((router.stats().discarded, router.stats().replaced), (1, 0));
}

#[test]
fn closing_discards_what_waits() {
    let router: MessageRouter = started();
    let census = Census::default();
    let (sender, receiver) = router.pipe().unwrap();
    let sender = sender.start();
    (0..3).for_each(|_| sender.send(census.member()).unwrap());
    router.dispatch(&mut ());
    assert!(receiver.try_recv().is_some());
    let log = logged_by(|| drop(receiver));
    assert_eq!(census.alive(), 0);
    assert_eq!(log.len(), 1);
    assert_eq!(router.stats().discarded, 2);
}

#[test]
fn taking_messages_asks_for_no_dispatch_while_the_pipe_goes_on() {
    let waker = CountingWaker::new();
    let router: MessageRouter = MessageRouter::new(waker.clone());
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let sender = sender.start();
    (0..2).for_each(|n| sender.send(n).unwrap());
    router.dispatch(&mut ());
    router.settle();
    let before = waker.count();
    assert!(receiver.drain().eq(0..2));
    assert_eq!(waker.count(), before, "there is nothing to look for");

    // Once it has ended, the last message that is taken makes way for the end.
    sender.send(2).unwrap();
    sender.stop();
    router.dispatch(&mut ());
    router.settle();
    let before = waker.count();
    assert_eq!(receiver.try_recv(), Some(2));
    assert_eq!(waker.count(), before + 1);
}
