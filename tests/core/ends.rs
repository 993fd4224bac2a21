//! Promise 8, the foreground's half: how a pipe ended.

use std::thread;

use foreground::{MessageRouter, PipeEnd};

use crate::common::{looped, started};

type Ends = Vec<PipeEnd>;

fn pipe_with_end(router: &MessageRouter<Ends>) -> foreground::MessageSender<u8> {
    let (sender, receiver) = router.pipe::<u8>().unwrap();
    receiver.on_end(|ends: &mut Ends, end| ends.push(end));
    receiver.detach();
    sender
}

#[test]
fn a_stopped_and_a_dropped_sender_end_as_stopped() {
    let router = started();
    let stopped = pipe_with_end(&router);
    let dropped = pipe_with_end(&router);
    stopped.start().stop();
    drop(dropped.start());
    let mut ends = Ends::new();
    router.dispatch(&mut ends);
    assert_eq!(ends, [PipeEnd::Stopped, PipeEnd::Stopped]);
    assert_eq!(router.stats().open_pipes, 0);
}

#[test]
fn a_sender_that_is_never_started_ends_as_such() {
    let router = started();
    drop(pipe_with_end(&router));
    let mut ends = Ends::new();
    router.dispatch(&mut ends);
    assert_eq!(ends, [PipeEnd::NeverStarted]);
}

#[test]
fn a_panicking_worker_ends_its_pipe_as_panicked() {
    let (router, test_loop) = looped();
    let started_first = pipe_with_end(&router);
    let never_started = pipe_with_end(&router);
    let worker = thread::spawn(move || {
        let _never_started = never_started;
        let sender = started_first.start();
        sender.send(1).unwrap();
        panic!("on purpose");
    });
    assert!(worker.join().is_err());
    let mut ends = Ends::new();
    test_loop.run_until(&mut ends, |ends| ends.len() == 2).unwrap();
    assert_eq!(ends, [PipeEnd::Panicked, PipeEnd::Panicked]);
}

#[test]
fn one_panicking_clone_among_several_is_reported() {
    let (router, test_loop) = looped();
    let sender = pipe_with_end(&router).start();
    let clone = sender.clone();
    let worker = thread::spawn(move || {
        let _clone = clone;
        panic!("on purpose");
    });
    assert!(worker.join().is_err());
    let mut ends = Ends::new();
    router.dispatch(&mut ends);
    assert_eq!(ends, []);
    router.settle();
    sender.stop();
    test_loop.run_until(&mut ends, |ends| !ends.is_empty()).unwrap();
    assert_eq!(ends, [PipeEnd::Panicked]);
}

#[test]
fn the_pipe_lives_as_long_as_any_clone() {
    let router = started();
    let first = pipe_with_end(&router).start();
    let mut ends = Ends::new();
    let second = first.clone();
    drop(first);
    router.dispatch(&mut ends);
    assert_eq!(ends, []);
    drop(second);
    router.dispatch(&mut ends);
    assert_eq!(ends, [PipeEnd::Stopped]);
}

#[test]
fn an_end_callback_set_late_is_still_called_once() {
    let (router, test_loop) = looped::<Ends>();
    let (sender, receiver) = router.pipe::<u8>().unwrap();
    sender.start().stop();
    let mut ends = Ends::new();
    test_loop.run_until_idle(&mut ends).unwrap();
    receiver.on_end(|ends, end| ends.push(end));
    test_loop.run_until(&mut ends, |ends| !ends.is_empty()).unwrap();
    router.dispatch(&mut ends);
    assert_eq!(ends, [PipeEnd::Stopped]);
}

#[test]
fn the_end_waits_for_messages_that_wait_in_the_receiver() {
    let (router, test_loop) = looped::<Ends>();
    let (sender, receiver) = router.pipe::<u8>().unwrap();
    receiver.on_end(|ends: &mut Ends, end| ends.push(end));
    let sender = sender.start();
    (0..2).for_each(|n| sender.send(n).unwrap());
    sender.stop();
    let mut ends = Ends::new();
    test_loop.run_until_idle(&mut ends).unwrap();
    assert_eq!((ends.len(), receiver.end()), (0, None));
    assert_eq!(receiver.try_recv(), Some(0));
    test_loop.run_until_idle(&mut ends).unwrap();
    assert_eq!(ends.len(), 0);
    assert_eq!(receiver.try_recv(), Some(1));
    assert_eq!(receiver.end(), Some(PipeEnd::Stopped));
    test_loop.run_until(&mut ends, |ends| !ends.is_empty()).unwrap();
    assert_eq!(ends, [PipeEnd::Stopped]);
}

#[test]
fn no_end_is_told_of_a_pipe_that_the_receiver_closed() {
    let router: MessageRouter<Ends> = started();
    let (sender, receiver) = router.pipe::<u8>().unwrap();
    receiver.on_end(|ends: &mut Ends, end| ends.push(end));
    let sender = sender.start();
    drop(receiver);
    drop(sender);
    let mut ends = Ends::new();
    router.dispatch(&mut ends);
    assert_eq!(ends, []);
}

#[test]
fn an_ended_pipe_can_be_closed() {
    let router: MessageRouter<Ends> = started();
    let (sender, receiver) = router.pipe::<u8>().unwrap();
    drop(sender);
    router.dispatch(&mut Ends::new());
    assert_eq!(router.close_pipe(receiver), Ok(()));
    assert_eq!(router.stats().open_pipes, 0);
}

#[test]
fn an_end_during_the_last_messages_callback_waits_for_it() {
    struct App {
        router: MessageRouter<App>,
        log: Vec<&'static str>,
    }
    let router: MessageRouter<App> = started();
    let (sender, receiver) = router.pipe::<u8>().unwrap();
    receiver.on_message(|app: &mut App, _| {
        app.log.push("begins");
        app.router.clone().dispatch(app);
        app.log.push("ends");
    });
    receiver.on_end(|app, _| app.log.push("end of pipe"));
    let sender = sender.start();
    sender.send(1).unwrap();
    sender.stop();
    let mut app = App { router: router.clone(), log: Vec::new() };
    router.dispatch(&mut app);
    assert_eq!(app.log, ["begins", "ends", "end of pipe"]);
    router.stop().unwrap();
}

#[test]
fn what_the_callbacks_held_is_dropped_at_the_end() {
    let router: MessageRouter<Ends> = started();
    let census = crate::common::Census::default();
    let mut receivers = Vec::new();
    for is_detached in [false, true] {
        let (sender, receiver) = router.pipe::<u8>().unwrap();
        let (message_held, end_held) = (census.member(), census.member());
        receiver.on_message(move |_, _| {
            let _ = &message_held;
        });
        receiver.on_end(move |_, _| drop(end_held));
        if is_detached {
            receiver.detach();
        } else {
            receivers.push(receiver);
        }
        drop(sender);
    }
    router.dispatch(&mut Ends::new());
    assert_eq!(census.alive(), 0);
    assert!(receivers[0].is_closed());
}

#[test]
fn a_pipe_closed_by_the_stop_has_no_end() {
    let router: MessageRouter<Ends> = started();
    let (sender, receiver) = router.pipe::<u8>().unwrap();
    sender.start().send(1).unwrap();
    router.dispatch(&mut Ends::new());
    router.stop().unwrap();
    // Its message was not taken, so its end has not come.
    assert_eq!((receiver.try_recv(), receiver.end(), receiver.is_closed()), (None, None, true));
}
