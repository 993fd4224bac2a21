use std::time::Duration;

use super::{Client, Endpoint, Keys, PublicKey, Server};
use crate::transport::Error;
use crate::zmq::{Curve, Security, Settings};

/// How servers and clients over 0MQ are to be.
///
/// # Examples
///
/// A server that lets in who has one key, and a client that has it:
///
/// ```
/// use foreground::transport::zmq::{Keys, Options};
/// use foreground::transport::{ClientTransport, ServerTransport};
///
/// let (theirs, ours) = (Keys::generate(), Keys::generate());
/// let server = Options::new().curve_server(theirs.clone()).allow([ours.public()]).bind("tcp://127.0.0.1:0")?;
/// let client = Options::new().curve_client(ours, theirs.public()).connect(server.endpoint())?;
///
/// let asking = std::thread::spawn(move || client.send_message(b"a secret".to_vec(), true));
/// let (context, secret) = server.receive_message()?;
/// context.reply(secret)?;
/// assert_eq!(asking.join().unwrap()?, Some(b"a secret".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is opened before `bind` or `connect`"]
pub struct Options {
    curve: Curve,
    message_limit: usize,
    unanswered: (usize, usize),
    reply_queue: u32,
    linger: Duration,
    timeout: Option<Duration>,
    connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Makes options as they are unless you set others: see each.
    pub fn new() -> Self {
        Self {
            curve: Curve::default(),
            message_limit: 16 * 1024 * 1024,
            unanswered: (10_000, 64 * 1024 * 1024),
            reply_queue: 1000,
            linger: Duration::from_secs(5),
            timeout: Some(Duration::from_secs(30)),
            connections: 64,
        }
    }

    /// For a server: encrypts by CURVE, and proves by these keys who it is. Clients must know the public one.
    pub fn curve_server(mut self, keys: Keys) -> Self {
        self.curve.server(keys);
        self
    }

    /// For a server with CURVE: lets in those who have one of these keys, and nobody else. By default everybody is let in who knows
    /// the server's public key.
    pub fn allow(mut self, clients: impl IntoIterator<Item = PublicKey>) -> Self {
        self.curve.allow(clients);
        self
    }

    /// For a client: encrypts by CURVE, proves by its own keys who it is, and talks to who has the server's key only.
    pub fn curve_client(mut self, keys: Keys, server: PublicKey) -> Self {
        self.curve.client(keys, server);
        self
    }

    /// Sets how many bytes a message or a reply may have, in either direction; the default is 16 MiB. Who sends more loses its connection.
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.message_limit = bytes;
        self
    }

    /// For a server: sets how many messages may be unanswered, and how many bytes they may have altogether; the default is 10,000 of
    /// 64 MiB. Beyond, no more are read until some are answered or dropped.
    pub fn unanswered_limit(mut self, messages: usize, bytes: usize) -> Self {
        self.unanswered = (messages, bytes);
        self
    }

    /// For a server: sets how many replies may wait for one client that does not read them; the default is 1000. A client that waits
    /// for each reply has one at most.
    pub fn reply_queue_limit(mut self, replies: u32) -> Self {
        self.reply_queue = replies.max(1);
        self
    }

    /// Sets how long what has been given to a server or client, but not yet to the network, is kept after its end; the default is
    /// 5 seconds. A message whose reply was waited for is never sent after the wait.
    pub fn linger(mut self, time: Duration) -> Self {
        self.linger = time;
        self
    }

    /// For a client: sets how long a message may take; the default is 30 seconds, and `None` is for ever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// For a client: sets how many connections it may have; the default is 64. Each message has one to itself until its reply has come.
    /// Further messages wait until one is free.
    pub fn connection_limit(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Listens at an address, `tcp://host:port`, `ipc://path` or `inproc://name`.
    ///
    /// # Errors
    /// [`InvalidAddress`](crate::transport::ErrorKind::InvalidAddress), [`InvalidInput`](crate::transport::ErrorKind::InvalidInput) for options that contradict each other,
    /// [`AddressInUse`](crate::transport::ErrorKind::AddressInUse), [`Io`](crate::transport::ErrorKind::Io).
    pub fn bind<E>(&self, endpoint: E) -> Result<Server, Error>
    where
        E: TryInto<Endpoint>,
        Error: From<E::Error>,
    {
        let endpoint = endpoint.try_into()?;
        Server::open(&endpoint, &self.settings(self.curve.for_server()?), self.unanswered, self.reply_queue)
    }

    /// Makes a client of the server at an address. Never waits: it is connected to when there is a message to send.
    ///
    /// # Errors
    /// [`InvalidAddress`](crate::transport::ErrorKind::InvalidAddress), [`InvalidInput`](crate::transport::ErrorKind::InvalidInput) for options that contradict each other,
    /// [`Io`](crate::transport::ErrorKind::Io).
    pub fn connect<E>(&self, endpoint: E) -> Result<Client, Error>
    where
        E: TryInto<Endpoint>,
        Error: From<E::Error>,
    {
        let endpoint = endpoint.try_into()?;
        Client::open(endpoint, self.settings(self.curve.for_client()?), self.timeout, self.connections)
    }

    fn settings(&self, security: Security) -> Settings {
        Settings {
            security,
            // What has come waits in a queue of ours, which counts bytes too.
            high_water_mark: 16,
            linger: Some(self.linger),
            message_limit: self.message_limit,
        }
    }
}
