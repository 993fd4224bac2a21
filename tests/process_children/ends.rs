//! How the pipes of children end that do not come, or come and go.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process;
use std::sync::{LazyLock, Mutex, mpsc};
use std::time::{Duration, Instant};

use foreground::process::{Command, RemotePipeOptions, RemoteSender};
use foreground::{MessageRouter, PipeEnd, Refusal};
use serde::{Deserialize, Deserializer};

use crate::common::{BEHAVIOUR, Seen, TO_BEHAVE, WAIT, child, collect, command, router, until_end};

/// How the pipe ends that belongs to the ticket of such a command.
fn end_of(command: &mut Command) -> PipeEnd {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let _child = command.ticket(ticket).spawn();
    until_end(&router).end.unwrap()
}

#[test]
fn a_child_that_exits_without_coming_is_lost_with_its_code() {
    let begun = Instant::now();
    let PipeEnd::Lost(Some(status)) = end_of(Command::new("sh").args(["-c", "exit 4"])) else { panic!() };
    assert_eq!(status.code(), Some(4));
    // The ticket would have expired in a minute.
    assert!(begun.elapsed() < Duration::from_secs(50));
}

#[test]
fn a_child_that_cannot_be_started_has_never_started() {
    assert_eq!(end_of(&mut Command::new("/no/such/program")), PipeEnd::NeverStarted);
}

#[test]
fn a_command_that_is_dropped_has_never_started() {
    let router = router();
    let (ticket, receiver) =
        router.remote_pipe_with::<u32>(RemotePipeOptions::new().valid_for(None)).unwrap();
    collect(&receiver);
    let text = ticket.to_string();
    drop(child("heed", ticket));
    assert_eq!(until_end(&router).end, Some(PipeEnd::NeverStarted));
    let late = foreground::process::RemoteSender::<u32>::from_ticket(text.parse().unwrap());
    assert!(late.is_err());
}

#[test]
fn a_child_that_lives_and_does_not_come_has_never_started_when_its_ticket_expires() {
    let router = router();
    let options = RemotePipeOptions::new().valid_for(Duration::from_millis(100));
    let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
    collect(&receiver);
    let child = child("sleep", ticket).spawn().unwrap();
    assert_eq!(until_end(&router).end, Some(PipeEnd::NeverStarted));
    assert_eq!(child.try_wait().unwrap(), None);
}

#[test]
fn a_child_that_crashes_at_once_is_lost_with_its_signal_every_time() {
    for _ in 0..30 {
        let PipeEnd::Lost(Some(status)) = end_of(&mut command("abort")) else { panic!() };
        assert_eq!(status.signal(), Some(6));
    }
}

/// Reading one keeps the thread that reads all connections waiting, until it is told to go on.
struct Slow;

impl<'de> Deserialize<'de> for Slow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer)?;
        let (is_held, go_on) = &*GATE;
        is_held.0.send(()).unwrap();
        go_on.1.lock().unwrap().recv_timeout(WAIT).unwrap();
        Ok(Self)
    }
}

type Signal = (mpsc::SyncSender<()>, Mutex<mpsc::Receiver<()>>);

static GATE: LazyLock<(Signal, Signal)> = LazyLock::new(|| {
    let signal = || {
        let (send, receive) = mpsc::sync_channel(1);
        (send, Mutex::new(receive))
    };
    (signal(), signal())
});

#[test]
fn what_a_child_brought_that_has_gone_before_it_was_let_in_arrives_and_its_end_too() {
    let router = router::<Seen<u32>>();
    let options = RemotePipeOptions::new().type_name("slow");
    let (slow, _slow_receiver) = router.remote_pipe_with::<Slow>(options).unwrap();
    let slow = RemoteSender::<u8>::builder().type_name("slow").connect(slow).unwrap().start();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    slow.send(1).unwrap();
    let (is_held, go_on) = &*GATE;
    is_held.1.lock().unwrap().recv_timeout(WAIT).unwrap();

    let child = child("unread", ticket).spawn().unwrap();
    assert!(child.wait_timeout(WAIT).unwrap().unwrap().success());
    // The pipe is told after those who wait.
    let (told, is_told) = mpsc::channel();
    child.on_exit(&router, move |_, _| told.send(()).unwrap()).unwrap();
    router.route_until(&mut Seen::default(), |_| is_told.try_recv().is_ok(), WAIT).unwrap();
    go_on.0.send(()).unwrap();

    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![1, 2], Some(PipeEnd::Stopped)));
}

#[test]
fn a_child_that_is_gone_after_it_sent_nonsense_is_refused_every_time() {
    for _ in 0..30 {
        let end = end_of(&mut command("nonsense"));
        assert_eq!(end, PipeEnd::Refused(Refusal::Malformed));
    }
}

#[test]
fn a_command_starts_one_process_after_another_with_tickets_of_their_own() {
    let mut command = command("heed");
    for _ in 0..2 {
        let router = router::<Seen<u32>>();
        let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
        collect(&receiver);
        let child = command.ticket(ticket).spawn().unwrap();
        let mut seen = Seen::default();
        router.route_until(&mut seen, |seen: &mut Seen<u32>| !seen.messages.is_empty(), WAIT).unwrap();
        assert_eq!(seen.messages[0], child.id());
        child.stop();
        assert_eq!(child.wait_timeout(WAIT).unwrap().unwrap().code(), Some(5));
    }
    // Without one it is told so, and panics.
    let child = command.spawn().unwrap();
    assert_eq!(child.wait_timeout(WAIT).unwrap().unwrap().code(), Some(101));
}

#[test]
fn the_foreground_is_told_of_an_exit_before_and_after_it() {
    let router: MessageRouter<Vec<i32>> = router();
    let child = Command::new("sh").args(["-c", "exit 8"]).spawn().unwrap();
    for times in 1..=2 {
        let told = |codes: &mut Vec<i32>, status: Option<process::ExitStatus>| {
            codes.push(status.unwrap().code().unwrap());
        };
        child.on_exit(&router, told).unwrap();
        let mut codes = vec![8; times - 1];
        router.route_until(&mut codes, |codes| codes.len() == times, WAIT).unwrap();
        assert_eq!(codes, vec![8; times]);
        // The next one is set after it.
        child.wait_timeout(WAIT).unwrap().unwrap();
    }
    router.stop().unwrap();
    assert!(child.on_exit(&router, |_, _| {}).is_err());
}

/// In a process that ignores `SIGCHLD`, as some libraries make it: the system forgets how its children ended.
pub fn unwaited() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let child = Command::new("true").ticket(ticket).spawn().unwrap();
    child.on_exit(&router, |_, status| assert_eq!(status, None)).unwrap();
    assert_eq!(until_end(&router).end, Some(PipeEnd::Lost(None)));
    assert!(child.wait().is_err() && child.try_wait().is_err() && child.wait_timeout(WAIT).is_err());
    // By its number they would reach another process by now.
    child.kill();
    child.stop();
}

#[test]
fn a_child_that_the_system_forgets_is_lost_without_a_status() {
    let mut env = process::Command::new("env");
    env.arg("--ignore-signal=CHLD").arg(std::env::current_exe().unwrap()).args(TO_BEHAVE);
    let child = Command::from(env)
        .env(BEHAVIOUR, "unwaited")
        .log_stderr(None)
        .stdout(process::Stdio::null())
        .spawn()
        .unwrap();
    assert!(child.wait_timeout(WAIT).unwrap().unwrap().success());
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_whose_file_was_replaced_still_starts_itself() {
    let folder = tempfile::tempdir().unwrap();
    let renamed = folder.path().join("renamed");
    let program = std::env::current_exe().unwrap();
    fs::hard_link(&program, &renamed).or_else(|_| fs::copy(&program, &renamed).map(drop)).unwrap();
    let mut command = Command::new(renamed);
    let child = command
        .args(TO_BEHAVE)
        .env(BEHAVIOUR, "replaced")
        .log_stderr(None)
        .stdout(process::Stdio::null())
        .spawn()
        .unwrap();
    assert!(child.wait_timeout(WAIT).unwrap().unwrap().success());
}
