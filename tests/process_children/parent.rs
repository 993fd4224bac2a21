//! The process with the router is killed, and its child notices.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use crate::common::{BEHAVIOUR, TO_BEHAVE, WAIT};

/// Starts a process with a router and a child in which the behaviour runs, kills it, and returns what the child and the shell around it
/// said: all, for they have to end before this does.
fn orphaned(behaviour: &str) -> Vec<String> {
    said_below("middle", behaviour, |middle| middle.kill().unwrap())
}

/// The same of a process in the middle that behaves as is said, and has `end` done to it.
fn said_below(middle: &str, behaviour: &str, end: impl Fn(&mut Child)) -> Vec<String> {
    let mut middle = Command::new(std::env::current_exe().unwrap())
        .args(TO_BEHAVE)
        .env(BEHAVIOUR, middle)
        .env("OF_THE_CHILD", behaviour)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(middle.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines = lines.filter(|line| line.starts_with("said=") || line.starts_with("code="));
    let (sender, heard) = mpsc::channel();
    // It waits for as long as anybody has the other end.
    thread::spawn(move || lines.for_each(|line| drop(sender.send(line))));
    let deadline = Instant::now() + WAIT;
    let mut said = Vec::new();
    loop {
        match heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => said.push(line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                middle.kill().unwrap();
                panic!("they have not ended, and said {said:?}");
            }
        }
        if said.len() == 1 {
            end(&mut middle);
        }
    }
    middle.wait().unwrap();
    said
}

#[test]
fn a_child_ends_when_the_process_with_the_router_is_killed() {
    assert_eq!(orphaned("serve"), ["said=serving", "code=1"]);
}

#[test]
fn a_child_whose_logger_panics_ends_all_the_same() {
    assert_eq!(orphaned("serve without a log"), ["said=serving", "code=1"]);
}

#[test]
fn a_child_that_is_to_survive_lives_on_and_cannot_send() {
    assert_eq!(orphaned("survive"), ["said=serving", "said=survived", "code=7"]);
}

#[test]
fn a_child_that_does_not_heed_a_close_ends_with_the_process_that_exits() {
    assert_eq!(said_below("middle that exits", "deaf", |_| ()), ["said=serving", "code=1"]);
}
