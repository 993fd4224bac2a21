//! A callback that holds the foreground for too long is noticed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use foreground::testing::VirtualClock;
use foreground::{Budget, MessageRouter};

use crate::common::{logged_by, with_a_logger_that_panics};

const MS: Duration = Duration::from_millis(1);

/// A router with virtual time, whose callbacks take as many milliseconds as their message says.
fn router(limit: Option<Duration>) -> (MessageRouter<VirtualClock>, VirtualClock) {
    let clock = VirtualClock::new();
    let mut builder = MessageRouter::builder()
        .name("slow")
        .clock(clock.clone())
        .budget(Budget::new(Duration::from_secs(3600), usize::MAX));
    if let Some(limit) = limit {
        builder = builder.watchdog(limit);
    }
    let router = builder.build(|| {});
    router.start().unwrap();
    (router, clock)
}

#[test]
fn the_slow_callback_is_named_and_no_other() {
    let (router, mut clock) = router(Some(16 * MS));
    let (quick, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|clock: &mut VirtualClock, ms| clock.advance(MS * ms));
    receiver.detach();
    let (slow, receiver) = router.pipe::<String>().unwrap();
    let line = line!() - 1;
    receiver.on_message(|clock: &mut VirtualClock, _| clock.advance(17 * MS));
    receiver.on_end(|clock, _| clock.advance(18 * MS));
    let (quick, slow) = (quick.start(), slow.start());
    // Many quick ones, of which a stride of clock readings would cover several, before and after.
    (0..100).for_each(|_| quick.send(1).unwrap());
    slow.send(String::new()).unwrap();
    slow.stop();
    (0..100).for_each(|_| quick.send(16).unwrap());
    let log = logged_by(|| {
        router.dispatch(&mut clock);
    });
    let pipe = format!("pipe of alloc::string::String, opened at {}:{line}:", file!());
    assert_eq!(log.len(), 2, "{log:?}");
    for ((level, text), took) in log.iter().zip(["17.0ms", "18.0ms"]) {
        assert_eq!(*level, log::Level::Warn);
        assert!(
            text.starts_with(r#"router "slow": a callback or destructor held the foreground for "#),
            "{text}"
        );
        assert!(text.contains(took) && text.contains(&pipe), "{text}");
    }
    assert_eq!(router.stats().longest_callback, 18 * MS);
}

#[test]
fn what_is_routed_by_hand_is_watched_too() {
    let (router, mut clock) = router(Some(16 * MS));
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|clock: &mut VirtualClock, ms| clock.advance(MS * ms));
    let sender = sender.start();
    [1, 20, 3].into_iter().for_each(|ms| sender.send(ms).unwrap());
    let log = logged_by(|| {
        let start = clock.elapsed();
        router.route_until(&mut clock, |clock| clock.elapsed() - start >= 24 * MS, None).unwrap();
    });
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(router.stats().longest_callback, 20 * MS);
}

#[test]
fn without_a_watchdog_the_longest_callback_is_bounded_from_above_in_silence() {
    let (router, mut clock) = router(None);
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|clock: &mut VirtualClock, ms| clock.advance(MS * ms));
    let sender = sender.start();
    // The clock is read seldom by now, so what it shows covers sixteen messages.
    (0..1000).for_each(|_| sender.send(0).unwrap());
    (0..16).for_each(|_| sender.send(5).unwrap());
    let log = logged_by(|| {
        router.dispatch(&mut clock);
    });
    assert!(log.is_empty(), "{log:?}");
    let longest = router.stats().longest_callback;
    assert!(5 * MS <= longest && longest <= 80 * MS, "{longest:?}");
}

#[test]
fn time_between_dispatches_is_nobodys() {
    let (router, mut clock) = router(Some(16 * MS));
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|clock: &mut VirtualClock, ms| clock.advance(MS * ms));
    let sender = sender.start();
    let log = logged_by(|| {
        for _ in 0..3 {
            sender.send(1).unwrap();
            clock.advance(1000 * MS);
            router.dispatch(&mut clock);
            router.settle();
        }
    });
    assert!(log.is_empty(), "{log:?}");
    assert_eq!(router.stats().longest_callback, MS);
}

#[test]
fn a_slow_callback_that_panics_is_noticed_too() {
    let (router, mut clock) = router(Some(16 * MS));
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|clock: &mut VirtualClock, _| {
        clock.advance(20 * MS);
        panic!("a bug");
    });
    sender.start().send(1).unwrap();
    let log = logged_by(|| {
        assert!(catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut clock))).is_err());
    });
    assert_eq!(log.iter().filter(|(_, text)| text.contains("20.0ms")).count(), 1, "{log:?}");
    assert_eq!(router.stats().longest_callback, 20 * MS);
}

#[test]
fn a_callback_that_panics_closes_its_pipe_though_the_logger_panics_too() {
    let (router, mut clock) = router(Some(16 * MS));
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|clock: &mut VirtualClock, _| {
        clock.advance(17 * MS);
        panic!("the callback");
    });
    let sender = sender.start();
    (0..2).for_each(|n| sender.send(n).unwrap());
    with_a_logger_that_panics(|| {
        let panicked = catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut clock)));
        assert!(panicked.is_err());
        // It warns of the message that is lost by that.
        let _ = catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut clock)));
    });
    assert!(receiver.is_closed());
    assert!(sender.send(2).is_err());
    router.dispatch(&mut clock);
    assert_eq!((router.stats().queued, router.stats().discarded), (0, 1));
}
