//! Promise 6: callbacks may do anything.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use foreground::{MessageReceiver, MessageRouter, PipeEnd, RouteUntilError, StartedSender};

use crate::common::{Census, looped, started};

/// An application that owns its router, as GUI programs do.
#[derive(Default)]
struct App {
    router: Option<MessageRouter<App>>,
    receiver: Option<MessageReceiver<u32, App>>,
    other: Option<MessageReceiver<u32, App>>,
    seen: Vec<u32>,
    ends: Vec<PipeEnd>,
}

impl App {
    fn new() -> Self {
        Self { router: Some(started()), ..Self::default() }
    }

    fn router(&self) -> MessageRouter<Self> {
        self.router.clone().unwrap()
    }

    fn open(&mut self, callback: impl FnMut(&mut Self, u32) + 'static) -> StartedSender<u32> {
        let (sender, receiver) = self.router().pipe::<u32>().unwrap();
        receiver.on_message(callback);
        self.receiver = Some(receiver);
        sender.start()
    }

    fn dispatch(&mut self) {
        self.router().dispatch(self);
    }
}

fn record(app: &mut App, n: u32) {
    app.seen.push(n);
}

#[test]
fn a_callback_opens_pipes_and_sends_on_them() {
    let mut app = App::new();
    let sender = app.open(|app, n| {
        let (sender, receiver) = app.router().pipe::<u32>().unwrap();
        receiver.on_message(record);
        receiver.detach();
        sender.start().send(n + 100).unwrap();
        app.seen.push(n);
    });
    (0..3).for_each(|n| sender.send(n).unwrap());
    app.dispatch();
    assert_eq!(app.seen, [0, 1, 2, 100, 101, 102]);
}

#[test]
fn a_callback_closes_its_own_pipe() {
    let census = Census::default();
    let mut app = App::new();
    let held = census.member();
    let sender = app.open(move |app, n| {
        let _ = &held;
        app.seen.push(n);
        if n == 1 {
            let receiver = app.receiver.take().unwrap();
            app.router().close_pipe(receiver).unwrap();
            // The closure that runs is not dropped under its own feet.
            let _ = &held;
        }
    });
    (0..4).for_each(|n| sender.send(n).unwrap());
    app.dispatch();
    assert_eq!(app.seen, [0, 1]);
    assert_eq!(census.alive(), 0);
    assert!(sender.is_closed());
    assert_eq!(app.router().stats().discarded, 2);
}

#[test]
fn a_callback_closes_another_pipe_whose_messages_are_next() {
    let mut app = App::new();
    let victim = app.open(|_, _| unreachable!("closed before its message came"));
    app.other = app.receiver.take();
    let sender = app.open(|app, _| drop(app.other.take()));
    sender.send(1).unwrap();
    victim.send(2).unwrap();
    app.dispatch();
    assert!(victim.is_closed());
}

#[test]
fn a_callback_replaces_itself() {
    let census = Census::default();
    let mut app = App::new();
    let held = census.member();
    let sender = app.open(move |app, n| {
        let _ = &held;
        app.seen.push(n);
        app.receiver.as_ref().unwrap().on_message(|app, n| app.seen.push(n + 10));
        let _ = &held;
    });
    (0..3).for_each(|n| sender.send(n).unwrap());
    app.dispatch();
    assert_eq!(app.seen, [0, 11, 12]);
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_callback_stops_the_router() {
    let mut app = App::new();
    let sender = app.open(|app, n| {
        app.seen.push(n);
        app.router().stop().unwrap();
    });
    (0..3).for_each(|n| sender.send(n).unwrap());
    app.dispatch();
    assert_eq!(app.seen, [0]);
    assert!(sender.send(3).is_err());
    let stats = app.router().stats();
    assert_eq!((stats.sent, stats.delivered, stats.discarded, stats.queued), (3, 1, 2, 0));
}

#[test]
fn a_callback_stops_and_restarts_the_router() {
    let mut app = App::new();
    let sender = app.open(|app, n| {
        app.router().stop().unwrap();
        app.router().start().unwrap();
        let sender = app.open(record);
        sender.send(n + 10).unwrap();
    });
    (0..3).for_each(|n| sender.send(n).unwrap());
    app.dispatch();
    assert!(app.seen.is_empty());
    app.dispatch();
    assert_eq!(app.seen, [10]);
}

#[test]
fn a_callback_drops_the_last_handle() {
    let census = Census::default();
    let mut app = App::new();
    let held = census.member();
    let sender = app.open(move |app, n| {
        let _ = &held;
        app.seen.push(n);
        app.router = None;
    });
    app.receiver.take().unwrap().detach();
    (0..3).for_each(|n| sender.send(n).unwrap());
    let router = app.router();
    // The call itself holds the last handle, and goes on until the router is empty.
    router.dispatch(&mut app);
    assert_eq!(app.seen, [0, 1, 2]);
    drop(router);
    assert_eq!(census.alive(), 0);
    assert!(sender.is_closed());
}

#[test]
fn nested_dispatch_leaves_the_running_pipe_its_messages_in_order() {
    let mut app = App::new();
    let other = app.open(|app, n| app.seen.push(n));
    app.receiver.take().unwrap().detach();
    let sender = app.open(|app, n| {
        app.seen.push(n);
        if n == 0 {
            app.dispatch();
            app.seen.push(1000);
        }
    });
    for n in 0..3 {
        sender.send(n).unwrap();
        other.send(n + 100).unwrap();
    }
    app.dispatch();
    assert_eq!(app.seen, [0, 100, 101, 102, 1000, 1, 2]);
}

#[test]
fn nested_route_until_from_a_dispatch_takes_over() {
    let mut app = App::new();
    let other = app.open(record);
    app.receiver.take().unwrap().detach();
    let sender = app.open(|app, n| {
        app.seen.push(n);
        let router = app.router();
        router.route_until(app, |app| app.seen.contains(&100), None).unwrap();
    });
    for n in 0..3 {
        sender.send(n).unwrap();
        other.send(n + 100).unwrap();
    }
    app.dispatch();
    // The dispatch ends with the callback: from the first `route_until` on, all goes through that.
    assert_eq!(app.seen, [0, 100]);
    app.dispatch();
    assert_eq!(app.seen, [0, 100]);
    let router = app.router();
    router.route_until(&mut app, |app| app.seen.len() == 6, Duration::from_secs(10)).unwrap();
    assert_eq!(app.seen, [0, 100, 1, 101, 2, 102]);
}

#[test]
fn route_until_inside_route_until() {
    let mut app = App::new();
    let other = app.open(record);
    app.receiver.take().unwrap().detach();
    let sender = app.open(|app, n| {
        app.seen.push(n);
        if n == 0 {
            let router = app.router();
            router.route_until(app, |app| app.seen.len() == 4, None).unwrap();
        }
    });
    for n in 0..3 {
        sender.send(n).unwrap();
        other.send(n + 100).unwrap();
    }
    let router = app.router();
    router.route_until(&mut app, |app| app.seen.len() == 6, None).unwrap();
    assert_eq!(app.seen, [0, 100, 101, 102, 1, 2]);
}

#[test]
fn a_nested_wait_for_ones_own_pipe_does_not_hang_when_nobody_is_left() {
    let mut app = App::new();
    let sender = app.open(|app, n| {
        let router = app.router();
        let result = router.route_until(app, |app| !app.seen.is_empty(), None);
        assert_eq!(result, Err(RouteUntilError::NoSenders));
        app.ends.push(PipeEnd::Stopped);
        let _ = n;
    });
    app.receiver.as_ref().unwrap().on_end(|app, end| app.ends.push(end));
    sender.send(1).unwrap();
    sender.stop();
    let router = app.router();
    router.route_until(&mut app, |app| app.ends.len() == 2, None).unwrap();
}

#[test]
fn the_end_of_a_running_pipe_waits_for_its_callback() {
    let mut app = App::new();
    let sender = app.open(|app, n| {
        app.dispatch();
        assert!(app.ends.is_empty(), "the end does not overtake the running message");
        app.seen.push(n);
    });
    app.receiver.as_ref().unwrap().on_end(|app, end| {
        assert_eq!(app.seen, [0, 1]);
        app.ends.push(end);
    });
    (0..2).for_each(|n| sender.send(n).unwrap());
    sender.stop();
    app.dispatch();
    assert_eq!(app.ends, [PipeEnd::Stopped]);
}

#[test]
fn an_end_callback_may_open_and_close_and_stop() {
    let mut app = App::new();
    let sender = app.open(record);
    app.receiver.as_ref().unwrap().on_end(|app, end| {
        app.ends.push(end);
        app.receiver = None;
        let again = app.open(record);
        again.send(7).unwrap();
    });
    sender.stop();
    app.dispatch();
    assert_eq!((app.seen.as_slice(), app.ends.as_slice()), ([7].as_slice(), [PipeEnd::Stopped].as_slice()));
}

#[test]
fn stopping_in_a_nested_call_ends_the_outer_ones() {
    let mut app = App::new();
    let stopper = app.open(|app, _| app.router().stop().unwrap());
    app.receiver.take().unwrap().detach();
    let sender = app.open(|app, n| {
        app.seen.push(n);
        let router = app.router();
        let result = router.route_until(app, |_| false, None);
        assert_eq!(result, Err(RouteUntilError::NotRunning));
    });
    sender.send(0).unwrap();
    stopper.send(0).unwrap();
    sender.send(1).unwrap();
    let router = app.router();
    assert_eq!(router.route_until(&mut app, |_| false, None), Err(RouteUntilError::NotRunning));
    assert_eq!(app.seen, [0]);
}

#[test]
fn messages_for_the_running_pipe_are_not_reachable_twice() {
    // Inside its own callback, the receiver gives what waits; the callback then does not get it again.
    let (router, test_loop) = looped::<Vec<u32>>();
    type Slot = RefCell<Option<MessageReceiver<u32, Vec<u32>>>>;
    let slot: Rc<Slot> = Rc::default();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let (inner, own) = (router.clone(), Rc::clone(&slot));
    receiver.on_message(move |seen: &mut Vec<u32>, n| {
        seen.push(n);
        inner.dispatch(seen);
        let taken: Vec<u32> = own.borrow().as_ref().unwrap().drain().collect();
        seen.extend(taken);
    });
    *slot.borrow_mut() = Some(receiver);
    let sender = sender.start();
    (0..4).for_each(|n| sender.send(n).unwrap());
    let mut seen = Vec::new();
    test_loop.run_until(&mut seen, |seen| seen.len() >= 4).unwrap();
    assert_eq!(seen, [0, 1, 2, 3]);
    router.stop().unwrap();
}

#[test]
fn a_callback_that_dispatches_keeps_the_messages_of_its_detached_pipe() {
    let router: MessageRouter<Vec<u32>> = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let inner = router.clone();
    receiver.on_message(move |seen: &mut Vec<u32>, n| {
        seen.push(n);
        inner.dispatch(seen);
    });
    receiver.detach();
    let sender = sender.start();
    (0..3).for_each(|n| sender.send(n).unwrap());
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    assert_eq!(seen, [0, 1, 2]);
    assert_eq!(router.stats().discarded, 0);
    router.stop().unwrap(); // or the callback would keep its own router alive
}

#[test]
fn a_callback_that_detaches_its_own_receiver_still_gets_what_waits() {
    let router: MessageRouter<Vec<u32>> = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    let inner = router.clone();
    let own = Rc::new(RefCell::new(None));
    let in_callback = Rc::clone(&own);
    receiver.on_message(move |seen: &mut Vec<u32>, n| {
        seen.push(n);
        inner.dispatch(seen);
        let receiver: Option<MessageReceiver<u32, _>> = in_callback.take();
        if let Some(receiver) = receiver {
            receiver.detach();
        }
    });
    own.replace(Some(receiver));
    let sender = sender.start();
    (0..3).for_each(|n| sender.send(n).unwrap());
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    assert_eq!(seen, [0, 1, 2]);
    assert_eq!(router.stats().discarded, 0);
    router.stop().unwrap(); // or the callback would keep its own router alive
}

#[test]
fn a_pipe_that_is_closed_after_it_asked_for_a_look_is_left_alone() {
    let router: MessageRouter<Vec<u32>> = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    drop(sender);
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    // Ended already, so it is looked at for this callback alone; and closed, so it has no slot any more.
    receiver.on_end(|seen, _| seen.push(1));
    drop(receiver);
    let (other, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|seen: &mut Vec<u32>, n| seen.push(n));
    other.start().send(2).unwrap();
    router.dispatch(&mut seen);
    assert_eq!(seen, [2]);
    let (third, receiver) = router.pipe::<u32>().unwrap();
    drop(third);
    router.dispatch(&mut seen);
    receiver.on_end(|seen, _| seen.push(3));
    drop(receiver);
    assert!(!router.dispatch(&mut seen).has_more);
    assert_eq!(seen, [2]);
}
