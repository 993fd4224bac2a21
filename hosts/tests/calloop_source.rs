//! The router as a source of calloop: taken out, switched off, outlived.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use calloop::timer::{TimeoutAction, Timer};
use calloop::{Dispatcher, EventLoop};
use foreground::event_loop::calloop_014::{self, RouterSource};
use foreground::{Budget, MessageRouter, MessageRouterBuilder, SendError, StartedSender};

type Log = Vec<u32>;

fn new_loop<'l>() -> EventLoop<'l, Log> {
    EventLoop::try_new().unwrap()
}

fn small() -> MessageRouterBuilder<Log> {
    MessageRouter::builder().budget(Budget::new(Duration::MAX, 2))
}

fn pipe(router: &MessageRouter<Log>) -> StartedSender<u32> {
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|log: &mut Log, n| log.push(n));
    receiver.detach();
    sender.start()
}

/// Turns the loop as long as it has something to do at once.
fn turn(event_loop: &mut EventLoop<'_, Log>, log: &mut Log) {
    for _ in 0..10 {
        event_loop.dispatch(Duration::ZERO, log).unwrap();
    }
}

#[test]
fn what_the_budget_leaves_comes_without_a_ping() {
    let (mut event_loop, mut log) = (new_loop(), Log::new());
    let router = calloop_014::route(small(), &event_loop.handle()).unwrap();
    let sender = pipe(&router);
    (0..7).for_each(|n| sender.send(n).unwrap());
    for delivered in [2, 4, 6, 7] {
        // It never waits: there is something to do.
        event_loop.dispatch(None, &mut log).unwrap();
        assert_eq!(log.len(), delivered);
    }
    assert_eq!(router.stats().wakes, 1);
    turn(&mut event_loop, &mut log);
    sender.send(7).unwrap();
    assert_eq!(router.stats().wakes, 2);
    event_loop.dispatch(None, &mut log).unwrap();
    assert_eq!(log, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_timer_that_is_due_has_its_turn_between_two_dispatches() {
    let (mut event_loop, mut log) = (new_loop(), Log::new());
    let router = calloop_014::route(small(), &event_loop.handle()).unwrap();
    let tick = |_, _: &mut (), log: &mut Log| {
        log.push(100);
        TimeoutAction::ToDuration(Duration::ZERO)
    };
    event_loop.handle().insert_source(Timer::immediate(), tick).unwrap();
    let sender = pipe(&router);
    (0..4).for_each(|n| sender.send(n).unwrap());
    for _ in 0..2 {
        event_loop.dispatch(None, &mut log).unwrap();
    }
    assert_eq!(log, [0, 1, 100, 2, 3, 100]);
}

#[test]
fn a_source_that_is_off_keeps_its_messages() {
    let (mut event_loop, mut log) = (new_loop(), Log::new());
    let (router, source) = RouterSource::new(small()).unwrap();
    let handle = event_loop.handle();
    let token = handle.insert_source(source, |(), router, log| router.dispatch(log)).unwrap();
    let sender = pipe(&router);
    (0..5).for_each(|n| sender.send(n).unwrap());
    event_loop.dispatch(None, &mut log).unwrap();
    assert_eq!(log, [0, 1]);

    // In the middle of what the budget has left.
    handle.disable(&token).unwrap();
    sender.send(5).unwrap();
    turn(&mut event_loop, &mut log);
    assert_eq!(log, [0, 1]);
    handle.enable(&token).unwrap();
    turn(&mut event_loop, &mut log);
    assert_eq!(log, [0, 1, 2, 3, 4, 5]);

    // With nothing left, so that the next message pings a source that is off.
    handle.disable(&token).unwrap();
    sender.send(6).unwrap();
    turn(&mut event_loop, &mut log);
    assert_eq!(log.len(), 6);
    handle.enable(&token).unwrap();
    handle.update(&token).unwrap();
    event_loop.dispatch(None, &mut log).unwrap();
    assert_eq!(log.len(), 7);
}

#[test]
fn a_source_goes_on_in_another_loop() {
    let (mut log, mut first) = (Log::new(), new_loop());
    let (router, source) = RouterSource::new(small()).unwrap();
    let dispatcher =
        Dispatcher::new(source, |(), router: &mut MessageRouter<Log>, log: &mut Log| router.dispatch(log));
    let token = first.handle().register_dispatcher(dispatcher.clone()).unwrap();
    let sender = pipe(&router);
    (0..3).for_each(|n| sender.send(n).unwrap());
    first.dispatch(None, &mut log).unwrap();
    first.handle().remove(token);
    drop(first);
    sender.send(3).unwrap();

    let mut second = new_loop();
    second.handle().register_dispatcher(dispatcher.clone()).unwrap();
    turn(&mut second, &mut log);
    assert_eq!(log, [0, 1, 2, 3]);
    drop(second);
    let source = Dispatcher::into_source_inner(dispatcher);

    // By another callback, and the message comes when no loop is there.
    sender.send(4).unwrap();
    let mut third = new_loop();
    third.handle().insert_source(source, |(), router, log| router.dispatch(log)).unwrap();
    turn(&mut third, &mut log);
    assert_eq!(log, [0, 1, 2, 3, 4]);
}

#[test]
fn a_source_that_removes_itself_loses_nothing() {
    let (mut event_loop, mut log) = (new_loop(), Log::new());
    let (router, source) = RouterSource::new(small()).unwrap();
    let handle = event_loop.handle();
    let token = Rc::new(Cell::new(None));
    let (own, here) = (Rc::clone(&token), handle.clone());
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(move |log: &mut Log, n| {
        log.push(n);
        here.remove(own.take().unwrap());
    });
    receiver.detach();
    token.set(Some(handle.insert_source(source, |(), router, log| router.dispatch(log)).unwrap()));
    let sender = sender.start();
    sender.send(0).unwrap();
    event_loop.dispatch(None, &mut log).unwrap();
    assert_eq!((&*log, token.get()), (&[0][..], None));
    let other = pipe(&router);
    other.send(1).unwrap();
    turn(&mut event_loop, &mut log);
    assert_eq!(log, [0]);
    router.dispatch(&mut log);
    assert_eq!(log, [0, 1]);
}

#[test]
fn a_router_outlives_the_loop() {
    let (event_loop, mut log) = (new_loop(), Log::new());
    let router = calloop_014::route(small(), &event_loop.handle()).unwrap();
    let sender = pipe(&router);
    drop(event_loop);
    sender.send(1).unwrap();
    drop(sender);
    router.route_until(&mut log, |log| log.len() == 1, None).unwrap();
}

#[test]
fn a_loop_outlives_the_router_and_lets_go_of_the_source() {
    let (mut event_loop, mut log) = (new_loop(), Log::new());
    let (router, source) = RouterSource::new(small()).unwrap();
    let kept = Rc::new(());
    let here = Rc::clone(&kept);
    let of_source = move |(), router: &mut MessageRouter<Log>, log: &mut Log| {
        let _ = &here;
        router.dispatch(log)
    };
    event_loop.handle().insert_source(source, of_source).unwrap();
    let sender = pipe(&router);
    sender.send(1).unwrap();
    drop(router);
    assert_eq!(sender.send(2), Err(SendError::Closed(2)));
    turn(&mut event_loop, &mut log);
    assert_eq!(Rc::strong_count(&kept), 2, "the sender may not wake what is no more");
    drop(sender);
    turn(&mut event_loop, &mut log);
    assert_eq!((Rc::strong_count(&kept), log.len()), (1, 0));
    // And it sleeps.
    let (begin, time) = (Instant::now(), Duration::from_millis(20));
    event_loop.dispatch(time, &mut log).unwrap();
    assert!(begin.elapsed() >= time);
}

#[test]
fn a_loop_sleeps_when_the_router_went_in_the_middle_of_its_work() {
    let (mut event_loop, mut log) = (new_loop(), Log::new());
    let router = calloop_014::route(small(), &event_loop.handle()).unwrap();
    let sender = pipe(&router);
    (0..3).for_each(|n| sender.send(n).unwrap());
    event_loop.dispatch(None, &mut log).unwrap();
    assert_eq!(log, [0, 1]);
    drop(router);
    // The sender is still there, and with it the ping.
    let (begin, time) = (Instant::now(), Duration::from_millis(20));
    event_loop.dispatch(time, &mut log).unwrap();
    assert!(begin.elapsed() >= time, "the loop goes on for a router that is no more");
    drop(sender);
}

#[test]
fn the_last_handle_may_go_in_a_callback() {
    struct Data(Option<MessageRouter<Data>>);
    let mut event_loop = EventLoop::<Data>::try_new().unwrap();
    let router = calloop_014::route(MessageRouter::builder(), &event_loop.handle()).unwrap();
    let (sender, receiver) = router.pipe::<()>().unwrap();
    receiver.on_message(|data: &mut Data, ()| data.0 = None);
    receiver.detach();
    let sender = sender.start();
    sender.send(()).unwrap();
    let mut data = Data(Some(router));
    event_loop.dispatch(None, &mut data).unwrap();
    assert!(data.0.is_none() && sender.is_closed());
}

#[test]
fn callbacks_may_keep_the_loop_without_a_circle() {
    let event_loop = new_loop();
    let router = calloop_014::route(small(), &event_loop.handle()).unwrap();
    let (handle, kept) = (event_loop.handle(), Rc::new(()));
    let here = Rc::clone(&kept);
    let (_sender, receiver) = router.pipe::<()>().unwrap();
    receiver.on_message(move |_: &mut Log, ()| _ = (&handle, &here));
    receiver.detach();
    drop((event_loop, router));
    assert_eq!(Rc::strong_count(&kept), 1);
}

#[test]
fn a_panic_goes_to_the_caller_and_the_loop_goes_on() {
    let (mut event_loop, mut log) = (new_loop(), Log::new());
    let router = calloop_014::route(MessageRouter::builder(), &event_loop.handle()).unwrap();
    let (bad, receiver) = router.pipe::<()>().unwrap();
    receiver.on_message(|_: &mut Log, ()| panic!("on purpose"));
    receiver.detach();
    let sender = pipe(&router);
    bad.start().send(()).unwrap();
    sender.send(1).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| event_loop.dispatch(None, &mut log))).is_err());
    turn(&mut event_loop, &mut log);
    assert_eq!(log, [1]);
    sender.send(2).unwrap();
    event_loop.dispatch(None, &mut log).unwrap();
    assert_eq!(log, [1, 2]);
}
