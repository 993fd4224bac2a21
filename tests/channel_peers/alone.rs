//! Tests that measure their process, and so must have it for themselves.

use std::env;
use std::fs;
use std::process::{Command, Stdio};

use crate::support::within_limit;

/// Which test a process was started for.
const ALONE: &str = "FOREGROUND_CHANNEL_TEST";

/// Runs the test so named in a process of its own.
pub fn run(name: &str, test: impl FnOnce() + Send + 'static) {
    // The name within the test binary begins after the crate's.
    let name = name.split_once("::").map_or(name, |(_, name)| name);
    if env::var(ALONE).is_ok_and(|alone| alone == name) {
        return within_limit(test);
    }
    let output = command(name).output().expect("the test's own binary runs");
    assert!(
        output.status.success(),
        "alone, it failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// This binary, told to run one test only.
fn command(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("the test has a binary"));
    command.args([name, "--exact", "--nocapture"]).env(ALONE, name).stdin(Stdio::null());
    command
}

/// What this process holds in memory, in bytes.
pub fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is among what it tells");
    let kilobytes = line.trim().strip_suffix("kB").expect("it is in kilobytes").trim();
    kilobytes.parse::<usize>().expect("it is a number") * 1024
}

/// How many files and sockets this process has open.
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux tells").count()
}

/// The names of this process's threads, which Linux cuts to 15 bytes, and whether they sleep.
pub fn threads() -> Vec<(String, bool)> {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux tells");
    // One that has ended meanwhile cannot be read.
    tasks
        .filter_map(|task| {
            let stat = fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
            Some((name.to_owned(), rest.trim_start().starts_with('S')))
        })
        .collect()
}

/// Whether connections are being looked after.
pub fn has_io_thread() -> bool {
    threads().iter().any(|(name, _)| name == "foreground-io")
}

/// Whether there is a thread so named, and it sleeps.
pub fn sleeps(name: &str) -> bool {
    threads().iter().any(|(other, sleeps)| *sleeps && other == name)
}
