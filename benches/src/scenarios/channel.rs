//! Requests between two ends of a Unix socket, as JSON.

use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use foreground::channel::{Channel, Options};

use super::{Figure, Size};

/// What is asked and answered, in the manner of the original's own measurement: a text of so many letters.
const LETTERS: usize = 64;

/// How many requests are sent before the first reply is waited for.
const IN_FLIGHT: usize = 1000;

/// Requests that are answered before the clock starts.
const WARM_UP: u64 = 500;

fn text() -> String {
    "x".repeat(LETTERS)
}

fn rounds(size: &Size) -> u64 {
    (size.calls / IN_FLIGHT as u64 / 2).max(3)
}

/// A pair of channels, the second of which answers what it is asked until the first is closed.
fn echo() -> (Channel, thread::JoinHandle<()>) {
    let (client, server) = UnixStream::pair().expect("a pair of sockets");
    let options = Options::new();
    let server = options.open(server).expect("a channel");
    let thread = thread::spawn(move || {
        while let Ok(request) = server.recv() {
            let content: String = request.content().expect("a text");
            request.reply(&content).expect("the client is there");
        }
    });
    (options.open(client).expect("a channel"), thread)
}

/// The time from a request to its reply, one after the other.
pub fn round_trip(size: &Size) -> Figure {
    let (channel, server) = echo();
    let text = text();
    let call =
        |count| (0..count).for_each(|_| assert_eq!(channel.call::<String>(&text).expect("a reply"), text));
    call(WARM_UP);
    let start = Instant::now();
    call(size.calls / 4);
    let figure = Figure::time_of_each(start.elapsed(), size.calls / 4);
    drop(channel);
    server.join().expect("the server ends");
    figure
}

/// The time that a request takes of many.
pub fn in_flight(size: &Size) -> Figure {
    let (channel, server) = echo();
    let text = text();
    let round = || {
        let pending: Vec<_> = (0..IN_FLIGHT).map(|_| channel.request(&text).expect("it is sent")).collect();
        for pending in pending {
            assert_eq!(pending.wait::<String>().expect("a reply"), text);
        }
    };
    round();
    let start = Instant::now();
    (0..rounds(size)).for_each(|_| round());
    let figure = Figure::time_of_each(start.elapsed(), rounds(size) * IN_FLIGHT as u64);
    drop(channel);
    server.join().expect("the server ends");
    figure
}

/// The same bytes by hand: blocking sockets, and nothing but what this measurement needs.
mod by_hand {
    use super::*;

    type Message = (u8, u64, String);

    pub fn write(stream: &mut impl Write, message: &(u8, u64, &str)) {
        let mut frame = vec![0; 4];
        serde_json::to_writer(&mut frame, message).expect("it is encoded");
        let length = u32::try_from(frame.len() - 4).expect("it is short");
        frame[..4].copy_from_slice(&length.to_be_bytes());
        stream.write_all(&frame).expect("the peer is there");
    }

    pub fn read(stream: &mut impl Read) -> Option<Message> {
        let mut length = [0; 4];
        stream.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut frame).expect("the rest comes");
        Some(serde_json::from_slice(&frame).expect("it is decoded"))
    }

    pub fn echo() -> (UnixStream, thread::JoinHandle<()>) {
        let (client, server) = UnixStream::pair().expect("a pair of sockets");
        let thread = thread::spawn(move || {
            let mut input = BufReader::new(server.try_clone().expect("a second handle"));
            let mut output = server;
            while let Some((_, id, content)) = read(&mut input) {
                write(&mut output, &(1, id, &content));
            }
        });
        (client, thread)
    }
}

pub fn round_trip_by_hand(size: &Size) -> Figure {
    let (client, server) = by_hand::echo();
    let mut input = BufReader::new(client.try_clone().expect("a second handle"));
    let mut output = client;
    let text = text();
    let mut call = |count| {
        for id in 0..count {
            by_hand::write(&mut output, &(0, id, &text));
            let (_, replied, content) = by_hand::read(&mut input).expect("a reply");
            assert_eq!((replied, &content), (id, &text));
        }
    };
    call(WARM_UP);
    let start = Instant::now();
    call(size.calls / 4);
    let figure = Figure::time_of_each(start.elapsed(), size.calls / 4);
    drop((input, output));
    server.join().expect("the server ends");
    figure
}

/// A second thread reads, or both ends would wait for each other to read.
pub fn in_flight_by_hand(size: &Size) -> Figure {
    let (client, server) = by_hand::echo();
    let mut input = BufReader::new(client.try_clone().expect("a second handle"));
    let mut output = client;
    let text = text();
    let (done, is_done) = mpsc::channel();
    let expected = text.clone();
    let reader = thread::spawn(move || {
        while let Some((_, id, content)) = by_hand::read(&mut input) {
            assert_eq!(content, expected);
            if id as usize == IN_FLIGHT - 1 {
                done.send(()).expect("somebody waits");
            }
        }
    });
    let mut round = || {
        (0..IN_FLIGHT as u64).for_each(|id| by_hand::write(&mut output, &(0, id, &text)));
        is_done.recv().expect("all are answered");
    };
    round();
    let start = Instant::now();
    (0..rounds(size)).for_each(|_| round());
    let figure = Figure::time_of_each(start.elapsed(), rounds(size) * IN_FLIGHT as u64);
    output.shutdown(std::net::Shutdown::Both).expect("it was open");
    reader.join().expect("the reader ends");
    server.join().expect("the server ends");
    figure
}

/// Where the interpreter of Python is that has the original, if there is one; `run` says so.
const PYTHON: &str = "FOREGROUND_TEST_PYTHON";

pub fn has_original() -> bool {
    std::env::var_os(PYTHON).is_some()
}

pub fn python() -> std::ffi::OsString {
    std::env::var_os(PYTHON).expect("`has_original` said so")
}

/// The original between two processes: it has one thread in each.
fn original(size: &Size) -> serde_json::Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/aiomas_bench.py");
    let trips = (size.calls / 40).max(200).to_string();
    let output = Command::new(python())
        .arg(script)
        .args(["--size", &LETTERS.to_string(), "--round-trips", &trips])
        .args(["--in-flight", &IN_FLIGHT.to_string(), "--rounds", "5"])
        .stderr(Stdio::inherit())
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "the original failed");
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

pub fn round_trip_of_original(size: &Size) -> Figure {
    let figures = original(size);
    Figure { value: figures["round_trip_ns"]["median"].as_f64().expect("a median"), share: None }
}

pub fn in_flight_of_original(size: &Size) -> Figure {
    let figures = original(size);
    Figure { value: 1e9 / figures["requests_per_second"]["median"].as_f64().expect("a median"), share: None }
}
