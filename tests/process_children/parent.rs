//! The process with the router is killed, and its child notices.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::common::{BEHAVIOUR, TO_BEHAVE};

/// Starts a process with a router and a child in which the behaviour runs, kills it, and returns what the child and the shell around it
/// said: all, for they have to end before this does.
fn orphaned(behaviour: &str) -> Vec<String> {
    said_below("middle", behaviour, |middle| middle.kill().unwrap())
}

/// The same of a process in the middle that behaves as is said, and has `end` done to it.
fn said_below(middle: &str, behaviour: &str, end: impl FnOnce(&mut Child)) -> Vec<String> {
    let mut middle = Command::new(std::env::current_exe().unwrap())
        .args(TO_BEHAVE)
        .env(BEHAVIOUR, middle)
        .env("OF_THE_CHILD", behaviour)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(middle.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut lines = lines.filter(|line| line.starts_with("said=") || line.starts_with("code="));
    let mut said = vec![lines.next().expect("the child begins")];
    end(&mut middle);
    middle.wait().unwrap();
    said.extend(lines);
    said
}

#[test]
fn a_child_ends_when_the_process_with_the_router_is_killed() {
    assert_eq!(orphaned("serve"), ["said=serving", "code=1"]);
}

#[test]
fn a_child_that_is_to_survive_lives_on_and_cannot_send() {
    assert_eq!(orphaned("survive"), ["said=serving", "said=survived", "code=7"]);
}

#[test]
fn a_child_that_does_not_heed_a_close_ends_with_the_process_that_exits() {
    assert_eq!(said_below("middle that exits", "deaf", |_| ()), ["said=serving", "code=1"]);
}
