//! What children are given: tickets in several ways, streams, and nothing else.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::Stdio;

use foreground::PipeEnd;
use foreground::process::{Command, TICKET_VARIABLE};

use crate::common::{WAIT, collect, command, router, until_end};

#[test]
fn a_ticket_comes_as_a_line_of_the_standard_input_and_nothing_follows() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let _child = command("stdin").ticket_on_stdin(ticket).spawn().unwrap();
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![0], Some(PipeEnd::Stopped)));
}

#[test]
fn a_ticket_that_is_handed_over_by_the_user_may_be_followed_by_more() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let mut command = command("stdin");
    let child = command.stdin(Stdio::piped()).ticket_by_other_means(&ticket).spawn().unwrap();
    let mut stdin = child.take_stdin().unwrap();
    write!(stdin, "{ticket}\n1234567").unwrap();
    drop(stdin);
    assert_eq!(until_end(&router).messages, [7]);
}

#[test]
fn a_ticket_on_the_standard_input_of_a_child_that_has_none_is_no_error() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let child = Command::new("sh").args(["-c", "exec <&-; exit 3"]).ticket_on_stdin(ticket).spawn().unwrap();
    let Some(PipeEnd::Lost(Some(status))) = until_end(&router).end else { panic!() };
    assert_eq!((status.code(), child.wait().unwrap()), (Some(3), status));
}

/// Those of this process, but for the one with which this looks.
pub fn descriptors() -> Vec<u32> {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    let found: Vec<u32> =
        entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    found
        .into_iter()
        .filter(|descriptor| fs::exists(format!("/proc/self/fd/{descriptor}")).unwrap())
        .collect()
}

/// In a process of its own, which has nothing yet but what it was started with.
pub fn hands_on_nothing() {
    let mut inherited = descriptors();
    let router = router();
    let _file = File::open("/proc/self/maps").unwrap();
    let (_other_ticket, _other) = router.remote_pipe::<u32>().unwrap();
    let _sleeping = command("sleep").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    assert!(descriptors().len() > inherited.len() + 4);
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let _child = command("look").ticket(ticket).spawn().unwrap();
    let mut found = until_end(&router).messages;
    inherited.sort();
    found.sort();
    assert_eq!(found, inherited);
}

#[test]
fn a_child_inherits_no_descriptor_of_the_router_or_of_other_children() {
    let child = command("hands_on_nothing").log_stderr(None).spawn().unwrap();
    assert!(child.wait_timeout(WAIT).unwrap().unwrap().success());
}

#[test]
fn a_ticket_in_the_environment_of_this_process_is_not_handed_on() {
    // The shell is given one, and starts nothing itself.
    let script = format!("echo \"${{{TICKET_VARIABLE}-none}}\"");
    for (set, expected) in [(false, "none\n"), (true, "mine\n")] {
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdout(Stdio::piped());
        if set {
            command.env(TICKET_VARIABLE, "mine");
        }
        let child = command.spawn().unwrap();
        let mut text = String::new();
        child.take_stdout().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
    }
}

#[test]
fn a_child_that_reads_to_the_end_ends_when_it_is_waited_for() {
    // As all ways to wait do: what nobody took is closed.
    for way in 0..3 {
        let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let status = match way {
            0 => child.wait().unwrap(),
            1 => child.wait_timeout(WAIT).unwrap().unwrap(),
            _ => child.wait_or_cancel(&foreground::tasks::CancelToken::new()).unwrap(),
        };
        assert!(status.success());
    }
}

#[test]
fn a_child_that_is_detached_finds_its_streams_closed() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let mut command = command("linger");
    command.ticket(ticket).stdin(Stdio::piped());
    let child = command.spawn().unwrap();
    let (told, exited) = std::sync::mpsc::channel();
    let other = crate::common::router::<()>();
    child.on_exit(&other, move |(), status| told.send(status).unwrap()).unwrap();
    child.detach();
    let mut status = None;
    let mut look = |_: &mut ()| {
        status = status.or_else(|| exited.try_recv().ok());
        status.is_some()
    };
    other.route_until(&mut (), &mut look, WAIT).unwrap();
    assert_eq!(status.unwrap().unwrap().code(), Some(6));
}
