//! The example `vote`: a group and its members, each a process.

#![cfg(unix)]

mod support {
    pub mod example;
}

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::support::example::example;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn all_vote_and_hear_the_result() {
    let output = Command::new(example("vote")).output().unwrap();
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for line in [
        "ann is asked: Tea or coffee?",
        "coffee: 1",
        "tea: 2",
        "ann hears: coffee: 1, tea: 2",
        "bob hears: coffee: 1, tea: 2",
        "eve hears: coffee: 1, tea: 2",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in:\n{printed}");
    }
}

/// One that was free a moment ago.
fn free_address() -> String {
    format!("tcp://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

#[test]
fn who_does_not_come_is_named_and_a_stranger_has_no_vote() {
    let (publishers, subscribers) = (free_address(), free_address());
    let addresses = ["--publishers", &publishers, "--subscribers", &subscribers];
    let mut group = Command::new(example("vote"))
        .args(["group", "Now?", "ann", "bob", "--seconds", "5"])
        .args(addresses)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stranger =
        Command::new(example("vote")).args(["member", "eve", "no"]).args(addresses).spawn().unwrap();
    let ann = Command::new(example("vote")).args(["member", "ann", "yes"]).args(addresses).output().unwrap();
    assert!(text(&ann.stdout).ends_with("ann hears: yes: 1, bob has not voted\n"), "{}", text(&ann.stdout));
    let lines: Vec<_> = BufReader::new(group.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    assert_eq!(lines, ["yes: 1", "bob has not voted"]);
    assert!(group.wait().unwrap().success());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn what_it_does_not_understand_is_an_error() {
    for arguments in [&["dance"][..], &["member", "ann", "yes"], &["group", "Now?", "--seconds"]] {
        let output = Command::new(example("vote")).args(arguments).output().unwrap();
        assert!(!output.status.success());
        assert!(text(&output.stderr).starts_with("vote: "), "{}", text(&output.stderr));
    }
}
