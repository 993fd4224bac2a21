use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use super::{ClientTransport, Context, Error, ErrorKind, Incoming, ReplyError, Responder, ServerTransport};
use crate::net::{after, is_io_thread};

/// How long a client waits unless it is told else.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a client and a server of one program, without a network: for tests of what lies above a transport.
///
/// # Examples
///
/// See [`ServerTransport`].
pub fn in_process() -> (Client, Server) {
    let incoming = Incoming::new();
    let ends = Arc::new(Ends(incoming.clone()));
    (Client { ends, timeout: Some(TIMEOUT) }, Server { open: Arc::new(Ends(incoming)) })
}

/// Closes when its last holder has gone.
struct Ends(Incoming);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The client that [`in_process`] makes. A cheap handle; when the last of them is dropped, the server is told that no message will come.
#[derive(Clone)]
pub struct Client {
    ends: Arc<Ends>,
    timeout: Option<Duration>,
}

/// The server that [`in_process`] makes. A cheap handle; when the last of them is dropped, and nobody is [served](ServerTransport::serve_on),
/// clients are told that nobody serves.
#[derive(Clone)]
pub struct Server {
    open: Arc<Ends>,
}

impl Client {
    /// Sets how long a message may take; the default is 30 seconds, and `None` is for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{self, ClientTransport, ErrorKind};
    /// use std::time::Duration;
    ///
    /// let (client, _server) = transport::in_process();
    /// let error = client.with_timeout(Duration::ZERO).send_message(b"slow".to_vec(), true).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Timeout);
    /// ```
    #[must_use]
    pub fn with_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }
}

impl ClientTransport for Client {
    fn send_message(&self, message: Vec<u8>, expect_reply: bool) -> Result<Option<Vec<u8>>, Error> {
        if is_io_thread() {
            return Err(Error::new(ErrorKind::WouldDeadlock, "this thread must not wait for a reply"));
        }
        let deadline = self.timeout.and_then(after);
        let incoming = &self.ends.0;
        if !incoming.has_room() {
            return Err(Error::new(ErrorKind::Busy, "too many messages are unanswered"));
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let gone = Arc::new(AtomicBool::new(false));
        let context = Context::new(ToSlot { sender, gone: gone.clone() });
        incoming.push(context, message).map_err(|_| {
            Error::new(ErrorKind::NoResponders, "nobody serves: the server has gone or was closed")
        })?;
        let received = match deadline {
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        };
        received.map(|reply| expect_reply.then_some(reply)).map_err(|error| match error {
            RecvTimeoutError::Timeout => {
                gone.store(true, Ordering::Relaxed); // a hint, which guards nothing
                Error::new(ErrorKind::Timeout, "no reply came before the timeout")
            }
            RecvTimeoutError::Disconnected => {
                Error::new(ErrorKind::NoReply, "the server dropped the message without an answer")
            }
        })
    }
}

/// Hands the reply to the thread that waits.
struct ToSlot {
    sender: SyncSender<Vec<u8>>,
    gone: Arc<AtomicBool>,
}

impl Responder for ToSlot {
    fn reply(self: Box<Self>, reply: Vec<u8>) -> Result<(), ReplyError> {
        if self.is_abandoned() {
            return Err(ReplyError::Abandoned(reply));
        }
        self.sender.send(reply).map_err(|error| ReplyError::Abandoned(error.0))
    }

    fn is_abandoned(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    fn peer(&self) -> String {
        "in process".into()
    }
}

impl ServerTransport for Server {
    fn incoming(&self) -> &Incoming {
        &self.open.0
    }

    fn close(&self) {
        self.open.0.close();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("incoming", &self.open.0).finish()
    }
}
