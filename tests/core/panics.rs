//! Promise 9: a panic in a callback harms its own pipe only.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use foreground::{MessageReceiver, MessageRouter, PipeEnd, SendError, StartedSender};

use crate::common::{Census, looped, started};

type Router = MessageRouter<Vec<u32>>;

fn pipe(router: &Router, callback: impl FnMut(&mut Vec<u32>, u32) + 'static) -> StartedSender<u32> {
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(callback);
    receiver.detach();
    sender.start()
}

fn panic_text(result: Result<impl Sized, Box<dyn std::any::Any + Send>>) -> &'static str {
    result.err().and_then(|panic| panic.downcast_ref::<&str>().copied()).unwrap_or("no panic")
}

#[test]
fn the_panic_reaches_the_caller_and_the_next_dispatch_continues() {
    let router = started();
    let good = pipe(&router, |seen, n| seen.push(n));
    let bad = pipe(&router, |_, _| panic!("on purpose"));
    good.send(1).unwrap();
    bad.send(2).unwrap();
    good.send(3).unwrap();
    bad.send(4).unwrap();
    good.send(5).unwrap();
    let mut seen = Vec::new();
    let result = catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut seen)));
    assert_eq!(panic_text(result), "on purpose");
    assert_eq!(seen, [1]);
    assert_eq!(bad.send(6), Err(SendError::Closed(6)));
    router.dispatch(&mut seen);
    assert_eq!(seen, [1, 3, 5]);
    // The message that was being received counts as delivered, the one after it as discarded.
    let stats = router.stats();
    assert_eq!((stats.sent, stats.delivered, stats.discarded), (5, 4, 1));
    assert_eq!(stats.open_pipes, 1);
}

#[test]
fn what_the_callback_held_is_dropped() {
    let router = started();
    let census = Census::default();
    let held = census.member();
    let bad = pipe(&router, move |_, _| {
        let _ = &held;
        panic!("on purpose")
    });
    bad.send(1).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut Vec::new()))).is_err());
    assert_eq!(census.alive(), 0);
}

#[test]
fn the_loop_is_still_woken_after_a_panic() {
    let (router, test_loop) = looped();
    let good = pipe(&router, |seen, n| seen.push(n));
    let bad = pipe(&router, |_, _| panic!("on purpose"));
    bad.send(1).unwrap();
    good.send(2).unwrap();
    let mut seen = Vec::new();
    assert_eq!(test_loop.wakes(), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| test_loop.turn(&mut seen))).is_err());
    assert_eq!(test_loop.wakes(), 2);
    test_loop.run_until(&mut seen, |seen| *seen == [2]).unwrap();
}

#[test]
fn an_end_callback_may_panic_too() {
    let router: Router = started();
    let good = pipe(&router, |seen, n| seen.push(n));
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_end(|_, _| panic!("at the end"));
    drop(sender);
    good.send(1).unwrap();
    let mut seen = Vec::new();
    let result = catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut seen)));
    assert_eq!(panic_text(result), "at the end");
    router.dispatch(&mut seen);
    assert_eq!(seen, [1]);
    assert_eq!(receiver.try_recv(), None);
}

#[test]
fn a_callback_that_panics_under_route_until_ends_that_call_only() {
    let router = started();
    let good = pipe(&router, |seen, n| seen.push(n));
    let bad = pipe(&router, |_, _| panic!("on purpose"));
    bad.send(1).unwrap();
    good.send(2).unwrap();
    let mut seen = Vec::new();
    let route = |seen: &mut Vec<u32>| router.route_until(seen, |seen| !seen.is_empty(), Duration::ZERO);
    assert!(catch_unwind(AssertUnwindSafe(|| route(&mut seen))).is_err());
    assert_eq!(route(&mut seen), Ok(()));
}

#[test]
fn a_panicking_callback_deep_in_nested_routing_closes_its_own_pipe_only() {
    let router: Router = started();
    let bad = pipe(&router, |_, _| panic!("inner"));
    let inner = router.clone();
    let outer = pipe(&router, move |seen, n| {
        let result = catch_unwind(AssertUnwindSafe(|| inner.dispatch(seen)));
        assert_eq!(panic_text(result), "inner");
        seen.push(n);
    });
    outer.send(1).unwrap();
    bad.send(2).unwrap();
    outer.send(3).unwrap();
    let mut seen = Vec::new();
    // The second message of `outer` is received when nothing is left that could panic.
    let result = catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut seen)));
    assert!(bad.is_closed());
    assert_eq!(seen, [1]);
    assert!(result.is_err(), "the callback's own assertion fails the second time");
    assert!(outer.is_closed());
    router.stop().unwrap();
}

#[test]
fn a_message_that_panics_when_dropped_loses_no_other() {
    let router = started();
    let good = pipe(&router, |seen, n| seen.push(n));
    let (sender, receiver) = router.pipe().unwrap();
    sender.start().send(Bomb).unwrap();
    good.send(1).unwrap();
    drop(receiver);
    let mut seen = Vec::new();
    let result = catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut seen)));
    assert_eq!(panic_text(result), "dropped");
    router.dispatch(&mut seen);
    assert_eq!(seen, [1]);
}

#[test]
fn a_replaced_callback_that_panics_when_dropped_strands_no_message() {
    struct App {
        router: MessageRouter<App>,
        receiver: Option<MessageReceiver<u32, App>>,
        seen: Vec<u32>,
    }
    let router: MessageRouter<App> = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let bomb = Bomb;
    receiver.on_message(move |app: &mut App, n| {
        let _ = &bomb;
        app.seen.push(n);
        app.receiver.as_ref().unwrap().on_message(|app, n| app.seen.push(n));
        // The other messages are taken from the queue while this one is being received.
        app.router.clone().dispatch(app);
    });
    let sender = sender.start();
    (0..3).for_each(|n| sender.send(n).unwrap());
    let mut app = App { router: router.clone(), receiver: Some(receiver), seen: Vec::new() };
    let result = catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut app)));
    assert_eq!(panic_text(result), "dropped");
    while router.dispatch(&mut app).has_more {}
    assert_eq!(app.seen, [0, 1, 2]);
    router.stop().unwrap();
}

#[test]
fn a_message_callback_that_panics_when_dropped_does_not_lose_the_end() {
    let router: Router = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let bomb = Bomb;
    receiver.on_message(move |_, _| {
        let _ = &bomb;
    });
    receiver.on_end(|seen: &mut Vec<u32>, _| seen.push(7));
    drop(sender);
    let mut seen = Vec::new();
    assert!(catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut seen))).is_err());
    assert_eq!(seen, [7]);
}

#[test]
fn senders_may_be_used_where_panics_are_caught() {
    let router: Router = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let sender = sender.start();
    // Compiles only because senders are unwind-safe.
    assert!(catch_unwind(|| sender.send(1).unwrap()).is_ok());
    router.dispatch(&mut Vec::new());
    assert_eq!(receiver.try_recv(), Some(1));
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn a_detach_whose_discards_panic_still_tells_the_end() {
    let router: MessageRouter<Vec<PipeEnd>> = started();
    let (sender, receiver) = router.pipe::<Bomb>().unwrap();
    receiver.on_end(|seen: &mut Vec<PipeEnd>, end| seen.push(end));
    sender.start().send(Bomb).unwrap();
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    assert!(seen.is_empty());
    assert!(catch_unwind(AssertUnwindSafe(|| receiver.detach())).is_err());
    router.dispatch(&mut seen);
    assert_eq!(seen, [PipeEnd::Stopped]);
}

#[test]
fn a_replaced_callback_that_panics_when_dropped_does_not_strand_the_end() {
    struct App {
        router: MessageRouter<App>,
        receiver: Option<MessageReceiver<u32, App>>,
        ends: Vec<PipeEnd>,
    }
    let router: MessageRouter<App> = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_end(|app: &mut App, end| app.ends.push(end));
    let bomb = Bomb;
    receiver.on_message(move |app: &mut App, _| {
        let _owned = &bomb;
        app.receiver.as_ref().unwrap().on_message(|_, _| {});
        // The end comes while the callback is on the stack.
        app.router.clone().dispatch(app);
    });
    sender.start().send(1).unwrap();
    let mut app = App { router: router.clone(), receiver: Some(receiver), ends: Vec::new() };
    assert!(catch_unwind(AssertUnwindSafe(|| router.dispatch(&mut app))).is_err());
    router.settle();
    router.dispatch(&mut app);
    assert_eq!(app.ends, [PipeEnd::Stopped]);
    app.receiver = None;
}
