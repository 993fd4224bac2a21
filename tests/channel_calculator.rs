//! The example `channel_calculator`: two processes that talk, one of them now and then aiomas in Python.

#![cfg(all(unix, not(target_os = "macos")))]

#[path = "support/peer/mod.rs"]
mod peer;
mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::json;
use tempfile::tempdir;

use crate::peer::aiomas::{Aiomas, Codec};
use crate::peer::python::Python;
use crate::support::display::eventually;
use crate::support::example::example;
use crate::support::running::Running;

const ANY_PORT: &str = "127.0.0.1:0";
/// A program that says nothing for so long has failed the test.
const PATIENCE: Duration = Duration::from_secs(60);
/// Takes the server long enough to be asked other things meanwhile.
const SLOW: &str = "prime 30000";
const SLOW_ANSWER: &str = "prime 30000 = 350377";

/// Either side of the example, with its input open. Ended on drop.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(example("channel_calculator"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the example starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut complaints = child.stderr.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let errors = thread::spawn(move || {
            let mut text = String::new();
            complaints.read_to_string(&mut text).expect("it is text");
            text
        });
        Self { input: child.stdin.take(), child, lines, errors: Some(errors) }
    }

    /// Starts a server, and returns where it listens.
    fn server(address: &str, more: &[&str]) -> (Self, String) {
        let server = Self::start(&[&["server", address], more].concat());
        let line = server.line();
        let address = line.strip_prefix("listening at ").and_then(|rest| rest.split_once(';'));
        let (address, _) = address.unwrap_or_else(|| panic!("{line}"));
        let address = address.to_owned();
        (server, address)
    }

    fn client(address: &str, expressions: &[&str]) -> Self {
        Self::start(&[&["client", address], expressions].concat())
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.input.as_ref().expect("it has not been ended"), "{line}").expect("it reads");
    }

    /// The next line of the output.
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it says something")
    }

    fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits for its end; returns the exit code, the rest of the output, and the complaints.
    fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        let status = eventually("the program ends", || self.child.try_wait().expect("it is our child"));
        let errors = self.errors.take().expect("it is taken here").join().expect("it is read to its end");
        (status.code(), self.lines.iter().collect(), errors)
    }

    /// Ends a server well.
    fn stop(mut self) -> Vec<String> {
        self.end_input();
        let (code, lines, errors) = self.end();
        assert_eq!((code, &*errors), (Some(0), ""), "{lines:?}");
        assert_eq!(lines.last().map(String::as_str), Some("stopped"));
        lines
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail if it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn both_codecs_over_both_kinds_of_sockets() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("calculator");
    let unix = format!("unix:{}", path.display());
    for address in [ANY_PORT, &unix] {
        for codec in ["json", "msgpack"] {
            let codec = ["--codec", codec];
            let (server, address) = Program::server(address, &codec);
            let expressions = ["1 + 2", "2.5*-4", "1e300 * 1e300", "7 / 0", "-1 - 1"];
            let client = Program::client(&address, &[&expressions[..], &codec].concat());
            let (code, lines, errors) = client.end();
            assert_eq!(code, Some(1), "{errors}");
            assert_eq!(lines, ["1 + 2 = 3", "2.5 * -4 = -10", "-1 - 1 = -2"]);
            assert!(
                errors.contains("7 / 0: division by zero (ZeroDivisionError, says the server)"),
                "{errors}"
            );
            assert!(errors.contains("1e300 * 1e300: the result is too large (OverflowError"), "{errors}");

            // The history is that of all clients.
            let (code, lines, errors) = Program::client(&address, &["history 2", codec[0], codec[1]]).end();
            assert_eq!((code, &*errors), (Some(0), ""));
            assert_eq!(lines, ["history 2:", "    2.5 * -4 = -10", "    -1 - 1 = -2"]);
            assert!(server.stop()[0].ends_with(" 1 + 2 = 3"));
        }
    }
    assert!(!path.exists(), "the socket's file goes with the server");
}

#[test]
fn what_takes_long_does_not_delay_others() {
    let (server, address) = Program::server(ANY_PORT, &[]);
    let (code, lines, errors) = Program::client(&address, &[SLOW, "1 + 2"]).end();
    assert_eq!((code, &*errors), (Some(0), ""));
    assert_eq!(lines, ["1 + 2 = 3", SLOW_ANSWER]);
    server.stop();
}

#[test]
fn expressions_are_read_from_the_input() {
    let (server, address) = Program::server(ANY_PORT, &[]);
    let mut client = Program::client(&address, &[]);
    for (expression, answer) in [("1+2", "1 + 2 = 3"), ("", ""), ("2 / 8", "2 / 8 = 0.25")] {
        client.type_line(expression);
        if !answer.is_empty() {
            assert_eq!(client.line(), answer);
        }
    }
    for nonsense in ["three", "1 +", "prime many", "history 1 2", "prime 0", "1 % 2"] {
        client.type_line(nonsense);
    }
    client.type_line("prime 5");
    assert_eq!(client.line(), "prime 5 = 11");
    client.end_input();
    let (code, lines, errors) = client.end();
    assert_eq!((code, lines.len()), (Some(1), 0));
    let complaints: Vec<&str> = errors.lines().collect();
    assert_eq!(complaints.len(), 6, "{errors}");
    assert!(complaints[0].starts_with("channel_calculator: three: write NUMBER"), "{errors}");
    assert!(errors.contains("prime 0: only the first 200000 primes"), "{errors}");
    server.stop();
}

#[test]
fn thousands_at_once_are_all_answered_in_order() {
    let (server, address) = Program::server(ANY_PORT, &[]);
    let mut client = Program::client(&address, &[]);
    for n in 0..5_000 {
        client.type_line(&format!("{n} + 1"));
    }
    client.end_input();
    let (code, lines, errors) = client.end();
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(lines.iter().enumerate().all(|(n, line)| *line == format!("{n} + 1 = {}", n + 1)), "{lines:?}");
    assert_eq!(lines.len(), 5_000);
    server.stop();
}

#[test]
fn another_codec_on_the_other_side_is_told() {
    for (ours, theirs) in [("json", "msgpack"), ("msgpack", "json")] {
        let (server, address) = Program::server(ANY_PORT, &["--codec", ours]);
        let (code, lines, errors) = Program::client(&address, &["1 + 2", "--codec", theirs]).end();
        assert_eq!((code, lines.len()), (Some(1), 0));
        assert!(errors.contains("the same codec"), "{errors}");
        // Others are served as before.
        let (code, ..) = Program::client(&address, &["1 + 2", "--codec", ours]).end();
        assert_eq!(code, Some(0));
        server.stop();
    }
}

#[test]
fn a_server_that_dies_is_noticed() {
    let (mut server, address) = Program::server(ANY_PORT, &[]);
    let client = Program::client(&address, &["prime 200000", "1 + 2"]);
    assert_eq!(client.line(), "1 + 2 = 3");
    server.child.kill().unwrap();
    let (code, lines, errors) = client.end();
    assert_eq!((code, lines.len()), (Some(1), 0));
    assert!(errors.contains("the server has gone: "), "{errors}");
}

#[test]
fn a_server_that_ends_answers_what_is_under_way() {
    for by_signal in [false, true] {
        let (mut server, address) = Program::server(ANY_PORT, &[]);
        let client = Program::client(&address, &["prime 20000", "1 + 2"]);
        assert_eq!(client.line(), "1 + 2 = 3");
        if by_signal {
            let id = server.child.id().to_string();
            assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        } else {
            server.end_input();
        }
        assert_eq!(client.line(), "prime 20000 = 224737");
        assert_eq!(client.end().0, Some(0));
        let (code, lines, errors) = server.end();
        assert_eq!((code, &*errors), (Some(0), ""));
        assert_eq!(lines.last().map(String::as_str), Some("stopped"));
    }
}

#[test]
fn a_wrong_command_line_is_told_from_a_server_that_is_not_there() {
    let folder = tempdir().unwrap();
    let nobody = format!("unix:{}/nobody", folder.path().display());
    for (arguments, code, complaint) in [
        (&[] as &[&str], 2, "server or client"),
        (&["server"], 2, "Give an address"),
        (&["client", "localhost", "1 + 2"], 2, "is no address"),
        (&["server", ANY_PORT, "1 + 2"], 2, "is for a client"),
        (&["client", ANY_PORT, "--codec", "xml"], 2, "json or msgpack"),
        (&["client", ANY_PORT, "--codec"], 2, "json or msgpack"),
        (&["client", ANY_PORT, "--fast"], 2, "unknown option --fast"),
        (&["client", &nobody, "1 + 2"], 1, "cannot connect to unix:"),
        (&["server", "unix:/no/such/folder/socket"], 1, "cannot listen at unix:"),
    ] {
        let output = Running::start(Command::new(example("channel_calculator")).args(arguments)).end();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(complaint), "{arguments:?}: {errors}");
    }
    let help = Running::start(Command::new(example("channel_calculator")).arg("--help")).end();
    assert!(help.status.success() && help.stdout.starts_with(b"A calculator"));
}

#[test]
fn aiomas_is_as_good_a_client() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("calculator");
    let unix = format!("unix:{}", path.display());
    for (codec, name) in [(Codec::Json, "json"), (Codec::MsgPack, "msgpack")] {
        for address in [ANY_PORT, &unix] {
            let (server, address) = Program::server(address, &["--codec", name]);
            let mut client = Aiomas::client(codec, address.strip_prefix("unix:").unwrap_or(&address));
            assert_eq!(client.call(json!(["add", 1, 2])), Ok(json!(3.0)));
            assert_eq!(client.call(json!(["multiply", 0.5, 3])), Ok(json!(1.5)));
            assert_eq!(client.call(json!(["history", 1])), Ok(json!(["0.5 * 3 = 1.5"])));
            let failure = client.call(json!(["divide", 1, 0])).unwrap_err();
            assert_eq!(failure.error, "RemoteException");
            assert_eq!(failure.text, "ZeroDivisionError: division by zero\n");
            let failure = client.call(json!(["frobnicate", 1])).unwrap_err();
            assert!(failure.text.starts_with("TypeError: that is not understood; ask "), "{}", failure.text);

            client.send(&[json!(["prime", 20_000]), json!(["subtract", 1, 2])]);
            let order: Vec<_> = (0..2).map(|_| client.outcome().result).collect();
            assert_eq!(order, [Ok(json!(-1.0)), Ok(json!(224_737.0))]);
            client.close();
            server.stop();
        }
    }
}

#[test]
fn the_program_in_the_header_runs() {
    let source =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/channel_calculator/main.rs"));
    let source = source.unwrap();
    let (_, program) = source.split_once("//! ```python\n").unwrap();
    let (program, _) = program.split_once("//! ```\n").unwrap();
    let (server, address) = Program::server(ANY_PORT, &[]);
    let port = address.rsplit(':').next().unwrap();
    let program = program.replace("//! ", "").replace("5555", port);
    let output = Running::start(Command::new(Python::find()).args(["-c", &program])).end();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3.0 ['1 + 2 = 3']\n");
    server.stop();
}
