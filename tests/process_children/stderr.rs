//! What children say on their standard error.

use std::io::Read;
use std::process::Stdio;

use ::log::Level;
use foreground::process::{Child, Command};

use crate::common::WAIT;
use crate::log;

fn shell(script: &str) -> Command {
    log::keep();
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// What is in the log when it has been waited for.
fn said(child: &Child) -> Vec<String> {
    child.wait_timeout(WAIT).unwrap().unwrap();
    log::said(child.id()).into_iter().map(|(_, line)| line).collect()
}

#[test]
fn lines_are_logged_by_the_time_the_child_is_known_to_have_ended() {
    for _ in 0..20 {
        let child =
            shell("echo one >&2; echo >&2; printf 'three, and no end' >&2; kill -9 $$").spawn().unwrap();
        assert_eq!(said(&child), ["one", "", "three, and no end"]);
    }
}

#[test]
fn much_is_logged_while_the_child_runs() {
    // A pipe holds 64 KiB: a child that nobody listened to would wait for ever.
    let child = shell(
        "n=0; while [ $n -lt 3000 ]; do echo \"$n: a line of some length, or longer than that\" >&2; n=$((n+1)); done",
    );
    let mut child = child;
    let child = child.spawn().unwrap();
    let said = said(&child);
    assert_eq!(said.len(), 3000);
    assert!(said.iter().enumerate().all(|(n, line)| line.starts_with(&format!("{n}: "))));
}

#[test]
fn long_lines_are_cut_and_nothing_of_them_is_lost() {
    let child = shell("printf '%020000d\\nnext' 7 >&2").spawn().unwrap();
    let said = said(&child);
    assert_eq!(said.last().unwrap(), "next");
    assert_eq!(said[..said.len() - 1].concat(), "0".repeat(19_999) + "7");
    assert!(said.len() > 2);
}

#[test]
fn what_is_no_utf_8_is_replaced() {
    let child = shell("printf 'caf\\351 \\377\\n' >&2").spawn().unwrap();
    assert_eq!(said(&child), ["caf\u{fffd} \u{fffd}"]);
}

#[test]
fn the_level_is_chosen() {
    let levels = [None, Some(Level::Error), Some(Level::Trace)];
    for level in levels {
        let mut command = shell("echo hello >&2");
        if let Some(level) = level {
            command.log_stderr(level);
        }
        let child = command.spawn().unwrap();
        child.wait_timeout(WAIT).unwrap().unwrap();
        assert_eq!(log::said(child.id()), [(level.unwrap_or(Level::Warn), "hello".to_owned())]);
    }
}

#[test]
fn what_is_given_elsewhere_is_not_logged() {
    let child = shell("echo hello >&2").stderr(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    child.take_stderr().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello\n");
    assert_eq!(said(&child), [""; 0]);
    let inherited = shell(":").log_stderr(None).spawn().unwrap();
    assert!(inherited.take_stderr().is_none());
}

#[test]
fn a_grandchild_that_has_it_too_keeps_nobody_waiting_and_is_heard() {
    // It says something when its standard input ends, which is that of the child.
    let mut command = shell(
        "exec 3<&0; (read -r line <&3; echo from the grandchild >&2) & echo from the child >&2; exit 2",
    );
    let child = command.stdin(Stdio::piped()).spawn().unwrap();
    let stdin = child.take_stdin().unwrap();
    assert_eq!(child.wait_timeout(WAIT).unwrap().unwrap().code(), Some(2));
    assert_eq!(log::said(child.id()), [(Level::Warn, "from the child".to_owned())]);
    drop(stdin);
    log::wait_for(child.id(), "from the grandchild");
}
