//! The behaviours of traits_futures' own router tests (`IMessageRouterTests`), under their names there.
//! Its `RuntimeError`s are typed errors here, or do not compile: those are doctests of `MessageSender`.

use std::thread;
use std::time::Duration;

use foreground::{
    ClosePipeError, MessageReceiver, MessageRouter, MessageSender, PipeError, RouteUntilError, StartError,
    StopError,
};

use crate::common::{PATIENCE, PATIENT, logged_by, looped, timed};

#[derive(Clone, Debug, PartialEq)]
enum Message {
    Text(&'static str),
    Number(i32),
}

const MESSAGES: [Message; 2] = [Message::Text("Just testing"), Message::Number(314)];

type Seen = Vec<Message>;

fn send_messages(sender: MessageSender<Message>, messages: &[Message]) {
    let sender = sender.start();
    messages.iter().for_each(|message| sender.send(message.clone()).unwrap());
    sender.stop();
}

fn recording_pipe(router: &MessageRouter<Seen>) -> (MessageSender<Message>, MessageReceiver<Message, Seen>) {
    let (sender, receiver) = router.pipe().unwrap();
    receiver.on_message(|seen: &mut Seen, message| seen.push(message));
    (sender, receiver)
}

#[test]
fn send_and_receive() {
    let (router, test_loop) = looped();
    let (sender, receiver) = recording_pipe(&router);
    let worker = thread::spawn(|| send_messages(sender, &MESSAGES));
    let mut seen = Seen::new();
    test_loop.run_until(&mut seen, |seen| seen.len() >= MESSAGES.len()).unwrap();
    assert_eq!(seen, MESSAGES);
    router.close_pipe(receiver).unwrap();
    worker.join().unwrap();
    router.stop().unwrap();
}

#[test]
fn send_and_receive_multiple_senders() {
    let (router, test_loop) = looped::<Vec<Vec<(usize, usize)>>>();
    let mut receivers = Vec::new();
    let mut workers = Vec::new();
    for task in 0..64 {
        let (sender, receiver) = router.pipe().unwrap();
        receiver.on_message(move |seen: &mut Vec<Vec<_>>, message| seen[task].push(message));
        receivers.push(receiver);
        workers.push(thread::spawn(move || {
            let sender = sender.start();
            (0..64).for_each(|message| sender.send((task, message)).unwrap());
        }));
    }
    let mut seen = vec![Vec::new(); 64];
    test_loop.run_until(&mut seen, |seen| seen.iter().all(|messages| messages.len() >= 64)).unwrap();
    for (task, messages) in seen.into_iter().enumerate() {
        assert!(messages.into_iter().eq((0..64).map(|message| (task, message))));
    }
    receivers.into_iter().for_each(|receiver| router.close_pipe(receiver).unwrap());
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    router.stop().unwrap();
}

#[test]
fn send_and_receive_main_thread() {
    let (router, test_loop) = looped();
    let (sender, receiver) = recording_pipe(&router);
    send_messages(sender, &MESSAGES);
    let mut seen = Seen::new();
    test_loop.run_until(&mut seen, |seen| seen.len() >= MESSAGES.len()).unwrap();
    assert_eq!(seen, MESSAGES);
    router.close_pipe(receiver).unwrap();
}

#[test]
fn start_already_started_router() {
    let (router, _loop) = looped::<()>();
    assert_eq!(router.start(), Err(StartError::AlreadyRunning));
}

#[test]
fn stop_unstarted_router() {
    let router: MessageRouter = MessageRouter::new(|| {});
    assert_eq!(router.stop(), Err(StopError::NotRunning));
}

#[test]
fn pipe_for_unstarted_router() {
    let router: MessageRouter = MessageRouter::new(|| {});
    assert_eq!(router.pipe::<u8>().unwrap_err(), PipeError::NotRunning);
}

#[test]
fn pipe_for_stopped_router() {
    let (router, _loop) = looped::<()>();
    router.stop().unwrap();
    assert_eq!(router.pipe::<u8>().unwrap_err(), PipeError::NotRunning);
}

#[test]
fn close_pipe_for_stopped_router() {
    let (router, _loop) = looped::<()>();
    let (_sender, receiver) = router.pipe::<u8>().unwrap();
    router.stop().unwrap();
    assert_eq!(router.close_pipe(receiver), Err(ClosePipeError::NotRunning));
}

#[test]
fn unclosed_pipe() {
    let (router, _loop) = looped::<()>();
    let _pipe = router.pipe::<u8>().unwrap();
    let log = logged_by(|| router.stop().unwrap());
    assert!(log.iter().any(|(level, text)| *level == log::Level::Warn && text.contains("unclosed pipes")));
}

#[test]
#[cfg(target_os = "linux")]
fn threads_cleaned_up() {
    // The test harness has threads of its own that come and go, so the router's are told by running
    // in a process of their own.
    const CHILD: &str = "FOREGROUND_TEST_THREADS";
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    if std::env::var_os(CHILD).is_some() {
        let before = threads();
        let (router, test_loop) = looped();
        let (sender, receiver) = recording_pipe(&router);
        send_messages(sender, &MESSAGES);
        let mut seen = Seen::new();
        test_loop.run_until(&mut seen, |seen| seen.len() >= MESSAGES.len()).unwrap();
        assert_eq!(threads(), before, "a running router has no thread of its own");
        router.close_pipe(receiver).unwrap();
        router.stop().unwrap();
        assert_eq!(threads(), before);
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "traits_futures::threads_cleaned_up", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
}

#[test]
fn send_after_close() {
    // There, the message is taken and warned of later. Here the worker learns of it at once, and the
    // warning is for messages that were sent before.
    let (router, _loop) = looped::<Seen>();
    let (sender, receiver) = recording_pipe(&router);
    let sender = sender.start();
    sender.send(MESSAGES[0].clone()).unwrap();
    router.close_pipe(receiver).unwrap();
    assert!(sender.send(MESSAGES[1].clone()).is_err());
    sender.stop();
    let log = logged_by(|| {
        router.dispatch(&mut Seen::new());
    });
    assert!(log[0].1.contains("discarding message from closed pipe"));
}

fn send_from_worker(sender: MessageSender<Message>, messages: &'static [Message]) {
    thread::spawn(move || send_messages(sender, messages)).join().unwrap();
}

#[test]
fn route_until() {
    let (router, _loop) = looped();
    let (sender, receiver) = recording_pipe(&router);
    send_from_worker(sender, &MESSAGES);
    let mut seen = Seen::new();
    router.route_until(&mut seen, |seen| seen.len() >= MESSAGES.len(), PATIENCE).unwrap();
    router.close_pipe(receiver).unwrap();
    assert_eq!(seen, MESSAGES);
}

#[test]
fn route_until_without_timeout() {
    let (router, _loop) = looped();
    let (sender, receiver) = recording_pipe(&router);
    send_from_worker(sender, &MESSAGES);
    let mut seen = Seen::new();
    router.route_until(&mut seen, |seen| seen.len() >= MESSAGES.len(), None).unwrap();
    router.close_pipe(receiver).unwrap();
    assert_eq!(seen, MESSAGES);
}

#[test]
fn route_until_timeout() {
    let (router, clock) = timed::<()>(PATIENT);
    let result = router.route_until(&mut (), |()| false, Duration::from_millis(100));
    assert_eq!(result, Err(RouteUntilError::Timeout));
    assert_eq!(clock.elapsed(), Duration::from_millis(100));
}

#[test]
fn route_until_second_call_after_timeout() {
    let (router, _clock) = timed::<()>(PATIENT);
    let result = router.route_until(&mut (), |()| false, Duration::from_millis(10));
    assert_eq!(result, Err(RouteUntilError::Timeout));
    assert_eq!(router.route_until(&mut (), |()| true, PATIENCE), Ok(()));
}

#[test]
fn event_loop_after_route_until() {
    let (router, test_loop) = looped();
    let (sender, receiver) = recording_pipe(&router);
    send_from_worker(sender, &MESSAGES);
    let mut seen = Seen::new();
    router.route_until(&mut seen, |seen| seen.len() >= MESSAGES.len(), None).unwrap();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, MESSAGES);
    router.close_pipe(receiver).unwrap();
}
