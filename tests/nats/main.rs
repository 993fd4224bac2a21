//! Transports and publish/subscribe over NATS, against the real server, which each test starts for itself.
#![cfg(unix)] // the server is driven by a shell

mod connecting;
mod durable;

mod groups;
mod limits;
mod lost;
mod peers;
mod processes;
mod pubsub;
mod rubbish;
mod server;
mod stress;
mod threads;
mod tls;
mod transport;
mod window;

#[path = "../support/peer/mod.rs"]
mod peer;
#[path = "../support/tokio_first.rs"]
mod tokio_first;

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use foreground::nats::{self, Connection};
use foreground::transport::nats::Server;
use foreground::transport::{Error, ErrorKind, ServerTransport};

use server::NatsServer;

/// A test that takes longer has failed.
const LONG: Duration = Duration::from_secs(30);

/// Connects to a server of the tests.
fn connect(server: &NatsServer) -> Connection {
    nats::connect(server.address()).expect("the server is there")
}

/// Answers each message with itself, until the server is closed; returns how many there were.
fn echo(server: Server) -> JoinHandle<u64> {
    thread::spawn(move || {
        let mut count = 0;
        while let Ok((context, message)) = server.receive_message() {
            context.reply(message).expect("it can be sent");
            count += 1;
        }
        count
    })
}

#[track_caller]
fn assert_kind<T: std::fmt::Debug>(result: Result<T, Error>, kind: ErrorKind) {
    let error = result.expect_err("it fails");
    assert_eq!(error.kind(), kind, "{error}");
}

/// Waits for what another thread or process brings about.
#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "{what}: not within {LONG:?}");
        thread::sleep(Duration::from_millis(1));
    }
}
