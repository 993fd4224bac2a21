//! Promise 3: no wake is lost, and a burst wakes once.

use std::thread;
use std::time::Duration;

use foreground::{Budget, MessageRouter};

use crate::common::{looped, looped_within};

#[test]
fn a_burst_before_the_dispatch_wakes_once() {
    let (router, test_loop) = looped::<u32>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    thread::scope(|scope| {
        let workers = [(); 4].map(|()| scope.spawn(|| (0..1_000).for_each(|_| sender.send(1).unwrap())));
        // The thread sanitizer does not see that the scope waits.
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    assert_eq!(test_loop.wakes(), 1);
    assert_eq!(router.stats().wakes, 1);
}

#[test]
fn a_send_between_dispatch_and_settle_wakes_once_when_settled() {
    let (router, test_loop) = looped::<u32>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    router.dispatch(&mut 0);
    sender.send(1).unwrap();
    sender.send(1).unwrap();
    assert_eq!(test_loop.wakes(), 0);
    router.settle();
    assert_eq!(test_loop.wakes(), 1);
    // The loop is woken already: neither another send nor another settling wakes it again.
    sender.send(1).unwrap();
    router.settle();
    assert_eq!(test_loop.wakes(), 1);
}

#[test]
fn a_settled_router_is_woken_by_the_next_send_and_by_the_last_senders_drop() {
    let (router, test_loop) = looped::<u32>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    for expected in 1..10 {
        sender.send(1).unwrap();
        assert_eq!(test_loop.wakes(), expected);
        router.dispatch(&mut 0);
        router.settle();
        assert_eq!(test_loop.wakes(), expected);
        assert_eq!(router.stats().wakes, expected);
    }
    drop(sender);
    assert_eq!(test_loop.wakes(), 10);
    router.dispatch(&mut 0);
    router.settle();
    let (unstarted, _receiver) = router.pipe::<u32>().unwrap();
    drop(unstarted);
    assert_eq!(test_loop.wakes(), 11);
}

#[test]
fn a_latest_value_wakes_as_a_message_does() {
    let (router, test_loop) = looped::<u32>();
    let (sender, receiver) = router.latest_pipe::<u32>().unwrap();
    receiver.on_message(|last, n| *last = n);
    let sender = sender.start();
    (0..100).for_each(|n| sender.send(n).unwrap());
    assert_eq!(test_loop.wakes(), 1);
    let mut last = 0;
    router.dispatch(&mut last);
    sender.send(100).unwrap();
    router.settle();
    assert_eq!((last, test_loop.wakes()), (99, 2));
}

#[test]
fn what_the_budget_left_wakes_again_only_when_settled() {
    let (router, test_loop) = looped_within::<u32>(Budget::new(Duration::MAX, 10));
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    (0..25).for_each(|_| sender.send(1).unwrap());
    let mut sum = 0;
    let mut turns = 0;
    while test_loop.wakes() > turns {
        router.dispatch(&mut sum);
        assert_eq!(test_loop.wakes(), turns + 1, "no wake from inside a dispatch");
        router.settle();
        turns += 1;
    }
    assert_eq!((sum, turns), (25, 3));
}

#[test]
fn a_wake_that_the_system_dropped_is_sent_again() {
    let (router, test_loop) = looped::<u32>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    sender.start().send(1).unwrap();
    assert_eq!(test_loop.wakes(), 1);
    // That wake is lost: other events turn the loop, but no dispatch comes.
    router.settle();
    assert_eq!(test_loop.wakes(), 1, "it may still be under way");
    router.settle();
    assert_eq!(test_loop.wakes(), 2);
    let mut sum = 0;
    router.dispatch(&mut sum);
    assert_eq!(sum, 1);
}

#[test]
fn spurious_dispatches_and_settlings_are_harmless() {
    let (router, test_loop) = looped::<u32>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    let mut sum = 0;
    for _ in 0..3 {
        router.dispatch(&mut sum);
        router.dispatch(&mut sum);
        router.settle();
        router.settle();
    }
    sender.send(1).unwrap();
    assert_eq!(test_loop.wakes(), 1);
    router.dispatch(&mut sum);
    assert_eq!(sum, 1);
}

#[test]
fn no_wake_is_lost_while_the_loop_falls_asleep() {
    // Many short sleeps: the loop settles just as the next message comes. `run_until` fails when the
    // loop sleeps with a message queued.
    let (router, test_loop) = looped::<u32>();
    let mut seen = 0;
    let mut workers = Vec::new();
    for _ in 0..2 {
        let (sender, receiver) = router.pipe::<u32>().unwrap();
        receiver.on_message(|seen, _| *seen += 1);
        receiver.detach();
        workers.push(thread::spawn(move || {
            let sender = sender.start();
            for n in 0..20_000 {
                sender.send(n).unwrap();
                if n % 3 == 0 {
                    thread::yield_now();
                }
            }
        }));
    }
    // In steps, for the loop's patience is that of one call, and a busy machine takes its time.
    for step in (500..=40_000).step_by(500) {
        test_loop.run_until(&mut seen, |seen| *seen >= step).unwrap();
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn a_router_driven_by_hand_leaves_the_loop_alone() {
    let (router, test_loop) = looped::<u32>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    router.route_until(&mut 0, |_| true, None).unwrap();
    sender.send(1).unwrap();
    let mut sum = 0;
    let log = crate::common::logged_by(|| {
        assert_eq!(router.dispatch(&mut sum).delivered, 0);
        assert_eq!(router.dispatch(&mut sum).delivered, 0);
    });
    assert_eq!(log.len(), 1, "whoever waits in vain is told, once");
    assert!(log[0].1.contains("route_until took over"), "{}", log[0].1);
    router.settle();
    assert_eq!((sum, test_loop.wakes()), (0, 0));
    router.route_until(&mut sum, |sum| *sum == 1, None).unwrap();

    // A new start gives the loop back its router.
    drop(receiver);
    router.stop().unwrap();
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    sender.start().send(1).unwrap();
    assert_eq!(test_loop.wakes(), 1);
    router.dispatch(&mut sum);
    assert_eq!(sum, 2);
}

#[test]
fn setting_a_callback_for_waiting_messages_wakes() {
    let (router, test_loop) = looped::<u32>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    sender.start().send(5).unwrap();
    let mut sum = 0;
    test_loop.run_until_idle(&mut sum).unwrap();
    receiver.on_message(|sum, n| *sum += n);
    test_loop.run_until(&mut sum, |sum| *sum == 5).unwrap();
}

#[test]
fn a_nested_router_of_the_same_thread_has_wakes_of_its_own() {
    let (outer, outer_loop) = looped::<u32>();
    let inner: MessageRouter<u32> = MessageRouter::new(|| {});
    inner.start().unwrap();
    let (sender, receiver) = inner.pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    sender.start().send(1).unwrap();
    assert_eq!((outer_loop.wakes(), outer.stats().wakes, inner.stats().wakes), (0, 0, 1));
}
