//! What the tests share: where to listen, servers that answer, and watches over them.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use foreground::transport::zmq::{Client, Options, Server};
use foreground::transport::{ClientTransport, Context, Error, ErrorKind, ServerTransport};
use tempfile::TempDir;

/// A test that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(100);

/// Longer than what is expected takes. A test that waits so long fails, and says for what.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test, which must not take for ever.
pub fn within_limit(test: impl FnOnce() + Send + 'static) {
    let (sender, ended) = mpsc::channel::<()>();
    let runner = thread::spawn(move || {
        // Dropped when the test ends, in whatever way.
        let _sender = sender;
        test();
    });
    match ended.recv_timeout(TIME_LIMIT) {
        Err(RecvTimeoutError::Timeout) => panic!("it hangs: nothing ended it for {TIME_LIMIT:?}"),
        _ => {
            if let Err(panic) = runner.join() {
                resume_unwind(panic);
            }
        }
    }
}

/// Waits for what nobody tells of, such as the end of a thread.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what} does not come about");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// An address of each kind at which nobody listens. The folder is that of the socket's file.
pub fn endpoints() -> (Vec<String>, TempDir) {
    static NAMES: AtomicUsize = AtomicUsize::new(0);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("socket");
    let name = NAMES.fetch_add(1, Ordering::Relaxed);
    let endpoints = vec![
        "tcp://127.0.0.1:0".to_owned(),
        format!("ipc://{}", file.display()),
        format!("inproc://transport_zmq {name}"),
    ];
    (endpoints, folder)
}

pub const ANY_PORT: &str = "tcp://127.0.0.1:0";

/// A server at a port of its own.
pub fn server() -> Server {
    Server::bind(ANY_PORT).expect("it can listen")
}

/// Its client, which does not wait for ever.
pub fn client_of(server: &Server) -> Client {
    client(&server.endpoint().to_string())
}

pub fn client(endpoint: &str) -> Client {
    Options::new().timeout(PATIENCE).connect(endpoint).expect("that is an address")
}

/// Answers each message with the same, until the server is closed. Returns how many there were.
pub fn echo(server: Server) -> JoinHandle<usize> {
    thread::spawn(move || {
        let mut count = 0;
        while let Ok((context, message)) = server.receive_message() {
            count += 1;
            // The client may have given up.
            let _ = context.reply(message);
        }
        count
    })
}

/// A call under way.
pub type Asking = JoinHandle<Result<Option<Vec<u8>>, Error>>;

/// Sends a message on a thread of its own.
pub fn ask(client: &Client, message: impl Into<Vec<u8>>) -> Asking {
    let (client, message) = (client.clone(), message.into());
    thread::spawn(move || client.send_message(message, true))
}

/// Sends a message that the client soon gives up, but not before it has come. Returns the right to answer it.
pub fn ask_in_haste(client: &Client, server: &Server, message: &[u8]) -> (Context, Asking) {
    let hasty = client.clone().with_timeout(Duration::from_millis(100));
    loop {
        let asking = ask(&hasty, message);
        loop {
            // Only a machine that is busy with other things gives it up before it is sent.
            let is_over = asking.is_finished();
            match server.receive_message_timeout(Duration::from_millis(1)) {
                Ok((context, _)) => return (context, asking),
                Err(_) if is_over => break,
                Err(_) => {}
            }
        }
    }
}

/// Sends a message, which has to be answered with the same.
#[track_caller]
pub fn assert_echo(client: &Client, message: impl Into<Vec<u8>>) {
    let message = message.into();
    let reply = client.send_message(message.clone(), true).expect("it is answered");
    assert_eq!(reply, Some(message));
}

/// How a message failed.
#[track_caller]
pub fn failure(outcome: Result<Option<Vec<u8>>, Error>) -> (ErrorKind, String) {
    let error = outcome.expect_err("it fails");
    (error.kind(), error.to_string())
}
