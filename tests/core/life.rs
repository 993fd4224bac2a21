//! Starting, stopping, opening and closing, at the right time and at the wrong one.

use std::time::Duration;

use foreground::{
    Budget, ClosePipeError, MessageRouter, PipeError, RouteUntilError, SendError, StartError, StopError,
};
use log::Level;

use crate::common::{Census, logged_by, started};

#[test]
fn a_new_router_is_stopped() {
    let router: MessageRouter = MessageRouter::new(|| {});
    assert_eq!(router.stop(), Err(StopError::NotRunning));
    assert_eq!(router.pipe::<u8>().unwrap_err(), PipeError::NotRunning);
    assert_eq!(router.bounded_pipe::<u8>(1).unwrap_err(), PipeError::NotRunning);
    assert_eq!(router.latest_pipe::<u8>().unwrap_err(), PipeError::NotRunning);
    assert_eq!(router.route_until(&mut (), |()| true, None), Err(RouteUntilError::NotRunning));
    assert_eq!(router.dispatch(&mut ()).delivered, 0);
    router.settle();
}

#[test]
fn a_running_router_cannot_be_started() {
    let router: MessageRouter = started();
    assert_eq!(router.start(), Err(StartError::AlreadyRunning));
    router.stop().unwrap();
    assert_eq!(router.start(), Ok(()));
}

#[test]
fn a_pipe_of_a_stopped_router_cannot_be_closed() {
    let router: MessageRouter = started();
    let (_sender, receiver) = router.pipe::<u8>().unwrap();
    router.stop().unwrap();
    assert_eq!(router.close_pipe(receiver), Err(ClosePipeError::NotRunning));
}

#[test]
fn a_receiver_of_another_router_is_refused_and_closed_at_home() {
    let home: MessageRouter<u32> = started();
    let other: MessageRouter<u32> = started();
    let (sender, receiver) = home.pipe::<u32>().unwrap();
    let (bystander, bystanders) = other.pipe::<u32>().unwrap();
    bystanders.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    assert_eq!(other.close_pipe(receiver), Err(ClosePipeError::ForeignReceiver));
    assert!(sender.is_closed());
    assert_eq!(home.stats().open_pipes, 0);

    // The pipe with the same number on the other router is none the worse for it.
    let mut sum = 0;
    bystander.start().send(3).unwrap();
    other.dispatch(&mut sum);
    assert_eq!(sum, 3);
}

#[test]
fn stopping_warns_of_unclosed_pipes() {
    let router: MessageRouter = started();
    let (_sender, _receiver) = router.pipe::<u8>().unwrap();
    let log = logged_by(|| router.stop().unwrap());
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].0, Level::Warn);
    assert!(log[0].1.contains("1 unclosed pipes"), "{}", log[0].1);
}

#[test]
fn stopping_says_nothing_of_pipes_that_were_closed_or_have_ended() {
    let router: MessageRouter = started();
    let (_sender, closed) = router.pipe::<u8>().unwrap();
    let (ending, _ended) = router.pipe::<u8>().unwrap();
    let (ending_detached, detached) = router.pipe::<u8>().unwrap();
    detached.detach();
    router.close_pipe(closed).unwrap();
    ending.start().stop();
    ending_detached.start().stop();
    router.dispatch(&mut ());
    assert_eq!(logged_by(|| router.stop().unwrap()), []);
}

#[test]
fn dropping_the_last_handle_stops() {
    let census = Census::default();
    let router: MessageRouter = started();
    let (sender, receiver) = router.pipe().unwrap();
    let sender = sender.start();
    let held = census.member();
    receiver.on_message(move |(), _| {
        let _ = &held;
    });
    receiver.detach();
    sender.send(census.member()).unwrap();
    let clone = router.clone();
    drop(router);
    assert!(!sender.is_closed());
    let log = logged_by(|| drop(clone));
    assert_eq!(log[0].0, Level::Debug, "to drop everything is no mistake");
    assert!(log[0].1.contains("unclosed pipes"));
    assert!(matches!(sender.send(census.member()), Err(SendError::Closed(_))));
    assert_eq!(census.alive(), 0);
}

#[test]
fn old_senders_stay_closed_after_a_new_start() {
    let router: MessageRouter<Vec<u8>> = started();
    let (old, old_receiver) = router.pipe::<u8>().unwrap();
    let old = old.start();
    let unstarted = {
        let (sender, receiver) = router.pipe::<u8>().unwrap();
        receiver.detach();
        sender
    };
    old.send(1).unwrap();
    router.stop().unwrap();
    router.start().unwrap();
    // The new pipe has the old one's slot.
    let (new, new_receiver) = router.pipe::<u8>().unwrap();
    new_receiver.on_message(|seen: &mut Vec<u8>, n| seen.push(n));
    let new = new.start();
    assert_eq!(old.send(2), Err(SendError::Closed(2)));
    assert_eq!(unstarted.start().send(3), Err(SendError::Closed(3)));
    old.stop();
    new.send(4).unwrap();
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    assert_eq!(seen, [4]);
    assert_eq!(old_receiver.try_recv(), None);
    assert_eq!(router.stats().open_pipes, 1);
    drop(old_receiver);
    assert_eq!(router.stats().open_pipes, 1);
}

#[test]
fn receivers_outlive_their_router() {
    let router: MessageRouter<u8> = started();
    let (sender, receiver) = router.pipe::<u8>().unwrap();
    drop(router);
    receiver.on_message(|_, _| {});
    receiver.on_end(|_, _| {});
    assert_eq!(receiver.try_recv(), None);
    assert_eq!(receiver.end(), None);
    drop(receiver);
    drop(sender);
}

#[test]
fn the_halves_have_the_threads_that_they_should() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    // A message may be anything that can be sent, such as a cell, which cannot be shared.
    is_send::<foreground::MessageSender<std::cell::Cell<u8>>>();
    is_send::<foreground::StartedSender<std::cell::Cell<u8>>>();
    is_sync::<foreground::StartedSender<std::cell::Cell<u8>>>();
    is_send::<SendError<u8>>();
}

#[test]
fn a_router_and_its_budget_tell_what_they_were_given() {
    let budget = Budget::new(Duration::from_millis(7), 11);
    assert_eq!((budget.time(), budget.messages()), (Duration::from_millis(7), 11));
    let router: MessageRouter = MessageRouter::builder().name("main").budget(budget).build(|| {});
    assert_eq!(router.name(), Some("main"));
    assert_eq!(MessageRouter::<()>::new(|| {}).name(), None);
}

#[test]
fn handles_show_what_helps_to_find_a_mistake() {
    let builder = MessageRouter::<()>::builder().name("main");
    assert!(format!("{builder:?}").contains("\"main\""));
    let router: MessageRouter = builder.build(|| {});
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    assert!(format!("{router:?}").contains("open_pipes: 1"));
    assert_eq!(format!("{sender:?}"), "MessageSender { is_closed: false }");
    assert_eq!(format!("{receiver:?}"), "MessageReceiver { is_closed: false, end: None, .. }");
    let sender = sender.start();
    router.stop().unwrap();
    assert_eq!(format!("{sender:?}"), "StartedSender { is_closed: true }");
    assert!(format!("{receiver:?}").contains("is_closed: true, end: None"));
}

#[test]
fn a_callback_for_a_closed_pipe_is_dropped_at_once() {
    let router: MessageRouter = started();
    let (_sender, receiver) = router.pipe::<u32>().unwrap();
    router.stop().unwrap();
    let census = Census::default();
    let (on_message, on_end) = (census.member(), census.member());
    receiver.on_message(move |(), _| {
        let _kept = &on_message;
    });
    receiver.on_end(move |(), _| drop(on_end));
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_receiver_may_be_detached_when_its_router_has_gone() {
    let router: MessageRouter = started();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    drop(router);
    receiver.detach();
    assert!(sender.start().send(1).is_err());
}

#[test]
fn a_pipe_that_ends_leaves_thousands_of_others_as_they_are() {
    let router: MessageRouter<usize> = started();
    let mut senders: Vec<_> = (0..10_000)
        .map(|_| {
            let (sender, receiver) = router.pipe::<usize>().unwrap();
            receiver.on_message(|sum, n| *sum += n);
            receiver.detach();
            sender.start()
        })
        .collect();
    let mut sum = 0;
    senders.truncate(9_000);
    while router.dispatch(&mut sum).has_more {}
    assert_eq!(router.stats().open_pipes, 9_000);
    senders.iter().for_each(|sender| sender.send(1).unwrap());
    while router.dispatch(&mut sum).has_more {}
    assert_eq!(sum, 9_000);
}
