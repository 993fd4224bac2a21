//! What becomes of messages when Slint's loop ends, runs again, is nested, or is left by a panic: on the backend that
//! Slint brings for tests. A process has one backend, hence one test.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use foreground::event_loop::{Shared, slint_1};
use foreground::{MessageRouter, MessageSender, StartedSender};
use slint::EventLoopError;

/// What was received.
#[derive(Default)]
struct Log {
    received: Vec<u32>,
    /// Quits the loop at this message.
    last: u32,
}

fn route() -> (Shared<Log>, StartedSender<u32>) {
    let sender = Rc::new(RefCell::new(None::<MessageSender<u32>>));
    let slot = Rc::clone(&sender);
    let shared = slint_1::route(MessageRouter::builder(), |router| {
        let (sender, receiver) = router.pipe()?;
        receiver.on_message(|log: &mut Log, number| {
            log.received.push(number);
            if number == log.last {
                slint::quit_event_loop().expect("the loop runs");
            }
        });
        receiver.detach();
        slot.replace(Some(sender));
        Ok::<_, Box<dyn std::error::Error>>(Log::default())
    });
    let sender = sender.take().expect("the pipe was opened");
    (shared.expect("there is a backend"), sender.start())
}

/// Runs the loop until this message is there.
fn run_until(shared: &Shared<Log>, last: u32) -> Vec<u32> {
    shared.with(|log| log.last = last).expect("no callback runs");
    slint::run_event_loop_until_quit().expect("the loop runs");
    shared.with(|log| std::mem::take(&mut log.received)).expect("no callback runs")
}

fn what_is_sent_while_no_loop_runs_arrives_when_one_does() {
    let (shared, sender) = route();
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(run_until(&shared, 2), [1, 2]);
    sender.send(3).unwrap();
    let worker = thread::spawn(move || sender.send(4));
    assert_eq!(run_until(&shared, 4), [3, 4]);
    worker.join().unwrap().unwrap();
}

fn in_a_nested_loop_messages_wait_for_the_callback_that_runs_it() {
    let (shared, sender) = route();
    let (nested, receiver) = shared.router().pipe::<()>().unwrap();
    let inner = sender.clone();
    receiver.on_message(move |log, ()| {
        inner.send(2).unwrap();
        let worker = thread::spawn({
            let inner = inner.clone();
            move || inner.send(3)
        });
        slint::Timer::single_shot(std::time::Duration::from_millis(20), || {
            slint::quit_event_loop().expect("the loop runs");
        });
        slint::run_event_loop_until_quit().expect("this backend nests loops");
        worker.join().unwrap().unwrap();
        assert_eq!(log.received, [1]);
    });
    sender.send(1).unwrap();
    nested.start().send(()).unwrap();
    assert_eq!(run_until(&shared, 3), [1, 2, 3]);
}

fn after_a_panic_the_loop_goes_on_with_the_next_message() {
    let (shared, sender) = route();
    let (bad, receiver) = shared.router().pipe::<()>().unwrap();
    receiver.on_message(|_, ()| panic!("a callback's mistake, as the test wants it"));
    sender.send(1).unwrap();
    bad.start().send(()).unwrap();
    sender.send(2).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(slint::run_event_loop_until_quit)).is_err());
    assert_eq!(run_until(&shared, 2), [1, 2]);
    sender.send(3).unwrap();
    assert_eq!(run_until(&shared, 3), [3]);
}

fn two_routers_do_not_mix_and_one_may_go() {
    let ((first, to_first), (second, to_second)) = (route(), route());
    to_first.send(1).unwrap();
    to_second.send(2).unwrap();
    assert_eq!(run_until(&second, 2), [2]);
    to_first.send(3).unwrap();
    drop(first);
    assert!(to_first.send(4).is_err());
    to_second.send(5).unwrap();
    assert_eq!(run_until(&second, 5), [5]);
}

fn a_state_that_cannot_be_made_leaves_nothing() {
    let routed = slint_1::route::<(), _>(MessageRouter::builder(), |router| {
        let (sender, receiver) = router.pipe::<u32>()?;
        receiver.detach();
        sender.start().send(1)?;
        Err::<(), Box<dyn std::error::Error>>("no state".into())
    });
    assert_eq!(routed.unwrap_err().to_string(), "no state");
}

fn another_thread_has_no_loop() {
    let other =
        thread::spawn(|| slint_1::route(MessageRouter::builder(), |_| Ok::<_, EventLoopError>(())).map(drop));
    assert_eq!(other.join().unwrap(), Err(EventLoopError::NoEventLoopProvider));
}

#[test]
fn messages_outlive_loops() {
    i_slint_backend_testing::init_integration_test_with_system_time();
    what_is_sent_while_no_loop_runs_arrives_when_one_does();
    in_a_nested_loop_messages_wait_for_the_callback_that_runs_it();
    after_a_panic_the_loop_goes_on_with_the_next_message();
    two_routers_do_not_mix_and_one_may_go();
    a_state_that_cannot_be_made_leaves_nothing();
    another_thread_has_no_loop();
}
