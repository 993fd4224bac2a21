use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::message::{Message, MessageError, Purpose, encode};
use super::{BoxError, Client, OpenError, Server};
use crate::net::{self, Address, AddressError, PeerAddress, Timeouts};

/// What connections are like: their limits, and how long they wait. Then [`client`](Self::client) or [`listen`](Self::listen)
/// with them.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use std::time::Duration;
/// use foreground::bus::socket::{Message, Options};
///
/// let options = Options::new().message_limit(1024).response_timeout(Duration::from_secs(10));
/// let server = options.listen(
///     "127.0.0.1:0",
///     |message, _| String::from_utf8(message.body),
///     |text: String| Ok::<_, Infallible>(Message::from(text)),
/// )?;
/// # drop(server);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until `client` or `listen` is called with them"]
pub struct Options {
    settings: Settings,
    connection_limit: usize,
}

/// How large messages may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) parts: usize,
    pub(crate) refuse_empty_last_part: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, parts: usize::from(u16::MAX), refuse_empty_last_part: false }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Settings {
    pub(super) limits: Limits,
    timeouts: Timeouts,
    response_timeout: Option<Duration>,
}

impl Settings {
    /// Those of a connection of a client: quiet is who does not answer.
    pub(super) fn of_client(&self) -> Timeouts {
        Timeouts { idle: self.response_timeout, ..self.timeouts }
    }

    /// Those of a connection of a server: quiet is who sends no request.
    pub(super) fn of_server(&self) -> Timeouts {
        self.timeouts
    }

    pub(super) fn encode(&self, message: &Message, purpose: Purpose) -> Result<Vec<u8>, MessageError> {
        encode(message, purpose, &self.limits)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Starts with the defaults: messages of 16 MiB at most, as many connections as the system allows.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                limits: Limits::default(),
                timeouts: Timeouts { idle: Some(Duration::from_secs(60)), ..Timeouts::default() },
                response_timeout: None,
            },
            connection_limit: usize::MAX,
        }
    }

    /// Sets the longest message in bytes, both received and sent: all its parts, and what tells them apart. The default is 16
    /// MiB. A peer that announces more is cut off before any memory is set aside.
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.settings.limits.bytes = bytes;
        self
    }

    /// Sets how many parts a message may have, the body among them, both received and sent. The default is 65,535, the most that
    /// the protocol can tell.
    pub fn part_limit(mut self, parts: usize) -> Self {
        self.settings.limits.parts = parts;
        self
    }

    /// Refuses to send a request whose last attachment is empty, for servers that are the original: they may take the
    /// last part for another request when it is empty. The default is to send it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use foreground::bus::socket::{Message, MessageError, Options};
    ///
    /// let options = Options::new().refuse_empty_last_part(true);
    /// let client =
    ///     options.client("127.0.0.1:9", Ok::<Message, Infallible>, |message, _| Ok::<_, Infallible>(message))?;
    /// let error = client.send_request(Message::new("body").attach("")).unwrap_err();
    /// assert!(matches!(error, MessageError::EmptyLastPart));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refuse_empty_last_part(mut self, refuse: bool) -> Self {
        self.settings.limits.refuse_empty_last_part = refuse;
        self
    }

    /// Sets how long a client tries to reach one address of its server; the default is 30 seconds. `None` is as long as the
    /// system tries.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.timeouts.connect = timeout.into();
        self
    }

    /// Sets after what time a client gives up a request on which nothing comes. The default is never: whoever answers
    /// may have to ask a user first, and whoever waits can end the wait.
    pub fn response_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.response_timeout = timeout.into();
        self
    }

    /// Sets how long a message may take from its first byte to its last; the default is 2 minutes. `None` is for ever.
    pub fn message_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.timeouts.message = timeout.into();
        self
    }

    /// Sets after what time a server closes a connection by which nothing comes while its request is not whole; the default
    /// is one minute. `None` is never. A client that waits for its response is not idle.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.timeouts.idle = timeout.into();
        self
    }

    /// Sets after what time without any progress a peer is cut off that does not take what is sent to it; the default is
    /// one minute. `None` is never.
    pub fn send_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.timeouts.stall = timeout.into();
        self
    }

    /// Sets how many connections of a server may exist at once; more wait at the system's door until one has ended. The
    /// default is as many as the system allows. Times the message limit, it bounds the memory of requests that wait.
    pub fn connection_limit(mut self, connections: usize) -> Self {
        self.connection_limit = connections;
        self
    }

    /// Makes a client with these options; see [`Client::new`].
    ///
    /// # Errors
    /// No address; a host without one; the system's errors.
    ///
    /// # Examples
    ///
    /// See [`refuse_empty_last_part`](Self::refuse_empty_last_part).
    pub fn client<Q, R, A, E, F>(
        &self,
        address: A,
        to_message: impl Fn(Q) -> Result<Message, E> + Send + Sync + 'static,
        from_message: impl Fn(Message, &PeerAddress) -> Result<R, F> + Send + Sync + 'static,
    ) -> Result<Client<Q, R>, OpenError>
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
        E: Into<BoxError>,
        F: Into<BoxError>,
    {
        let address = address.try_into().map_err(|error| OpenError::address(error.into()))?;
        let target = net::Target::resolve(&address)
            .map_err(|error| OpenError::io(format!("{address} is not found"), error))?;
        Ok(Client::open(Some(target), to_message, from_message, self.settings))
    }

    /// Makes a client without an address, for [`Client::send_request_over`] only.
    ///
    /// # Examples
    ///
    /// See [`Client::send_request_over`].
    pub fn client_over_streams<Q, R, E: Into<BoxError>, F: Into<BoxError>>(
        &self,
        to_message: impl Fn(Q) -> Result<Message, E> + Send + Sync + 'static,
        from_message: impl Fn(Message, &PeerAddress) -> Result<R, F> + Send + Sync + 'static,
    ) -> Client<Q, R> {
        Client::open(None, to_message, from_message, self.settings)
    }

    /// Makes a server with these options that listens at an address; see [`Server::listen`].
    ///
    /// # Errors
    /// No address; it is in use; the system's errors.
    ///
    /// # Examples
    ///
    /// See [`Options`].
    pub fn listen<Q, R, A, E, F>(
        &self,
        address: A,
        from_message: impl Fn(Message, &PeerAddress) -> Result<Q, E> + Send + Sync + 'static,
        to_message: impl Fn(R) -> Result<Message, F> + Send + Sync + 'static,
    ) -> Result<Server<Q, R>, OpenError>
    where
        Q: Send + 'static,
        R: Send + 'static,
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
        E: Into<BoxError>,
        F: Into<BoxError>,
    {
        let address = address.try_into().map_err(|error| OpenError::address(error.into()))?;
        let failed = |error| OpenError::io(format!("cannot listen at {address}"), error);
        let listener = net::Listener::bind(&address).map_err(failed)?;
        let server = self.server_over_streams(from_message, to_message);
        server.listen_by(listener, self.connection_limit).map_err(failed)
    }

    /// Makes a server that listens by a socket of your own, such as one that the system's service manager opened.
    ///
    /// # Errors
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use foreground::bus::socket::{Message, Options};
    ///
    /// let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let server = Options::new().listen_by(
    ///     socket,
    ///     |message, _| Ok::<_, Infallible>(message),
    ///     Ok::<Message, Infallible>,
    /// )?;
    /// assert!(server.local_address().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn listen_by<Q, R, E, F>(
        &self,
        listener: impl Into<net::Listener>,
        from_message: impl Fn(Message, &PeerAddress) -> Result<Q, E> + Send + Sync + 'static,
        to_message: impl Fn(R) -> Result<Message, F> + Send + Sync + 'static,
    ) -> Result<Server<Q, R>, OpenError>
    where
        Q: Send + 'static,
        R: Send + 'static,
        E: Into<BoxError>,
        F: Into<BoxError>,
    {
        self.server_over_streams(from_message, to_message)
            .listen_by(listener.into(), self.connection_limit)
            .map_err(|error| OpenError::io("cannot listen", error))
    }

    /// Makes a server that does not listen, for [`Server::add_stream`] only.
    ///
    /// # Examples
    ///
    /// See [`Server::add_stream`].
    pub fn server_over_streams<Q, R, E, F>(
        &self,
        from_message: impl Fn(Message, &PeerAddress) -> Result<Q, E> + Send + Sync + 'static,
        to_message: impl Fn(R) -> Result<Message, F> + Send + Sync + 'static,
    ) -> Server<Q, R>
    where
        Q: Send + 'static,
        R: Send + 'static,
        E: Into<BoxError>,
        F: Into<BoxError>,
    {
        Server::open(
            Arc::new(move |message, peer: &_| from_message(message, peer).map_err(Into::into)),
            Arc::new(move |response| to_message(response).map_err(Into::into)),
            self.settings,
        )
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("message_limit", &self.settings.limits.bytes)
            .field("part_limit", &self.settings.limits.parts)
            .field("refuse_empty_last_part", &self.settings.limits.refuse_empty_last_part)
            .field("response_timeout", &self.settings.response_timeout)
            .field("timeouts", &self.settings.timeouts)
            .field("connection_limit", &self.connection_limit)
            .finish()
    }
}
