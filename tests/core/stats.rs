//! The figures add up.

use std::time::{Duration, Instant};

use foreground::testing::VirtualClock;
use foreground::{Budget, MessageRouter, RouteUntilError, RouterStats};

use crate::common::{PATIENT, looped, started, timed, traced_by};

fn check_sum(stats: RouterStats) {
    assert_eq!(stats.sent, stats.delivered + stats.discarded + stats.queued, "{stats:?}");
    assert!(stats.replaced <= stats.discarded);
}

#[test]
fn sent_is_the_sum_of_the_rest_at_any_time() {
    let (router, _loop) = looped::<u32>();
    let (kept, inbox) = router.pipe::<u32>().unwrap();
    let (closed, closed_receiver) = router.pipe::<u32>().unwrap();
    let (latest, latest_receiver) = router.latest_pipe::<u32>().unwrap();
    latest_receiver.on_message(|n, m| *n += m);
    let (kept, closed, latest) = (kept.start(), closed.start(), latest.start());
    for n in 0..10 {
        kept.send(n).unwrap();
        closed.send(n).unwrap();
        latest.send(n).unwrap();
        check_sum(router.stats());
    }
    drop(closed_receiver);
    while router.dispatch(&mut 0).has_more {}
    check_sum(router.stats());
    assert_eq!(inbox.drain().take(4).count(), 4);
    let stats = router.stats();
    check_sum(stats);
    assert_eq!((stats.sent, stats.delivered, stats.queued), (30, 5, 6));
    assert_eq!((stats.discarded, stats.replaced, stats.open_pipes), (19, 9, 2));
    router.stop().unwrap();
    check_sum(router.stats());
    assert_eq!(router.stats().queued, 0);
}

#[test]
fn the_longest_wait_is_that_of_the_oldest_message() {
    let (router, clock) = timed::<u32>(PATIENT);
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|n, _| *n += 1);
    let sender = sender.start();
    // What came before the message does not count.
    clock.advance(Duration::from_millis(50));
    sender.send(1).unwrap();
    router.dispatch(&mut 0);
    router.settle();
    assert_eq!(router.stats().longest_wait, Duration::ZERO);

    sender.send(1).unwrap();
    clock.advance(Duration::from_millis(40));
    sender.send(1).unwrap();
    clock.advance(Duration::from_millis(20));
    router.dispatch(&mut 0);
    router.settle();
    assert_eq!(router.stats().longest_wait, Duration::from_millis(60));
}

#[test]
fn waits_are_told_by_the_systems_clock_too() {
    let router: MessageRouter<u32> = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|n, _| *n += 1);
    let before = Instant::now();
    sender.start().send(1).unwrap();
    let sent = Instant::now();
    while sent.elapsed() < Duration::from_millis(1) {}
    router.dispatch(&mut 0);
    let longest = router.stats().longest_wait;
    assert!(Duration::from_millis(1) <= longest && longest <= before.elapsed(), "{longest:?}");
}

#[test]
fn open_pipes_are_those_that_may_still_deliver() {
    let router: MessageRouter = started();
    let pipes: Vec<_> = (0..4).map(|_| router.pipe::<u8>().unwrap()).collect();
    assert_eq!(router.stats().open_pipes, 4);
    let (senders, receivers): (Vec<_>, Vec<_>) = pipes.into_iter().unzip();
    drop(senders);
    router.dispatch(&mut ());
    assert_eq!(router.stats().open_pipes, 0);
    drop(receivers);
    assert_eq!(router.stats().open_pipes, 0);
}

#[test]
fn the_time_between_bursts_is_nobodys_wait() {
    let clock = VirtualClock::jumping();
    let router = MessageRouter::builder().budget(PATIENT).clock(clock.clone()).build(|| {});
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|n, _| *n += 1);
    let sender = sender.start();
    for _ in 0..2 {
        sender.send(1).unwrap();
        router.dispatch(&mut 0);
        router.settle();
        clock.advance(Duration::from_millis(50));
    }
    // By hand as well.
    let mut seen = 0;
    for expected in 1..=2 {
        let result = router.route_until(&mut seen, |_| false, Duration::from_millis(50));
        assert_eq!(result, Err(RouteUntilError::Timeout));
        sender.send(1).unwrap();
        router.route_until(&mut seen, |seen| *seen == expected, None).unwrap();
    }
    assert_eq!(clock.elapsed(), Duration::from_millis(200));
    assert_eq!(router.stats().longest_wait, Duration::ZERO);
}

#[test]
fn the_oldest_wait_grows_while_nobody_dispatches() {
    let (router, clock) = timed::<u32>(Budget::new(Duration::from_secs(3600), 2));
    let oldest = || router.stats().oldest_wait;
    let second = Duration::from_secs(1);
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|n, _| *n += 1);
    let sender = sender.start();
    clock.advance(second);
    assert_eq!(oldest(), Duration::ZERO, "nothing is queued");
    sender.send(1).unwrap();
    clock.advance(second);
    (0..3).for_each(|_| sender.send(2).unwrap());
    clock.advance(second);
    assert_eq!(oldest(), 2 * second);
    // Two are left, of which no more is known than that they came after the first.
    router.dispatch(&mut 0);
    router.settle();
    assert_eq!(oldest(), 2 * second);
    clock.advance(second);
    sender.send(3).unwrap();
    router.dispatch(&mut 0);
    router.settle();
    // The last one came after the first dispatch began.
    clock.advance(second);
    assert_eq!(oldest(), 2 * second);
    router.dispatch(&mut 0);
    router.settle();
    assert_eq!(oldest(), Duration::ZERO);
}

#[test]
fn a_latest_value_that_waits_is_told_as_well() {
    let (router, clock) = timed::<u32>(PATIENT);
    let (sender, receiver) = router.latest_pipe::<u32>().unwrap();
    receiver.on_message(|n, _| *n += 1);
    let sender = sender.start();
    sender.send(1).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(router.stats().oldest_wait, Duration::from_secs(1));
    router.dispatch(&mut 0);
    assert_eq!(router.stats().oldest_wait, Duration::ZERO);
}

#[test]
fn a_turn_leaves_a_trace() {
    let router = MessageRouter::builder().name("traced").budget(Budget::new(Duration::MAX, 2)).build(|| {});
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|n, _| *n += 1);
    let sender = sender.start();
    (0..3).for_each(|n| sender.send(n).unwrap());
    let log = traced_by(|| {
        router.dispatch(&mut 0);
    });
    assert_eq!(
        log,
        [(log::Level::Trace, String::from(r#"router "traced": dispatched 2 messages; has more: true"#))]
    );
}

#[test]
fn a_closed_pipes_end_is_no_message_that_waits() {
    let (router, clock) = timed::<()>(PATIENT);
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    router.dispatch(&mut ());
    drop(receiver);
    router.settle();
    drop(sender); // wakes nobody
    clock.advance(Duration::from_secs(3600));
    let stats = router.stats();
    assert_eq!((stats.queued, stats.oldest_wait), (0, Duration::ZERO));
}

#[test]
fn a_closed_pipes_end_is_no_message_that_has_waited() {
    let (router, clock) = timed::<()>(PATIENT);
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    router.dispatch(&mut ());
    drop(receiver);
    router.settle();
    drop(sender);
    clock.advance(Duration::from_secs(3600));
    router.dispatch(&mut ());
    assert_eq!(router.stats().longest_wait, Duration::ZERO);
}

#[test]
fn an_end_that_waits_is_no_message() {
    let (router, clock) = timed::<u32>(Budget::new(Duration::from_secs(3600), 1));
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|n, _| *n += 1);
    sender.start().send(1).unwrap();
    assert!(router.dispatch(&mut 0).has_more);
    clock.advance(Duration::from_secs(2));
    let stats = router.stats();
    assert_eq!((stats.queued, stats.oldest_wait, stats.open_pipes), (0, Duration::ZERO, 1));
}

#[test]
fn the_longest_wait_is_bounded_by_what_was_queued_when() {
    const MS: Duration = Duration::from_millis(1);
    let (router, clock) = timed::<u32>(Budget::new(Duration::MAX, 1));
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    let turn = |after: u32| {
        clock.advance(MS * after);
        assert_eq!(router.dispatch(&mut 0).delivered, 1);
        router.settle();
        router.stats().longest_wait
    };

    (0..2).for_each(|n| sender.send(n).unwrap());
    assert_eq!(turn(10), 10 * MS);
    sender.send(2).unwrap();
    assert_eq!(turn(20), 30 * MS, "the second is as old as the first");
    assert_eq!(turn(70), 90 * MS, "the third came after the first dispatch, and more is not known");
}
