//! Promise 4: one dispatch keeps to its budget.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use foreground::{Budget, MessageRouter};

use crate::common::TestLoop;

fn queued(
    messages: u32,
    budget: Budget,
    callback: impl FnMut(&mut u32, u32) + 'static,
) -> MessageRouter<u32> {
    let router = MessageRouter::builder().budget(budget).build(|| {});
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(callback);
    receiver.detach();
    let sender = sender.start();
    (0..messages).for_each(|n| sender.send(n).unwrap());
    router
}

#[test]
fn the_default_is_4_ms_or_1024_messages() {
    assert_eq!(Budget::default(), Budget::new(Duration::from_millis(4), 1024));
    let router = queued(3_000, Budget::new(Duration::MAX, Budget::default().messages()), |n, _| *n += 1);
    let mut seen = 0;
    let counts: Vec<_> = (0..4).map(|_| router.dispatch(&mut seen)).collect();
    assert_eq!(counts.iter().map(|d| d.delivered).collect::<Vec<_>>(), [1024, 1024, 952, 0]);
    assert_eq!(counts.iter().map(|d| d.has_more).collect::<Vec<_>>(), [true, true, false, false]);
}

#[test]
fn a_slow_callback_ends_the_dispatch_when_the_time_is_up() {
    // Each callback takes twice the time, so each dispatch has time for one.
    let budget = Budget::new(Duration::from_millis(1), usize::MAX);
    let router = queued(5, budget, |seen, _| {
        thread::sleep(Duration::from_millis(2));
        *seen += 1;
    });
    let mut seen = 0;
    for expected in 1..=5 {
        assert_eq!(router.dispatch(&mut seen).delivered, 1);
        assert_eq!(seen, expected);
    }
}

#[test]
fn callbacks_that_become_slow_are_noticed_within_sixteen() {
    let slow_ones = Rc::new(Cell::new(0));
    let budget = Budget::new(Duration::from_millis(1), usize::MAX);
    let count = Rc::clone(&slow_ones);
    let router = queued(400, budget, move |seen, n| {
        if n >= 200 {
            count.set(count.get() + 1);
            thread::sleep(Duration::from_millis(2));
        }
        *seen += 1;
    });
    let mut seen = 0;
    // On a slow machine the quick ones may take more than one dispatch.
    while slow_ones.get() == 0 {
        router.dispatch(&mut seen);
    }
    assert!(slow_ones.get() <= 16, "{} slow callbacks in one dispatch of 1 ms", slow_ones.get());
}

#[test]
fn a_budget_of_nothing_delivers_one_message() {
    let router = queued(3, Budget::new(Duration::ZERO, 0), |seen, _| *seen += 1);
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
    for _ in 0..4 {
        let (sender, receiver) = router.pipe::<u32>().unwrap();
        receiver.on_message(|sum, n| *sum += n);
        receiver.detach();
        let sender = sender.start();
        (0..3).for_each(|_| sender.send(1).unwrap());
    }
    let mut sum = 0;
    router.dispatch(&mut sum);
    assert_eq!(sum, 5);
}

#[test]
fn discarding_a_million_messages_of_a_closed_pipe_keeps_to_the_budget() {
    let (router, _loop) = TestLoop::with_router::<u32>();
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
    let (router, test_loop) = TestLoop::with_budget::<u32>(Budget::default());
    let (sender, receiver) = router.bounded_pipe::<u32>(4_096).unwrap();
    receiver.on_message(|seen, _| {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(5) {}
        *seen += 1;
    });
    let worker = thread::spawn(move || {
        let sender = sender.start();
        while sender.send(0).is_ok() {}
    });
    let mut seen = 0;
    let mut turns = 0;
    test_loop.run_until(&router, &mut seen, |seen| {
        turns += 1;
        *seen > 20_000
    });
    // 20,000 callbacks of 5 us in turns of 4 ms at the most are 25 turns at the least.
    assert!(turns >= 20, "{turns} turns");
    drop(receiver);
    worker.join().unwrap();
}
