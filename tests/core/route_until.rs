//! Driving the router by hand.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use foreground::testing::VirtualClock;
use foreground::{MessageRouter, RouteUntilError};

use crate::common::{PATIENCE, PATIENT, logged_by, looped, started, timed};

fn counting(router: &MessageRouter<u32>) -> foreground::StartedSender<u32> {
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|seen, _| *seen += 1);
    receiver.detach();
    sender.start()
}

#[test]
fn nothing_is_routed_when_the_condition_holds_on_entry() {
    let router = started();
    let sender = counting(&router);
    sender.send(1).unwrap();
    let mut seen = 0;
    assert_eq!(router.route_until(&mut seen, |_| true, None), Ok(()));
    assert_eq!(seen, 0);
}

#[test]
fn routing_ends_with_the_message_that_makes_the_condition_hold() {
    let router = started();
    let sender = counting(&router);
    (0..10).for_each(|n| sender.send(n).unwrap());
    let mut seen = 0;
    router.route_until(&mut seen, |seen| *seen == 4, None).unwrap();
    assert_eq!(seen, 4);
    assert_eq!(router.stats().queued, 6);
}

#[test]
fn messages_queued_on_entry_are_routed_with_a_zero_timeout() {
    let router: MessageRouter<u32> = started();
    // Of several pipes, ends and latest values among them.
    for _ in 0..10 {
        let sender = counting(&router);
        (0..5).for_each(|n| sender.send(n).unwrap());
        let (latest, receiver) = router.latest_pipe::<u32>().unwrap();
        receiver.on_message(|seen, _| *seen += 1);
        receiver.detach();
        latest.start().send(1).unwrap();
    }
    let mut seen = 0;
    let result = router.route_until(&mut seen, |_| false, Duration::ZERO);
    assert_eq!((result, seen), (Err(RouteUntilError::Timeout), 60));
    assert_eq!(router.stats().open_pipes, 0);
}

#[test]
fn what_a_dispatch_left_counts_as_queued_on_entry() {
    let router: MessageRouter<u32> =
        MessageRouter::builder().budget(foreground::Budget::new(Duration::MAX, 3)).build(|| {});
    router.start().unwrap();
    let sender = counting(&router);
    (0..10).for_each(|n| sender.send(n).unwrap());
    let mut seen = 0;
    router.dispatch(&mut seen);
    (0..10).for_each(|n| sender.send(n).unwrap());
    let result = router.route_until(&mut seen, |_| false, Duration::ZERO);
    assert_eq!((result, seen), (Err(RouteUntilError::Timeout), 20));
}

#[test]
fn one_deadline_holds_for_the_whole_call_while_messages_trickle_in() {
    let (router, clock) = timed(PATIENT);
    let sender = counting(&router);
    let pace = clock.clone();
    let worker = thread::spawn(move || {
        // Far more often than the deadline, and for far longer.
        while sender.send(1).is_ok() {
            pace.advance(Duration::from_millis(1));
        }
    });
    let mut seen = 0;
    let result = router.route_until(&mut seen, |_| false, Duration::from_millis(100));
    assert_eq!(result, Err(RouteUntilError::Timeout));
    assert!(clock.elapsed() >= Duration::from_millis(100));
    router.stop().unwrap();
    worker.join().unwrap();
}

#[test]
fn a_flood_cannot_hold_the_call_past_its_deadline() {
    // Each message sends the next, so the queue is never empty.
    let (router, clock) = timed::<u64>(PATIENT);
    let (sender, receiver) = router.pipe::<u64>().unwrap();
    let sender = sender.start();
    let next = sender.clone();
    receiver.on_message(move |seen, n| {
        clock.advance(Duration::from_millis(1));
        *seen += 1;
        next.send(n).unwrap();
    });
    sender.send(1).unwrap();
    let mut seen = 0;
    let result = router.route_until(&mut seen, |_| false, Duration::from_millis(20));
    assert_eq!((result, seen), (Err(RouteUntilError::Timeout), 20));
}

#[test]
fn a_later_call_goes_on_after_a_timeout() {
    let clock = VirtualClock::jumping();
    let router = MessageRouter::builder().clock(clock.clone()).build(|| {});
    router.start().unwrap();
    let sender = counting(&router);
    let mut seen = 0;
    for expected in 1..=3 {
        let result = router.route_until(&mut seen, |_| false, Duration::from_secs(1));
        assert_eq!(result, Err(RouteUntilError::Timeout));
        assert_eq!(clock.elapsed(), Duration::from_secs(expected));
    }
    sender.send(1).unwrap();
    assert_eq!(router.route_until(&mut seen, |seen| *seen == 1, PATIENCE), Ok(()));
}

#[test]
fn a_wait_without_timeout_is_woken_by_a_message_from_a_thread() {
    let router = started();
    let sender = counting(&router);
    let (go, gone) = mpsc::channel::<()>();
    let worker = thread::spawn(move || {
        for _ in gone {
            sender.send(1).unwrap();
        }
    });
    let mut seen = 0;
    for expected in 1..200 {
        go.send(()).unwrap();
        router.route_until(&mut seen, |seen| *seen == expected, None).unwrap();
    }
    drop(go);
    worker.join().unwrap();
}

#[test]
fn without_senders_and_timeout_the_call_does_not_hang() {
    let router: MessageRouter<u32> = started();
    assert_eq!(router.route_until(&mut 0, |_| false, None), Err(RouteUntilError::NoSenders));

    // Also when the last sender goes while the call waits.
    let sender = counting(&router);
    let worker = thread::spawn(move || {
        sender.send(1).unwrap();
        drop(sender);
    });
    let mut seen = 0;
    assert_eq!(router.route_until(&mut seen, |_| false, None), Err(RouteUntilError::NoSenders));
    assert_eq!(seen, 1);
    worker.join().unwrap();

    // A pipe that the receiver closed has nobody who could be heard.
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let _sender = sender.start();
    drop(receiver);
    assert_eq!(router.route_until(&mut seen, |_| false, None), Err(RouteUntilError::NoSenders));
}

#[test]
fn the_longest_timeout_does_not_overflow() {
    let router = started();
    let sender = counting(&router);
    let worker = thread::spawn(move || sender.send(1).unwrap());
    let mut seen = 0;
    assert_eq!(router.route_until(&mut seen, |seen| *seen == 1, Duration::MAX), Ok(()));
    worker.join().unwrap();
}

#[test]
fn leftover_wakes_are_harmless() {
    let (router, test_loop) = looped::<u32>();
    let sender = counting(&router);
    sender.send(1).unwrap();
    let mut seen = 0;
    router.route_until(&mut seen, |seen| *seen == 1, None).unwrap();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn messages_for_receivers_without_callback_are_routed_to_them() {
    let router: MessageRouter = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let worker = thread::spawn(move || sender.start().send(5).unwrap());
    let mut got = None;
    router
        .route_until(
            &mut (),
            |()| {
                got = receiver.try_recv();
                got.is_some()
            },
            PATIENCE,
        )
        .unwrap();
    assert_eq!(got, Some(5));
    worker.join().unwrap();
}

#[test]
fn a_park_token_left_by_others_only_makes_a_spurious_turn() {
    let router = started();
    let sender = counting(&router);
    thread::current().unpark();
    let start = Instant::now();
    let result = router.route_until(&mut 0, |_| false, Duration::from_millis(20));
    assert_eq!(result, Err(RouteUntilError::Timeout));
    assert!(start.elapsed() >= Duration::from_millis(20));
    drop(sender);
}

#[test]
fn a_batch_that_came_after_the_call_does_not_hold_it_past_its_deadline() {
    let (router, clock) = timed::<u32>(PATIENT);
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let (sent, all_sent) = mpsc::channel();
    receiver.on_message(move |seen: &mut u32, n| {
        if n == 0 {
            all_sent.recv().unwrap();
        }
        clock.advance(Duration::from_millis(1));
        *seen += 1;
    });
    let (go, may_go) = mpsc::channel::<()>();
    let (first, firsts) = router.pipe::<()>().unwrap();
    firsts.on_message(move |_, ()| go.send(()).unwrap());
    let worker = thread::spawn(move || {
        let sender = sender.start();
        may_go.recv().unwrap();
        (0..100_000).for_each(|n| sender.send(n).unwrap());
        sent.send(()).unwrap();
        sender
    });
    first.start().send(()).unwrap();
    let mut seen = 0;
    let result = router.route_until(&mut seen, |_| false, Duration::from_millis(50));
    assert_eq!((result, seen), (Err(RouteUntilError::Timeout), 50));
    drop(worker.join().unwrap());
}

#[test]
fn what_was_queued_on_entry_is_routed_though_a_nested_call_came_between() {
    let router: MessageRouter<Vec<u32>> = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let (other, others) = router.pipe::<u32>().unwrap();
    let inner = router.clone();
    receiver.on_message(move |seen: &mut Vec<u32>, n| {
        seen.push(n);
        if n == 0 {
            let result = inner.route_until(seen, |_| false, Duration::ZERO);
            assert_eq!(result, Err(RouteUntilError::Timeout));
        }
    });
    others.on_message(|seen: &mut Vec<u32>, n| seen.push(n));
    let (sender, other) = (sender.start(), other.start());
    for n in 0..5 {
        sender.send(n).unwrap();
        other.send(n + 10).unwrap();
    }
    let mut seen = Vec::new();
    let result = router.route_until(&mut seen, |_| false, Duration::ZERO);
    assert_eq!(result, Err(RouteUntilError::Timeout));
    seen.sort();
    assert_eq!(seen, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
    router.stop().unwrap();
}

#[test]
fn a_callback_that_stops_and_starts_the_router_ends_the_call() {
    let router: MessageRouter<u32> = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let inner = router.clone();
    receiver.on_message(move |_, _| {
        inner.stop().unwrap();
        inner.start().unwrap();
    });
    receiver.detach();
    sender.start().send(1).unwrap();
    assert_eq!(router.route_until(&mut 0, |_| false, None), Err(RouteUntilError::NotRunning));
    assert_eq!(router.stop(), Ok(()));
}

#[test]
fn a_flood_of_values_that_are_only_kept_cannot_hold_the_call() {
    let (router, clock) = timed::<u32>(PATIENT);
    let (sender, receiver) = router.latest_pipe::<u32>().unwrap();
    let worker = thread::spawn(move || {
        let sender = sender.start();
        while sender.send(1).is_ok() {
            clock.advance(Duration::from_millis(1));
        }
    });
    let result = router.route_until(&mut 0, |_| false, Duration::from_millis(20));
    assert_eq!(result, Err(RouteUntilError::Timeout));
    drop(receiver);
    worker.join().unwrap();
}

#[test]
fn a_dispatch_that_waits_in_vain_after_route_until_is_warned_of_once() {
    let router: MessageRouter<u32> = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    router.route_until(&mut 0, |_| true, None).unwrap();
    let warnings = |log: Vec<(log::Level, String)>| {
        log.iter().filter(|(_, text)| text.contains("since route_until took over")).count()
    };
    assert_eq!(warnings(logged_by(|| _ = router.dispatch(&mut 0))), 0, "nothing waits");
    sender.send(1).unwrap();
    assert_eq!(warnings(logged_by(|| _ = router.dispatch(&mut 0))), 1);
    assert_eq!(warnings(logged_by(|| _ = router.dispatch(&mut 0))), 0, "it was told");
}
