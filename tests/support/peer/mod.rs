//! The other ends of connections: programs in Python, of `tests/peers`, as children of the test. They are driven by
//! lines of JSON; the head of each script says which.

// Each test binary uses its own part of this.
#![allow(dead_code)]
// The items are public for the files beside this one.
#![allow(unreachable_pub)]

pub mod aiomas;
pub mod python;
pub mod ratchet;
pub mod tinyrpc_http;
pub mod zmq;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use self::python::Python;

/// A peer that lets the test wait longer is killed, and the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// A script that runs beside the test, and ends with it: on drop, or when the test's process has died, as its
/// input ends then. If the test fails, what the script wrote to its standard error is shown.
pub struct Peer {
    name: String,
    process: Child,
    /// `None` once [`end_input`](Self::end_input) was called.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Events that were not waited for yet.
    kept: VecDeque<Value>,
    /// Gives what was written to the standard error, when that has ended.
    errors: Option<JoinHandle<String>>,
}

impl Peer {
    /// Starts `script`, a file of `tests/peers`.
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(Python::find())
            .arg(python::root().join("tests/peers").join(script))
            .args(arguments)
            // What would have Python import something else than the peers need.
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the interpreter starts");
        let stdout = process.stdout.take().expect("it is piped");
        let mut stderr = process.stderr.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens after the test's end; it is read nevertheless, lest the peer wait for that.
                let _ = sender.send(line);
            }
        });
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            // What was read before a failure is kept.
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let name = [&[script], arguments].concat().join(" ");
        let stdin = process.stdin.take();
        Self { name, process, stdin, lines, kept: VecDeque::new(), errors: Some(errors) }
    }

    /// Writes a command.
    pub fn tell(&mut self, command: &Value) {
        let stdin = self.stdin.as_mut().expect("the input has not been ended");
        let told = writeln!(stdin, "{command}").and_then(|()| stdin.flush());
        if let Err(error) = told {
            panic!("{} does not listen: {error}", self.name);
        }
    }

    /// Waits for the next event that is named so.
    pub fn wait_for(&mut self, name: &str) -> Value {
        self.wait_for_one(name, |_| true)
    }

    /// Waits for the next event that is named so and for which `is_it` holds. Others are kept, in their order.
    pub fn wait_for_one(&mut self, name: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        self.wait_for_any(&[name], is_it)
    }

    /// Waits for the next event that has one of these names and for which `is_it` holds.
    pub fn wait_for_any(&mut self, names: &[&str], is_it: impl Fn(&Value) -> bool) -> Value {
        let is_it = |event: &Value| names.iter().any(|name| event["event"] == *name) && is_it(event);
        if let Some(found) = self.kept.iter().position(&is_it) {
            return self.kept.remove(found).expect("it was found there");
        }
        let deadline = Instant::now() + DEADLINE;
        loop {
            let Some(line) = self.line(deadline) else {
                panic!(
                    "{} ended without the event {}; before: {:?}",
                    self.name,
                    names.join(" or "),
                    self.kept
                );
            };
            let Ok(event) = serde_json::from_str::<Value>(&line) else {
                panic!("{} wrote what is no event: {line}", self.name);
            };
            if is_it(&event) {
                return event;
            }
            self.kept.push_back(event);
        }
    }

    /// The next line of the output, or `None` at its end.
    fn line(&mut self, deadline: Instant) -> Option<String> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!(
                    "{} wrote nothing that was waited for within {DEADLINE:?}; before: {:?}",
                    self.name, self.kept
                )
            }
        }
    }

    /// Ends the peer's input, and with it the peer.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Ends the peer in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.process.kill().expect("it can be killed");
    }

    /// Has the peer do nothing more, without ending it.
    pub fn stop(&mut self) {
        let process = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(process, rustix::process::Signal::STOP).expect("it is our child");
    }

    /// Waits for the peer's own end; returns how it ended and what it wrote that was not waited for.
    pub fn wait_for_end(&mut self) -> (ExitStatus, Vec<String>) {
        let mut lines: Vec<_> = self.kept.drain(..).map(|event| event.to_string()).collect();
        let deadline = Instant::now() + DEADLINE;
        while let Some(line) = self.line(deadline) {
            lines.push(line);
        }
        // Its output has ended, which is the last that it does.
        (self.process.wait().expect("it is our child"), lines)
    }

    /// Ends the peer, and returns what it wrote to its standard error.
    pub fn into_errors(mut self) -> String {
        self.end()
    }

    fn end(&mut self) -> String {
        // Both fail if it has ended, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let errors = self.end();
        if thread::panicking() && !errors.is_empty() {
            eprintln!("{} wrote:\n{errors}", self.name);
        }
    }
}

/// Runs a script that needs no commands, and returns the lines of its output. It has to succeed.
pub fn run(script: &str, arguments: &[&str]) -> Vec<String> {
    let mut peer = Peer::start(script, arguments);
    let (status, lines) = peer.wait_for_end();
    assert!(status.success(), "{} failed: {status}", peer.name);
    lines
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is text")).to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is a number"))
}
