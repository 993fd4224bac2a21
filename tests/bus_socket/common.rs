//! What the tests share: servers and clients whose requests are the messages themselves, and patience.

use std::convert::Infallible;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use foreground::bus::socket::{Client, Message, Options, Server};
use foreground::bus::{PendingResponse, ResponseError};
use foreground::net::{Address, Disconnect, PeerAddress};

/// Longer than anything takes; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const ANY_PORT: &str = "127.0.0.1:0";

pub type Asker = Client<Message, Message>;
pub type Answerer = Server<Message, Message>;

fn same(message: Message) -> Result<Message, Infallible> {
    Ok(message)
}

fn came(message: Message, _: &PeerAddress) -> Result<Message, Infallible> {
    Ok(message)
}

pub fn listen(options: &Options, address: &str) -> Answerer {
    options.listen(address, came, same).unwrap()
}

pub fn client(options: &Options, address: impl Into<Address>) -> Asker {
    options.client(address.into(), same, came).unwrap()
}

pub fn over_streams() -> (Asker, Answerer) {
    (Options::new().client_over_streams(same, came), Options::new().server_over_streams(came, same))
}

pub fn address(server: &Answerer) -> Address {
    server.local_address().unwrap()
}

/// A client and a server of it, by TCP.
pub fn pair() -> (Asker, Answerer) {
    pair_with(&Options::new())
}

pub fn pair_with(options: &Options) -> (Asker, Answerer) {
    let server = listen(options, ANY_PORT);
    (client(options, address(&server)), server)
}

/// Answers every request with itself, on a thread that ends with the server.
pub fn echo(server: Answerer) {
    thread::spawn(move || {
        while let Ok((transaction, message)) = server.recv_request() {
            let _ = transaction.send_response(message);
        }
    });
}

/// Waits for the outcome, and fails the test if none comes.
pub fn outcome<R>(pending: PendingResponse<R>) -> Result<R, ResponseError> {
    use foreground::bus::RecvResponseTimeoutError::{Failed, Timeout};
    match pending.recv_response_timeout(PATIENCE) {
        Ok(response) => Ok(response),
        Err(Failed(error)) => Err(error),
        Err(Timeout(_) | _) => panic!("there is no outcome"),
    }
}

/// Why the connection of a request ended.
pub fn disconnect<R>(pending: PendingResponse<R>) -> Disconnect {
    match outcome(pending) {
        Err(ResponseError::Connection(reason)) => reason,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("there is a response"),
    }
}

/// Waits until it is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Fails if `body` does not end in time. It runs on a thread of its own.
pub fn in_time<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let (alive, is_over) = channel::<()>();
    let thread = thread::spawn(move || {
        let _alive = alive;
        body()
    });
    assert_eq!(is_over.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "it hangs");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
