//! Processes that are asked to stop, and killed.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use foreground::process::{Child, Command};
use foreground::tasks::{CancelToken, Progress, TaskCancelled, TaskExecutor, TaskOutcome};
use foreground::{MessageReceiver, MessageRouter, PipeEnd};
use rustix::process::{Pid, Signal, kill_process};

use crate::belongings::children_of_this_process;
use crate::common::{Seen, WAIT, child, collect, command, router, until_end};

/// So long that only a kill ahead of its time ends a test in time.
const LONG: Duration = Duration::from_secs(1000);
const SHORT: Duration = Duration::from_millis(50);

type Pipe = MessageReceiver<u32, Seen<u32>>;

/// A child that has connected, and told its number.
fn running(behaviour: &str, set: impl FnOnce(&mut Command)) -> (MessageRouter<Seen<u32>>, Pipe, Child) {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let mut command = child(behaviour, ticket);
    set(&mut command);
    let child = command.spawn().unwrap();
    let mut seen = Seen::default();
    router.route_until(&mut seen, |seen: &mut Seen<u32>| !seen.messages.is_empty(), WAIT).unwrap();
    assert_eq!(seen.messages[0], child.id());
    (router, receiver, child)
}

/// Whether the system has a process of this number, be it a zombie.
fn exists(process: u32) -> bool {
    fs::exists(format!("/proc/{process}")).unwrap()
}

/// Waits until the system knows it no more.
fn until_gone(process: u32) {
    let deadline = Instant::now() + WAIT;
    while exists(process) {
        assert!(
            Instant::now() < deadline,
            "process {process} is still there: {:?}",
            children_of_this_process()
        );
        thread::yield_now();
    }
}

fn status(child: &Child) -> ExitStatus {
    child.wait_timeout(WAIT).unwrap().expect("it ends in time")
}

fn signal(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(process as i32).unwrap(), signal).unwrap();
}

#[test]
fn a_child_that_heeds_the_request_ends_by_itself() {
    let (router, _receiver, child) = running("heed", |command| {
        command.grace(LONG);
    });
    child.stop();
    assert_eq!(until_end(&router).end, Some(PipeEnd::Stopped));
    assert_eq!(status(&child).code(), Some(5));
}

#[test]
fn a_child_that_ignores_the_request_is_killed_after_its_grace() {
    let (router, _receiver, child) = running("ignore", |command| {
        command.grace(SHORT);
    });
    let asked = Instant::now();
    child.stop();
    let Some(PipeEnd::Lost(Some(lost))) = until_end(&router).end else { panic!() };
    assert_eq!(lost.signal(), Some(9));
    assert!(asked.elapsed() >= SHORT);
    assert_eq!(status(&child), lost);
}

#[test]
fn a_child_that_is_suspended_is_killed_after_its_grace() {
    let (_router, _receiver, child) = running("heed", |command| {
        command.grace(SHORT);
    });
    signal(child.id(), Signal::STOP);
    let deadline = Instant::now() + WAIT;
    while !children_of_this_process().contains(&(child.id(), 'T')) {
        assert!(Instant::now() < deadline, "it is not suspended: {:?}", children_of_this_process());
        thread::yield_now();
    }
    child.stop();
    assert_eq!(status(&child).signal(), Some(9));
}

#[test]
fn a_child_that_never_connects_is_sent_a_signal() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let child = child("sleep", ticket).grace(LONG).spawn().unwrap();
    child.stop();
    assert_eq!(status(&child).signal(), Some(15));
    assert_eq!(until_end(&router).end, Some(PipeEnd::Lost(Some(status(&child)))));
}

#[test]
fn a_child_without_a_ticket_is_sent_a_signal_once() {
    // A shell looks at the signals that have come in the order of their numbers, in which the other one is behind.
    let script = "trap 'echo asked' TERM; trap 'echo last' URG; echo ready; while :; do sleep 0.01; done";
    let mut command = Command::new("sh");
    let child = command.args(["-c", script]).stdout(Stdio::piped()).grace(LONG).spawn().unwrap();
    let mut lines = BufReader::new(child.take_stdout().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "ready");
    child.stop();
    assert_eq!(lines.next().unwrap(), "asked");
    child.stop();
    let id = child.id();
    drop(child);
    signal(id, Signal::URG);
    assert_eq!(lines.next().unwrap(), "last");
    signal(id, Signal::KILL);
    assert_eq!(lines.next(), None);
    until_gone(id);
}

#[test]
fn a_child_whose_pipe_was_closed_before_is_left_its_time_to_end() {
    let (router, receiver, child) = running("heed", |command| {
        command.grace(LONG);
    });
    router.close_pipe(receiver).unwrap();
    child.stop();
    assert_eq!(status(&child).code(), Some(5)); // by a signal it would be none
}

#[test]
fn a_child_that_has_stopped_its_sender_is_left_half_its_grace_and_then_sent_a_signal() {
    for (grace, heeds) in [(LONG, true), (Duration::from_secs(4), false)] {
        let router = router();
        let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
        collect(&receiver);
        let child = child("linger", ticket).grace(grace).stdin(Stdio::piped()).spawn().unwrap();
        let seen = until_end(&router);
        assert_eq!((seen.messages, seen.end), (vec![child.id()], Some(PipeEnd::Stopped)));
        // Its end would let it go by itself.
        let stdin = child.take_stdin().unwrap();
        child.stop();
        if heeds {
            drop(stdin);
            assert_eq!(status(&child).code(), Some(6));
        } else {
            assert_eq!(status(&child).signal(), Some(15));
        }
    }
}

#[test]
fn a_child_that_is_dropped_stops() {
    let (router, _receiver, child) = running("heed", |command| {
        command.grace(LONG);
    });
    let id = child.id();
    drop(child);
    assert_eq!(until_end(&router).end, Some(PipeEnd::Stopped));
    until_gone(id);
}

#[test]
fn a_child_that_is_killed_is_lost_with_its_signal_and_leaves_no_zombie() {
    let (router, _receiver, child) = running("ignore", |_| {});
    child.kill();
    let Some(PipeEnd::Lost(Some(lost))) = until_end(&router).end else { panic!() };
    assert_eq!(lost.signal(), Some(9));
    let id = child.id();
    until_gone(id);
    // Nothing is there any more that this could reach.
    child.kill();
    child.stop();
    assert_eq!(status(&child), lost);
}

#[test]
fn a_child_that_is_detached_lives_on_and_is_waited_for() {
    let (router, receiver, child) = running("heed", |command| {
        command.grace(SHORT);
    });
    let id = child.id();
    child.detach();
    // It is there, and sends.
    let mut seen = Seen::default();
    router.route_until(&mut seen, |seen: &mut Seen<u32>| seen.messages.len() > 100, WAIT).unwrap();
    assert!(exists(id));
    router.close_pipe(receiver).unwrap();
    until_gone(id);
}

#[test]
fn many_threads_may_wait_while_one_kills() {
    let child = command("sleep").spawn().unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..8).map(|_| scope.spawn(|| status(&child).signal())).collect();
        child.kill();
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap(), Some(9));
        }
    });
}

#[test]
fn a_wait_is_ended_by_a_cancel_and_the_child_with_it() {
    let (_router, _receiver, child) = running("ignore", |command| {
        command.grace(SHORT);
    });
    let token = CancelToken::new();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| child.wait_or_cancel(&token));
        token.cancel();
        let error = waiting.join().unwrap().unwrap_err();
        assert!(error.get_ref().unwrap().is::<TaskCancelled>());
    });
    // It was waited for.
    assert_eq!(child.try_wait().unwrap().unwrap().signal(), Some(9));
    // What has ended is told, cancelled or not.
    assert_eq!(child.wait_or_cancel(&token).unwrap().signal(), Some(9));
}

#[test]
fn a_wait_that_is_not_cancelled_tells_the_status() {
    let child = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
    assert_eq!(child.wait_or_cancel(&CancelToken::new()).unwrap().code(), Some(3));
}

#[test]
fn a_task_that_is_cancelled_takes_its_child_along() {
    type State = (Option<u32>, Option<TaskOutcome<ExitStatus, io::Error>>);
    let router = router::<State>();
    let executor = TaskExecutor::new(&router);
    let (begun, has_begun) = router.pipe::<u32>().unwrap();
    has_begun.on_message(|state: &mut State, id| state.0 = Some(id));
    let job = executor
        .submit_try_progress(move |task: &Progress<u8>| {
            let child = command("sleep").spawn()?;
            begun.start().send(child.id()).unwrap();
            child.wait_or_cancel(task.token())
        })
        .unwrap();
    job.on_done(|state: &mut State, outcome| state.1 = Some(outcome));
    let mut state = State::default();
    router.route_until(&mut state, |state| state.0.is_some(), WAIT).unwrap();
    job.cancel();
    router.route_until(&mut state, |state| state.1.is_some(), WAIT).unwrap();
    assert!(matches!(state.1, Some(TaskOutcome::Cancelled)), "{:?}", state.1);
    assert!(!exists(state.0.unwrap()));
}
