//! Promise 4: one dispatch keeps to its budget.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use foreground::testing::{TestLoop, VirtualClock};
use foreground::{Budget, MessageRouter};

use crate::common::{looped, timed};

/// A router in virtual time, which has messages to deliver. The callback gets the clock as well.
fn queued(
    messages: u32,
    budget: Budget,
    mut callback: impl FnMut(&VirtualClock, &mut u32, u32) + 'static,
) -> MessageRouter<u32> {
    let (router, clock) = timed(budget);
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(move |seen, n| callback(&clock, seen, n));
    receiver.detach();
    let sender = sender.start();
    (0..messages).for_each(|n| sender.send(n).unwrap());
    router
}

#[test]
fn the_default_is_4_ms_or_1024_messages() {
    assert_eq!(Budget::default(), Budget::new(Duration::from_millis(4), 1024));
    let router = queued(3_000, Budget::new(Duration::MAX, Budget::default().messages()), |_, n, _| *n += 1);
    let mut seen = 0;
    let counts: Vec<_> = (0..4).map(|_| router.dispatch(&mut seen)).collect();
    assert_eq!(counts.iter().map(|d| d.delivered).collect::<Vec<_>>(), [1024, 1024, 952, 0]);
    assert_eq!(counts.iter().map(|d| d.has_more).collect::<Vec<_>>(), [true, true, false, false]);
}

#[test]
fn a_slow_callback_ends_the_dispatch_when_the_time_is_up() {
    // Each callback takes twice the time, so each dispatch has time for one.
    let budget = Budget::new(Duration::from_millis(1), usize::MAX);
    let router = queued(5, budget, |clock, seen, _| {
        clock.advance(Duration::from_millis(2));
        *seen += 1;
    });
    let mut seen = 0;
    for expected in 1..=5 {
        assert_eq!(router.dispatch(&mut seen).delivered, 1);
        assert_eq!(seen, expected);
    }
}

#[test]
fn the_systems_clock_ends_a_dispatch_too() {
    const TIME: Duration = Duration::from_millis(1);
    let router: MessageRouter<u32> =
        MessageRouter::builder().budget(Budget::new(TIME, usize::MAX)).build(|| {});
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|seen, _| {
        let start = Instant::now();
        while start.elapsed() < TIME {}
        *seen += 1;
    });
    let sender = sender.start();
    (0..3).for_each(|n| sender.send(n).unwrap());
    let mut seen = 0;
    for expected in 1..=3 {
        assert_eq!(router.dispatch(&mut seen).delivered, 1);
        assert_eq!(seen, expected);
    }
}

#[test]
fn callbacks_that_become_slow_are_noticed_within_sixteen() {
    let slow_ones = Rc::new(Cell::new(0));
    let budget = Budget::new(Duration::from_millis(1), usize::MAX);
    let count = Rc::clone(&slow_ones);
    let router = queued(400, budget, move |clock, seen, n| {
        if n >= 200 {
            count.set(count.get() + 1);
            clock.advance(Duration::from_millis(2));
        }
        *seen += 1;
    });
    let mut seen = 0;
    router.dispatch(&mut seen);
    assert!(seen > 200, "the quick ones take no time");
    assert!(slow_ones.get() <= 16, "{} slow callbacks in one dispatch of 1 ms", slow_ones.get());
}

#[test]
fn a_budget_of_nothing_delivers_one_message() {
    let router = queued(3, Budget::new(Duration::ZERO, 0), |_, seen, _| *seen += 1);
    let mut seen = 0;
    for expected in 1..=3 {
        assert_eq!(router.dispatch(&mut seen).delivered, 1);
        assert_eq!(seen, expected);
    }
}

#[test]
fn the_budget_spans_pipes() {
    let router: MessageRouter<u32> =
        MessageRouter::builder().budget(Budget::new(Duration::MAX, 5)).build(|| {});
    router.start().unwrap();
    let mut senders = Vec::new();
    for _ in 0..4 {
        let (sender, receiver) = router.pipe::<u32>().unwrap();
        receiver.on_message(|sum, n| *sum += n);
        receiver.detach();
        let sender = sender.start();
        (0..3).for_each(|_| sender.send(1).unwrap());
        senders.push(sender);
    }
    let mut sum = 0;
    router.dispatch(&mut sum);
    assert_eq!(sum, 5);
}

#[test]
fn discarding_the_messages_of_a_closed_pipe_keeps_to_the_budget() {
    let (router, _loop) = looped::<u32>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let sender = sender.start();
    (0..10_000).for_each(|n| sender.send(n).unwrap());
    drop(receiver);
    assert!(router.dispatch(&mut 0).has_more);
    assert_eq!(router.stats().discarded, 1024);
}

#[test]
fn a_flood_leaves_the_loop_its_turns() {
    // A sender that never pauses, and callbacks that cannot keep up: each turn still ends.
    let test_loop = TestLoop::<u32>::new();
    let (sender, receiver) = test_loop.router().bounded_pipe::<u32>(4_096).unwrap();
    let clock = test_loop.clock().clone();
    receiver.on_message(move |seen, _| {
        clock.advance(Duration::from_micros(5));
        *seen += 1;
    });
    let worker = thread::spawn(move || {
        let sender = sender.start();
        while sender.send(0).is_ok() {}
    });
    let ran = test_loop.run_until(&mut 0, |seen| *seen > 20_000).unwrap();
    // 20,000 callbacks of 5 us in turns of 4 ms at the most are 25 turns at the least; a turn is found to be
    // over by fifteen callbacks too late at the most.
    assert!(ran.turns >= 24, "{ran:?}");
    drop(receiver);
    worker.join().unwrap();
}

#[test]
fn the_clock_is_read_after_each_message_while_callbacks_are_slow() {
    let budget = Budget::new(Duration::from_millis(20), 1_000);
    let router: MessageRouter<u32> = MessageRouter::builder().budget(budget).build(|| {});
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|_, _| thread::sleep(Duration::from_millis(5)));
    let sender = sender.start();
    (0..20).for_each(|n| sender.send(n).unwrap());
    // Four take at least 20 ms.
    let delivered = router.dispatch(&mut 0).delivered;
    assert!(delivered <= 4, "{delivered} messages were delivered");
}

#[test]
fn values_that_are_only_kept_count() {
    // Each value kept makes the next come, so the queue is never empty.
    struct Again(Option<foreground::StartedSender<Again>>);
    impl Drop for Again {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take()
                && let Err(error) = sender.send(Again(Some(sender.clone())))
            {
                error.into_inner().0 = None; // the last
            }
        }
    }
    let router: MessageRouter<u32> =
        MessageRouter::builder().budget(Budget::new(Duration::MAX, 10)).build(|| {});
    router.start().unwrap();
    let (sender, receiver) = router.latest_pipe::<Again>().unwrap();
    let sender = sender.start();
    sender.send(Again(Some(sender.clone()))).unwrap();
    router.dispatch(&mut 0);
    sender.send(Again(Some(sender.clone()))).unwrap();
    // The value kept is replaced, its drop sends the next, which replaces, and so on.
    assert!(router.dispatch(&mut 0).has_more);
    let replaced = router.stats().replaced;
    assert!(replaced <= 11, "{replaced} values in one dispatch of 10");
    router.stop().unwrap();
    drop(receiver);
}

#[test]
fn messages_that_are_only_kept_count() {
    let router: MessageRouter<u32> =
        MessageRouter::builder().budget(Budget::new(Duration::MAX, 3)).build(|| {});
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let sender = sender.start();
    (0..10).for_each(|n| sender.send(n).unwrap());
    assert!(router.dispatch(&mut 0).has_more);
    assert_eq!(receiver.drain().count(), 3);
}

#[test]
fn ends_count() {
    let router: MessageRouter<u32> =
        MessageRouter::builder().budget(Budget::new(Duration::MAX, 10)).build(|| {});
    router.start().unwrap();
    let receivers: Vec<_> = (0..25).map(|_| router.pipe::<u32>().unwrap().1).collect();
    assert!(router.dispatch(&mut 0).has_more);
    assert_eq!(router.stats().open_pipes, 15);
    drop(receivers);
}

#[test]
fn messages_that_are_slow_to_drop_keep_to_the_time() {
    struct Slow(VirtualClock);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.advance(Duration::from_millis(1));
        }
    }
    let (router, clock) = timed::<u32>(Budget::new(Duration::from_millis(2), usize::MAX));
    let (sender, receiver) = router.pipe::<Slow>().unwrap();
    let sender = sender.start();
    (0..200).for_each(|_| sender.send(Slow(clock.clone())).unwrap());
    drop(receiver);
    assert!(router.dispatch(&mut 0).has_more);
    assert!(router.stats().discarded <= 16);
}

#[test]
fn slowness_that_comes_back_is_noticed_again() {
    let slow_ones = Rc::new(Cell::new(0));
    let budget = Budget::new(Duration::from_millis(1), usize::MAX);
    let count = Rc::clone(&slow_ones);
    let router = queued(600, budget, move |clock, seen, n| {
        if n >= 200 {
            count.set(count.get() + 1);
            clock.advance(Duration::from_micros(300));
        }
        *seen += 1;
    });
    let mut seen = 0;
    router.dispatch(&mut seen);
    assert!(slow_ones.take() > 0);
    // From now on every callback is slow, and the clock is read after each.
    router.dispatch(&mut seen);
    assert_eq!(slow_ones.get(), 4, "callbacks of 0.3 ms in a dispatch of 1 ms");
}

#[test]
fn a_look_for_a_pipe_that_has_gone_counts_too() {
    let (router, _clock) = timed::<u32>(Budget::new(Duration::MAX, 1));
    let (ended, gone) = router.pipe::<u32>().unwrap();
    ended.start().send(1).unwrap();
    router.dispatch(&mut 0);
    router.dispatch(&mut 0);
    // It has ended, and its message waits: the callback asks for a look, and then the pipe goes.
    gone.on_message(|seen, n| *seen += n);
    drop(gone);
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|seen, n| *seen += n);
    sender.start().send(10).unwrap();

    let mut seen = 0;
    let first = router.dispatch(&mut seen);
    assert_eq!((first.delivered, first.has_more, seen), (0, true, 0));
    assert_eq!((router.dispatch(&mut seen).delivered, seen), (1, 10));
}
