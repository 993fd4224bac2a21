//! Tests that look at their whole process: its environment, its descriptors, the one door of it.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

/// Names the test for which a process was started.
const ALONE: &str = "FOREGROUND_TEST_ALONE";

/// Runs a test in a process of its own, with these variables in its environment. `name` is the test's, with its module.
pub fn alone(name: &str, environment: &[(&str, &OsStr)], test: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return test();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ALONE, "yes")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{told}");
    assert!(said.contains("1 passed"), "there is no test called {name}: {said}");
}

/// How many descriptors this process has open.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
