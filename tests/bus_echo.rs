//! The example `bus_echo` as two programs, and with a peer in Python as either.

#![cfg(unix)]

#[path = "support/example.rs"]
#[allow(unreachable_pub)]
mod example;
#[path = "support/peer/mod.rs"]
mod peer;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use self::example::example;
use self::peer::ratchet::{Parts, Ratchet};

/// A server while it runs; ended on drop.
struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(address: &str) -> Self {
        let mut process = Command::new(example("bus_echo"))
            .args(["server", address])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut server = Self { process, output, address: String::new() };
        let line = server.line();
        server.address = line.strip_prefix("listening at ").expect("it says where it listens").to_owned();
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it writes text");
        line.trim_end().to_owned()
    }

    /// As Ctrl-C does.
    fn interrupt(mut self) {
        let process = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(process, rustix::process::Signal::INT).expect("it runs");
        let status = self.process.wait().expect("it is our child");
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("it writes text");
        assert!(status.success(), "{status}: {rest}");
        assert_eq!(rest, "");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if it has ended, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn client(arguments: &[&str]) -> Output {
    Command::new(example("bus_echo")).args(arguments).output().expect("the example starts")
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn refused(arguments: &[&str], code: i32) -> String {
    let output = client(arguments);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn two_programs_over_tcp_and_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.sock");
    let file = folder.path().join("file");
    std::fs::write(&file, [0; 70_000]).unwrap();
    let file = file.to_str().unwrap();
    for address in ["127.0.0.1:0".to_owned(), format!("unix:{}", path.display())] {
        let mut server = Server::start(&address);
        let address = server.address.clone();
        assert_eq!(
            out(&client(&["client", &address, "hello", "there"])),
            format!("{address} answers: hello there")
        );
        let line = server.line();
        assert!(line.ends_with(" writes: hello there"), "{line}");
        let attached = out(&client(&["client", &address, "--attach", file, "a file", "--attach", file]));
        assert_eq!(attached, format!("{address} answers: a file (attached: 70000 bytes, 70000 bytes)"));
        let line = server.line();
        assert!(line.ends_with(" writes: a file (attached: 70000 bytes, 70000 bytes)"), "{line}");
        server.interrupt();
    }
    assert!(!path.exists(), "the socket\'s file is removed");
}

#[test]
fn a_python_client_asks_the_example() {
    let mut server = Server::start("127.0.0.1:0");
    let mut client = Ratchet::client();
    let request = Parts::new("grüße".as_bytes(), &[b"", b"\0\xff"]);
    let number = client.request(&server.address, &request);
    assert_eq!(client.response(number), Ok(request));
    assert!(server.line().ends_with(" writes: grüße (attached: 0 bytes, 2 bytes)"));
    // What is no text is no letter, and the server goes on.
    let number = client.request(&server.address, &Parts::new(b"\xff", &[]));
    assert!(client.response(number).is_err());
    let number = client.request(&server.address, &Parts::new(b"on", &[]));
    assert_eq!(client.response(number), Ok(Parts::new(b"on", &[])));
}

#[test]
fn the_example_asks_a_python_server() {
    let mut server = Ratchet::server("127.0.0.1:0", &[]);
    let address = server.address().to_owned();
    let asking = std::thread::spawn(move || client(&["client", &address, "hello"]));
    let request = server.request();
    assert_eq!(request.parts, Parts::new(b"hello", &[]));
    server.respond(request.number, &Parts::new(b"back", &[b"xyz"]));
    let answer = out(&asking.join().unwrap());
    assert!(answer.ends_with(" answers: back (attached: 3 bytes)"), "{answer}");

    let address = server.address().to_owned();
    let asking = std::thread::spawn(move || refused(&["client", &address, "hello"], 1));
    let request = server.request();
    server.drop_request(request.number, false);
    assert!(asking.join().unwrap().contains("there will be no response"));
}

#[test]
fn wrong_arguments_and_missing_servers_are_told() {
    for (arguments, says) in [
        (&[] as &[&str], "nothing to do"),
        (&["dance"], "neither server nor client"),
        (&["server"], "an address is missing"),
        (&["server", "127.0.0.1:0", "more"], "\"more\" is too much"),
        (&["client", "127.0.0.1:1"], "nothing to send"),
        (&["client", "127.0.0.1:1", "--attach"], "--attach lacks its file"),
        (&["client", "127.0.0.1:1", "--louder"], "--louder is unknown"),
    ] {
        let text = refused(arguments, 2);
        assert!(text.contains(says) && text.contains("usage: bus_echo"), "{text}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    assert!(refused(&["server", &taken], 1).contains(&format!("cannot listen at {taken}")));
    drop(listener);
    let text = refused(&["client", &taken, "hello"], 1);
    assert!(text.contains(&taken) && text.contains("could not be made"), "{text}");
    assert!(refused(&["client", "nowhere", "hello"], 1).contains("is no address"));
    assert!(
        refused(&["client", &taken, "--attach", "/no/such/file"], 1).contains("/no/such/file cannot be read")
    );
}

#[test]
fn the_demo_runs_both() {
    let output = Command::new(example("bus_echo"))
        .arg("--demo")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the example starts");
    assert_eq!(out(&output).lines().count(), 2);
}
