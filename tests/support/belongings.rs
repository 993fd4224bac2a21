//! What a process has, counted in one where no other test runs.

use std::env;
use std::fs;
use std::process;
use std::thread;
use std::time::Instant;

use crate::common::WAIT;

/// What a process has, of all that children could leave.
#[derive(Debug, PartialEq, Eq)]
pub struct Belongings {
    pub descriptors: usize,
    pub threads: usize,
    pub folders: usize,
    pub children: usize,
}

impl Belongings {
    pub fn now() -> Self {
        let count = |folder: &str| fs::read_dir(folder).unwrap().count();
        Self {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            folders: fs::read_dir(env::temp_dir()).unwrap().count(),
            children: children_of_this_process().len(),
        }
    }

    /// Waits until it is as it was: what is told of an end comes from a thread that is about to end itself, and sockets are closed
    /// in a moment.
    pub fn wait_until_as(before: &Self) {
        let deadline = Instant::now() + WAIT;
        while Self::now() != *before {
            assert!(Instant::now() < deadline, "{before:?} became {:?}", Self::now());
            thread::yield_now();
        }
    }
}

/// Their states, zombies included.
pub fn children_of_this_process() -> Vec<(u32, char)> {
    let mut children = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        // Gone meanwhile, or no process.
        let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
        // The name may have anything in it, parentheses too.
        let (Some((id, _)), Some((_, rest))) = (stat.split_once(' '), stat.rsplit_once(") ")) else {
            continue;
        };
        let mut fields = rest.split(' ');
        let (state, parent) = (fields.next().unwrap(), fields.next().unwrap());
        if parent == process::id().to_string() {
            children.push((id.parse().unwrap(), state.chars().next().unwrap()));
        }
    }
    children
}
