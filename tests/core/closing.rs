//! Promise 2: nothing is lost, nothing comes twice; what is discarded is counted and logged.

use foreground::{MessageRouter, SendError};
use log::Level;

use crate::common::{Census, logged_by, started};

#[test]
fn messages_of_a_closed_pipe_are_discarded_counted_and_warned_of_once() {
    let router: MessageRouter = started();
    let census = Census::default();
    let (sender, receiver) = router.pipe().unwrap();
    let (other, others) = router.pipe::<u8>().unwrap();
    let (sender, other) = (sender.start(), other.start());
    for _ in 0..3 {
        sender.send(census.member()).unwrap();
        other.send(1).unwrap();
    }
    router.close_pipe(receiver).unwrap();
    assert!(matches!(sender.send(census.member()), Err(SendError::Closed(_))));
    assert_eq!(census.alive(), 3);
    let log = logged_by(|| {
        router.dispatch(&mut ());
    });
    assert_eq!(census.alive(), 0);
    assert_eq!(others.drain().count(), 3);
    let levels: Vec<_> = log.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Level::Warn, Level::Debug, Level::Debug]);
    assert!(log[0].1.contains("discarding message from closed pipe"), "{}", log[0].1);
    let stats = router.stats();
    assert_eq!((stats.sent, stats.delivered, stats.discarded, stats.queued), (6, 3, 3, 0));
}

#[test]
fn each_closed_pipe_is_warned_of() {
    let router: MessageRouter = started();
    for _ in 0..2 {
        let (sender, receiver) = router.pipe::<u8>().unwrap();
        let sender = sender.start();
        sender.send(1).unwrap();
        drop(receiver);
        let log = logged_by(|| {
            router.dispatch(&mut ());
        });
        assert_eq!(log.len(), 1);
        assert_eq!(log[0].0, Level::Warn);
    }
}

#[test]
fn the_stop_discards_what_is_queued_and_says_how_many() {
    let router: MessageRouter = MessageRouter::builder().name("tested").build(|| {});
    router.start().unwrap();
    let census = Census::default();
    let (sender, receiver) = router.pipe().unwrap();
    let (bounded, inbox) = router.bounded_pipe(10).unwrap();
    let (latest, latest_receiver) = router.latest_pipe().unwrap();
    let (sender, bounded, latest) = (sender.start(), bounded.start(), latest.start());
    bounded.send(census.member()).unwrap();
    router.dispatch(&mut ());
    for _ in 0..4 {
        sender.send(census.member()).unwrap();
        latest.send(census.member()).unwrap();
    }
    let log = logged_by(|| router.stop().unwrap());
    assert_eq!(census.alive(), 0);
    assert!(log[0].1.contains("3 unclosed pipes"));
    assert!(log[1].1.contains("\"tested\""));
    assert!(log[1].1.contains("since its start it discarded 6 messages"), "{}", log[1].1);
    let stats = router.stats();
    assert_eq!((stats.sent, stats.discarded, stats.replaced, stats.queued), (9, 9, 3, 0));

    // The next run counts for itself.
    router.start().unwrap();
    assert_eq!(logged_by(|| router.stop().unwrap()), []);
    drop((receiver, inbox, latest_receiver));
}

#[test]
fn a_slot_used_again_never_gets_a_strangers_message() {
    let router: MessageRouter<Vec<&str>> = started();
    let mut seen = Vec::new();
    for _ in 0..100 {
        let (old, old_receiver) = router.pipe::<&str>().unwrap();
        let old = old.start();
        old.send("stranger").unwrap();
        drop(old_receiver);
        let (new, receiver) = router.pipe::<&str>().unwrap();
        receiver.on_message(|seen: &mut Vec<_>, s| seen.push(s));
        receiver.on_end(|seen: &mut Vec<_>, _| seen.push("end"));
        // The end of the old pipe must not end the new one.
        drop(old);
        new.start().send("own").unwrap();
        router.dispatch(&mut seen);
        assert_eq!(std::mem::take(&mut seen), ["own", "end"]);
    }
}

#[test]
fn a_callback_may_use_the_router_when_it_is_dropped() {
    struct Meddler(MessageRouter, foreground::StartedSender<u8>);
    impl Drop for Meddler {
        fn drop(&mut self) {
            let _ = self.1.send(1);
            let _ = self.0.pipe::<u8>();
            self.0.stats();
        }
    }
    let router: MessageRouter = started();
    let (echo, echoes) = router.pipe::<u8>().unwrap();
    let echo = echo.start();
    let (_sender, receiver) = router.pipe::<u8>().unwrap();
    let meddler = Meddler(router.clone(), echo.clone());
    receiver.on_message(move |(), _| {
        let _ = &meddler;
    });
    receiver.on_message(|(), _| {});
    let meddler = Meddler(router.clone(), echo.clone());
    receiver.on_end(move |(), _| {
        let _ = &meddler;
    });
    drop(receiver);
    router.dispatch(&mut ());
    assert_eq!(echoes.drain().count(), 2);
}

#[test]
fn a_discarded_message_may_send_when_it_is_dropped() {
    struct Echo(foreground::StartedSender<u8>);
    impl Drop for Echo {
        fn drop(&mut self) {
            let _ = self.0.send(1);
        }
    }
    let router: MessageRouter = started();
    let (echo, echoes) = router.pipe::<u8>().unwrap();
    let echo = echo.start();
    let (sender, receiver) = router.pipe().unwrap();
    let (latest, latest_receiver) = router.latest_pipe().unwrap();
    let (sender, latest) = (sender.start(), latest.start());
    (0..3).for_each(|_| sender.send(Echo(echo.clone())).unwrap());
    (0..3).for_each(|_| latest.send(Echo(echo.clone())).unwrap());
    drop((receiver, latest_receiver));
    while router.dispatch(&mut ()).has_more {}
    assert_eq!(echoes.drain().count(), 6);
}

#[test]
fn a_detached_pipe_without_a_callback_is_warned_of_once() {
    let router: MessageRouter = started();
    let (sender, receiver) = router.pipe::<u8>().unwrap();
    receiver.detach();
    let sender = sender.start();
    let log = logged_by(|| {
        for _ in 0..3 {
            sender.send(1).unwrap();
            router.dispatch(&mut ());
            router.settle();
        }
    });
    let levels: Vec<_> = log.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Level::Warn, Level::Debug, Level::Debug]);
}

#[test]
fn discarding_makes_room_in_a_bounded_pipe() {
    let router: MessageRouter = started();
    let (sender, receiver) = router.bounded_pipe::<u8>(1).unwrap();
    receiver.detach();
    let sender = sender.start();
    for _ in 0..3 {
        assert_eq!(sender.try_send(1), Ok(()));
        router.dispatch(&mut ());
    }
}
