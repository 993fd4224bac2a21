use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::codec::{Codec, Json, Wire};
use super::connection;
use super::request::SEND_TIMEOUT;
use super::{Channel, ConnectError, Listener, Serializers};
use crate::net::{self, Address, AddressError, Stream, Timeouts, after};
use crate::{MessageRouter, PipeError};

/// The first pause between two attempts to connect, by how much it grows, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const PAUSE_GROWS: f64 = 1.5;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a connection is like: codec, limits, patience. Then [`connect`](Self::connect) or [`listen`](Self::listen) with them.
///
/// # Examples
///
/// ```
/// use foreground::channel::{Json, Options};
/// use std::time::Duration;
///
/// let options = Options::new().codec(Json).message_limit(1024 * 1024).retry_for(Duration::from_secs(10));
/// let listener = options.listen("127.0.0.1:0").unwrap();
/// let channel = options.connect(listener.local_address()).unwrap();
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until `connect`, `listen` or `open` is called with them"]
pub struct Options {
    settings: Settings,
    retry: Retry,
    connection_limit: usize,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) wire: Wire,
    pub(super) serializers: Arc<Serializers>,
    pub(super) message_limit: usize,
    pub(super) request_limit: usize,
    pub(super) unanswered_limit: usize,
    pub(super) send_timeout: Option<Duration>,
    pub(super) timeouts: Timeouts,
}

#[derive(Clone, Copy, Debug)]
enum Retry {
    Once,
    For(Duration),
    Forever,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Starts with the defaults: JSON, one attempt to connect, messages of 16 MiB at most.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                wire: Wire::new(Json),
                serializers: Arc::new(Serializers::new()),
                message_limit: 16 * 1024 * 1024,
                request_limit: 10_000,
                unanswered_limit: 64 * 1024 * 1024,
                send_timeout: Some(SEND_TIMEOUT),
                timeouts: Timeouts::default(),
            },
            retry: Retry::Once,
            connection_limit: usize::MAX,
        }
    }

    /// Sets the codec. Nothing on the wire tells which it is, so both sides must choose the same; the default is [`Json`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Options;
    /// # #[cfg(feature = "msgpack")]
    /// let options = Options::new().codec(foreground::channel::MessagePack);
    /// ```
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.settings.wire = Wire::new(codec);
        self
    }

    /// Sets the serializers for further types. Their order is part of the protocol.
    pub fn serializers(mut self, serializers: Serializers) -> Self {
        self.settings.serializers = Arc::new(serializers);
        self
    }

    /// Sets the longest message in bytes, both received and sent; the default is 16 MiB. A peer that announces more is cut off
    /// before any memory is set aside.
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.settings.message_limit = bytes;
        self
    }

    /// Sets how many requests of the peer may be unanswered, and their bytes; the defaults are 10,000 and 64 MiB.
    ///
    /// Beyond that the peer is not read until some are answered. While a reply of this peer is waited for it must be read: then
    /// four times as much is taken, and a peer that sends still more is cut off.
    ///
    /// The foreground answers without waiting. A peer that does not read what it asked for is cut off when four times as many
    /// bytes of answers wait for it.
    pub fn unanswered_limit(mut self, requests: usize, bytes: usize) -> Self {
        self.settings.request_limit = requests;
        self.settings.unanswered_limit = bytes;
        self
    }

    /// Sets how long a message may take from its first byte to its last; the default is 2 minutes. `None` is for ever.
    pub fn message_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.timeouts.message = timeout.into();
        self
    }

    /// Sets after what time a connection is closed by which nothing comes or goes, and on which no answer is due. The default
    /// is never.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.timeouts.idle = timeout.into();
        self
    }

    /// Sets how long [`Channel::request`] and [`Request::reply`](super::Request::reply) wait for room while the peer takes
    /// nothing, and after what time without any progress such a peer is cut off. The default is one minute.
    pub fn send_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        let timeout = timeout.into();
        self.settings.send_timeout = timeout;
        self.settings.timeouts.stall = timeout;
        self
    }

    /// Sets how long one attempt to connect may take; the default is 30 seconds.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.timeouts.connect = timeout.into();
        self
    }

    /// Connects repeatedly for so long, if the server does not listen yet: after half a second, and then after pauses that
    /// grow by half, to 30 seconds at most.
    pub fn retry_for(mut self, time: Duration) -> Self {
        self.retry = if time.is_zero() { Retry::Once } else { Retry::For(time) };
        self
    }

    /// Connects repeatedly until the server listens.
    pub fn retry_forever(mut self) -> Self {
        self.retry = Retry::Forever;
        self
    }

    /// Sets how many connections of a listener may exist at once; more wait at the system's door until one has ended. The
    /// default is as many as the system allows.
    pub fn connection_limit(mut self, connections: usize) -> Self {
        self.connection_limit = connections;
        self
    }

    /// Connects to an address, and blocks meanwhile: not for the foreground, which has [`connect_on`](Self::connect_on).
    ///
    /// # Errors
    /// No address; nobody listens there; the time is over; the system's errors.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Options;
    /// # let listener = Options::new().listen("127.0.0.1:0").unwrap();
    /// let channel = Options::new().connect(listener.local_address()).unwrap();
    /// ```
    pub fn connect<A>(&self, address: A) -> Result<Channel, ConnectError>
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        self.connect_to(&address.try_into().map_err(Into::into)?, || false)
    }

    /// Connects in the background, and has the channel delivered to the foreground by a callback of the router.
    ///
    /// The callback is called once, with the channel or the error; it is dropped uncalled if the router is stopped before,
    /// which also ends the attempts.
    ///
    /// # Errors
    /// Those of [`MessageRouter::pipe`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::MessageRouter;
    /// use foreground::channel::{Channel, Options};
    /// # let listener = Options::new().listen("127.0.0.1:0").unwrap();
    /// # let address = listener.local_address();
    ///
    /// let router: MessageRouter<Option<Channel>> = MessageRouter::new(|| {});
    /// router.start().unwrap();
    /// Options::new()
    ///     .retry_forever()
    ///     .connect_on(&router, address, |app: &mut Option<Channel>, channel| *app = channel.ok())
    ///     .unwrap();
    /// let mut app = None;
    /// router.route_until(&mut app, |app| app.is_some(), None).unwrap();
    /// ```
    #[track_caller]
    pub fn connect_on<S, A>(
        &self,
        router: &MessageRouter<S>,
        address: A,
        callback: impl FnOnce(&mut S, Result<Channel, ConnectError>) + 'static,
    ) -> Result<(), PipeError>
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        let (sender, receiver) = router.pipe::<Result<Channel, ConnectError>>()?;
        let mut callback = Some(callback);
        receiver.on_message(move |state, channel| {
            if let Some(callback) = callback.take() {
                callback(state, channel);
            }
        });
        receiver.detach();
        let sender = sender.start();
        let address = match address.try_into().map_err(Into::into) {
            Ok(address) => address,
            Err(error) => {
                let _ = sender.send(Err(error.into()));
                return Ok(());
            }
        };
        let (options, to, told) = (self.clone(), address.clone(), sender.clone());
        let spawned = thread::Builder::new().name("foreground-connect".into()).spawn(move || {
            let channel = options.connect_to(&to, || told.is_closed());
            // A router that was stopped wants no channel.
            let _ = told.send(channel);
        });
        if let Err(error) = spawned {
            let _ = sender.send(Err(ConnectError::io("no thread to connect to", &address, error)));
        }
        Ok(())
    }

    fn connect_to(&self, address: &Address, given_up: impl Fn() -> bool) -> Result<Channel, ConnectError> {
        let give_up_at = match self.retry {
            Retry::Once => Some(Instant::now()),
            Retry::For(time) => after(time),
            Retry::Forever => None,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let mut deadline = self.settings.timeouts.connect.and_then(after);
            if let Retry::For(_) = self.retry {
                // The first attempt has the time for all, the last one what is left.
                deadline = deadline.into_iter().chain(give_up_at).min();
            }
            let failure = match net::connect(address, deadline) {
                Ok(stream) => return self.open(stream),
                Err(error) => error,
            };
            let left = give_up_at.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) || !may_come(&failure) {
                return Err(ConnectError::io("cannot connect to", address, failure));
            }
            sleep_unless(left.map_or(pause, |left| left.min(pause)), &given_up);
            if given_up() {
                return Err(ConnectError::io("cannot connect to", address, failure));
            }
            pause = pause.mul_f64(PAUSE_GROWS).min(LONGEST_PAUSE);
        }
    }

    /// Makes a channel of a stream that is connected already, such as one of a pair, or one that a program inherited.
    ///
    /// # Errors
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use foreground::channel::Options;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (left, right) = UnixStream::pair().unwrap();
    /// let (left, right) = (Options::new().open(left).unwrap(), Options::new().open(right).unwrap());
    /// let pending = left.request("hello").unwrap();
    /// right.recv().unwrap().reply("hello yourself").unwrap();
    /// assert_eq!(pending.wait::<String>().unwrap(), "hello yourself");
    /// # }
    /// ```
    pub fn open(&self, stream: impl Into<Stream>) -> Result<Channel, ConnectError> {
        connection::open(stream.into(), None, &self.shared(), None, None)
            .map(Channel::new)
            .map_err(ConnectError::stream)
    }

    /// Listens at an address. Connections are taken from now on; see [`Listener`] for how to get at them.
    ///
    /// The port 0 lets the system choose one. The file of a Unix socket goes with the listener; one that a killed program
    /// left behind is replaced.
    ///
    /// # Errors
    /// No address; it is in use; the system's errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::channel::Options;
    ///
    /// let listener = Options::new().listen("127.0.0.1:0").unwrap();
    /// assert_ne!(listener.local_address().to_string(), "127.0.0.1:0");
    /// ```
    pub fn listen<A>(&self, address: A) -> Result<Listener, ConnectError>
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        let address = address.try_into().map_err(Into::into)?;
        net::Listener::bind(&address)
            .and_then(|listener| Listener::open(listener, self.shared(), self.connection_limit))
            .map_err(|error| ConnectError::io("cannot listen at", &address, error))
    }

    /// Listens by a socket of your own, such as one that the system's service manager opened.
    ///
    /// # Errors
    /// The system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::channel::Options;
    ///
    /// let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let listener = Options::new().listen_by(socket).unwrap();
    /// ```
    pub fn listen_by(&self, listener: impl Into<net::Listener>) -> Result<Listener, ConnectError> {
        Listener::open(listener.into(), self.shared(), self.connection_limit).map_err(ConnectError::stream)
    }

    fn shared(&self) -> Arc<Settings> {
        Arc::new(self.settings.clone())
    }
}

/// Whether a server may listen there later.
fn may_come(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
    )
}

fn sleep_unless(time: Duration, given_up: &impl Fn() -> bool) {
    let Some(end) = after(time) else { return };
    while !given_up() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(Duration::from_millis(100)));
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("codec", &self.settings.wire)
            .field("message_limit", &self.settings.message_limit)
            .field("request_limit", &self.settings.request_limit)
            .field("unanswered_limit", &self.settings.unanswered_limit)
            .field("connection_limit", &self.connection_limit)
            .field("send_timeout", &self.settings.send_timeout)
            .field("timeouts", &self.settings.timeouts)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
