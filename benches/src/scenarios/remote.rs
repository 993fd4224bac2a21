//! Messages from another process.
//!
//! The other process is this program again, with arguments that say what to send: see [`run_as_sender`].

use std::env;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::process::{RemotePipeOptions, RemoteSender, TICKET_VARIABLE, Ticket};
use peak_alloc::PeakAlloc;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::latency::REST;
use super::memory::live_bytes;
use super::throughput::sum;
use super::{Figure, Size, channel};
use crate::app::{App, Large, Message, RemoteStamp, Sample, SlowSample, Value, callback};
use crate::host::{Host, Park};
use crate::peers::{CAPACITY, Peer, Raw, Slot, WokenQueue, open, run_in};

/// What is sent from one process to another.
pub trait Remote: Message + Serialize + DeserializeOwned {
    /// By which the sender is told what to send.
    const NAME: &'static str;

    /// How long the sender rests before each message.
    const REST: Option<Duration> = None;
}

impl Remote for Sample {
    const NAME: &'static str = "samples";
}

impl Remote for SlowSample {
    const NAME: &'static str = "slow_samples";
}

impl Remote for Value {
    const NAME: &'static str = "values";
}

impl Remote for RemoteStamp {
    const NAME: &'static str = "stamps";

    /// Long enough for the one before to be handled and all to sleep again.
    const REST: Option<Duration> = Some(Duration::from_micros(4 * REST.as_micros() as u64));
}

impl Remote for Large {
    const NAME: &'static str = "large";
}

/// How the bytes come across.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// This crate.
    Ticket,
    /// A socket, and one write for each message.
    Socket,
    /// A socket behind a buffer, which is written when it is full and at the end.
    Buffered,
}

impl Way {
    const ALL: [Self; 3] = [Self::Ticket, Self::Socket, Self::Buffered];

    fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Socket => "socket",
            Self::Buffered => "buffered",
        }
    }
}

/// What makes a process a sender.
const SENDER: &str = "--sender";

/// Sends what the arguments of this process name, if it was started for that: messages of the numbers 1 to so many. Prints how many
/// bytes its heap took at most.
pub fn run_as_sender() -> bool {
    let args: Vec<_> = env::args().skip(1).collect();
    let [mark, way, what, count] = &args[..] else { return false };
    if mark != SENDER {
        return false;
    }
    let way = Way::ALL.into_iter().find(|known| known.name() == way).expect("a way is named");
    let count = count.parse().expect("a count");
    match what.as_str() {
        Sample::NAME => send::<Sample>(way, count),
        SlowSample::NAME => send::<SlowSample>(way, count),
        Value::NAME => send::<Value>(way, count),
        RemoteStamp::NAME => send::<RemoteStamp>(way, count),
        Large::NAME => send::<Large>(way, count),
        _ => panic!("nothing is called {what}"),
    }
    println!("{}", PeakAlloc.peak_usage());
    true
}

fn send<M: Remote>(way: Way, count: u64) {
    let messages = (1..=count).map(|number| {
        if let Some(rest) = M::REST {
            thread::sleep(rest);
        }
        M::numbered(number)
    });
    match way {
        Way::Ticket => {
            let sender = RemoteSender::<M>::from_env().expect("the ticket is good").start();
            messages.for_each(|message| sender.send(message).expect("the router is there"));
        }
        Way::Socket => {
            let mut socket = socket();
            let mut frame = Vec::new();
            for message in messages {
                frame = encoded(&message, frame);
                socket.write_all(&frame).expect("the reader is there");
            }
        }
        Way::Buffered => {
            let mut socket = BufWriter::with_capacity(BUFFER, socket());
            let mut frame = Vec::new();
            for message in messages {
                frame = encoded(&message, frame);
                socket.write_all(&frame).expect("the reader is there");
            }
            socket.flush().expect("the reader is there");
        }
    }
}

/// What both buffers of the socket by hand hold.
const BUFFER: usize = 64 * 1024;

/// The socket that this process was given as its standard input.
fn socket() -> UnixStream {
    io::stdin().as_fd().try_clone_to_owned().expect("a second handle").into()
}

/// A length of four bytes, and the message; in the memory of the one before.
fn encoded<M: Serialize>(message: &M, mut frame: Vec<u8>) -> Vec<u8> {
    frame.clear();
    frame.extend([0; 4]);
    let mut frame = postcard::to_extend(message, frame).expect("it is encoded");
    let length = u32::try_from(frame.len() - 4).expect("it is short");
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// Reads into the memory of the one before.
fn read<M: DeserializeOwned>(stream: &mut impl Read, frame: &mut Vec<u8>) -> Option<M> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    frame.resize(u32::from_be_bytes(length) as usize, 0);
    stream.read_exact(frame).expect("the rest comes");
    Some(postcard::from_bytes(frame).expect("it is decoded"))
}

/// The process that sends.
struct Elsewhere(Child);

impl Elsewhere {
    fn start<M: Remote>(way: Way, count: u64, stdin: Stdio, ticket: Option<Ticket>) -> Self {
        let mut command = Command::new(env::current_exe().expect("this program has a path"));
        command.args([SENDER, way.name(), M::NAME, &count.to_string()]);
        command.envs(ticket.map(|ticket| (TICKET_VARIABLE, ticket.to_string())));
        Self(command.stdin(stdin).stdout(Stdio::piped()).spawn().expect("it starts"))
    }

    /// Waits until it has ended, and says how many bytes its heap took at most.
    fn peak(self) -> f64 {
        let output = self.0.wait_with_output().expect("it is waited for");
        assert!(output.status.success(), "the sender failed");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
    }
}

/// Has another process send so many messages to a router, and runs it until the application is done. Returns the application, and what
/// the other's heap took.
fn by_ticket<M: Remote>(options: RemotePipeOptions, count: u64, app: App) -> (App, f64) {
    let mut host = Park::new();
    let router = MessageRouter::new(host.waker());
    router.start().expect("it was not started");
    let (ticket, receiver) = router.remote_pipe_with::<M>(options).expect("the router runs");
    receiver.on_message(callback());
    let elsewhere = Elsewhere::start::<M>(Way::Ticket, count, Stdio::null(), Some(ticket));
    let app = run_in(&mut host, &router, app);
    let peak = elsewhere.peak();
    drop(receiver);
    (app, peak)
}

/// The same by hand: a thread reads a socket, and hands what it reads to a peer's loop.
fn by_hand<P: Peer, M: Remote>(way: Way, count: u64, app: App) -> (App, f64) {
    let mut opened = open::<P, M>(1);
    let (here, there) = UnixStream::pair().expect("a pair of sockets");
    let elsewhere = Elsewhere::start::<M>(way, count, OwnedFd::from(there).into(), None);
    let sender = opened.senders.pop().expect("a pipe was opened");
    let reader = thread::spawn(move || {
        let mut stream = BufReader::with_capacity(BUFFER, here);
        let mut frame = Vec::new();
        while let Some(message) = read::<M>(&mut stream, &mut frame) {
            sender.send(message);
        }
    });
    let app = (opened.run)(app);
    reader.join().expect("all was read");
    (app, elsewhere.peak())
}

/// The first message shows that the other process is there; the time is from then on.
fn time(size: &Size, run: impl FnOnce(u64, App) -> (App, f64)) -> Figure {
    let count = 1 + size.messages;
    let (app, _) = run(count, App::expecting(count));
    Figure::time_of_each(app.time(sum(count)), size.messages)
}

/// The time of a message, while the other process sends as fast as it can.
pub fn flood(size: &Size) -> Figure {
    time(size, |count, app| by_ticket::<Sample>(RemotePipeOptions::new(), count, app))
}

pub fn flood_by_hand(size: &Size) -> Figure {
    time(size, |count, app| by_hand::<Raw, Sample>(Way::Socket, count, app))
}

pub fn flood_by_buffers(size: &Size) -> Figure {
    time(size, |count, app| by_hand::<Raw, Sample>(Way::Buffered, count, app))
}

pub fn bounded(size: &Size) -> Figure {
    time(size, |count, app| by_ticket::<Sample>(RemotePipeOptions::new().bounded(CAPACITY), count, app))
}

pub fn bounded_by_hand(size: &Size) -> Figure {
    time(size, |count, app| by_hand::<Raw<CAPACITY>, Sample>(Way::Socket, count, app))
}

/// The time of a value until the last has arrived, of which only the newest counts.
fn latest_of(size: &Size, run: impl FnOnce(u64, App) -> (App, f64)) -> Figure {
    let (app, _) = run(size.messages, App::expecting(size.messages));
    Figure::time_of_each(app.time(0), size.messages)
}

pub fn latest(size: &Size) -> Figure {
    latest_of(size, |count, app| by_ticket::<Value>(RemotePipeOptions::new().latest(), count, app))
}

pub fn latest_by_hand(size: &Size) -> Figure {
    latest_of(size, |count, app| by_hand::<Slot, Value>(Way::Socket, count, app))
}

/// The median time from just before the send to the callback, when all sleeps.
fn latency_of(size: &Size, run: impl FnOnce(u64, App) -> (App, f64)) -> Figure {
    let (app, _) = run(size.pings, App::expecting(size.pings));
    Figure { value: app.median_latency().as_nanos() as f64, share: None }
}

pub fn latency(size: &Size) -> Figure {
    latency_of(size, |count, app| by_ticket::<RemoteStamp>(RemotePipeOptions::new(), count, app))
}

pub fn latency_by_hand(size: &Size) -> Figure {
    latency_of(size, |count, app| by_hand::<WokenQueue<Park>, RemoteStamp>(Way::Socket, count, app))
}

/// The time of a message of 64 MiB, from the callback of one to that of the next.
fn large_of(size: &Size, run: impl FnOnce(u64, App) -> (App, f64)) -> Figure {
    let count = (size.messages / 200_000).max(1);
    let (app, _) = run(1 + count, App::expecting(1 + count));
    Figure::time_of_each(app.time(sum(1 + count)), count)
}

fn large_options() -> RemotePipeOptions {
    RemotePipeOptions::new().max_message_size(2 * Large::BYTES)
}

pub fn large(size: &Size) -> Figure {
    large_of(size, |count, app| by_ticket::<Large>(large_options(), count, app))
}

pub fn large_by_hand(size: &Size) -> Figure {
    large_of(size, |count, app| by_hand::<Raw, Large>(Way::Socket, count, app))
}

/// The bytes that the heaps of both processes took at most.
fn peak_of(run: impl FnOnce() -> (App, f64)) -> Figure {
    let before = live_bytes();
    PeakAlloc.reset_peak_usage();
    let (_, elsewhere) = run();
    assert!(elsewhere > 0.0, "the allocator of the other process does not count");
    Figure { value: PeakAlloc.peak_usage() as f64 - before + elsewhere, share: None }
}

pub fn memory_of_large(_: &Size) -> Figure {
    peak_of(|| by_ticket::<Large>(large_options(), 1, App::expecting(1)))
}

pub fn memory_of_large_by_hand(_: &Size) -> Figure {
    peak_of(|| by_hand::<Raw, Large>(Way::Socket, 1, App::expecting(1)))
}

/// More comes than is handled.
pub fn memory_of_bounded(size: &Size) -> Figure {
    let count = size.messages / 4;
    let options = RemotePipeOptions::new().bounded(CAPACITY);
    peak_of(|| by_ticket::<SlowSample>(options, count, App::expecting(count)))
}

pub fn memory_of_bounded_by_hand(size: &Size) -> Figure {
    let count = size.messages / 4;
    peak_of(|| by_hand::<Raw<CAPACITY>, SlowSample>(Way::Socket, count, App::expecting(count)))
}

pub fn memory_of_latest(size: &Size) -> Figure {
    let count = size.messages;
    peak_of(|| by_ticket::<Value>(RemotePipeOptions::new().latest(), count, App::expecting(count)))
}

pub fn memory_of_latest_by_hand(size: &Size) -> Figure {
    let count = size.messages;
    peak_of(|| by_hand::<Slot, Value>(Way::Socket, count, App::expecting(count)))
}

/// The original's router of messages from other processes, on an event loop of asyncio.
fn original(size: &Size) -> serde_json::Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/traits_futures_bench.py");
    let output = Command::new(channel::python())
        .arg(script)
        .args(["--messages", &(size.messages / 100).to_string(), "--pings", &(size.pings / 2).to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "the original failed");
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

pub fn flood_of_original(size: &Size) -> Figure {
    Figure { value: original(size)["message_ns"].as_f64().expect("a number"), share: None }
}

pub fn latency_of_original(size: &Size) -> Figure {
    Figure { value: original(size)["latency_ns"].as_f64().expect("a number"), share: None }
}
