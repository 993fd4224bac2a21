use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::connect::{Settings, connect, connect_on};
use super::connection::Connection;
use super::servers::{Login, Servers};
use crate::transport::Error;
use crate::{MessageRouter, PipeError};

/// Who one is, limits and patience. Then [`connect`](Self::connect) or [`connect_on`](Self::connect_on) with them.
///
/// # Examples
///
/// ```
/// use foreground::nats::Options;
/// use foreground::transport::ErrorKind;
/// use std::time::Duration;
///
/// let options = Options::new().user("window", "password").connect_timeout(Duration::from_secs(2));
/// // Nobody listens at that port.
/// let error = options.connect("nats://127.0.0.1:1").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unreachable);
/// ```
#[derive(Clone)]
#[must_use = "options do nothing until `connect` or `connect_on` is called with them"]
pub struct Options(Settings);

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Starts with the defaults: no password, one attempt to connect, messages of 16 MiB at most.
    pub fn new() -> Self {
        Self(Settings::default())
    }

    /// Says who one is by a name and a password. What is set here takes the place of what stands in the address.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.0.login = Some(Login::User { name: name.into(), password: password.into() });
        self
    }

    /// Says who one is by a token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.0.login = Some(Login::Token(token.into()));
        self
    }

    /// Proves who one is by a key of NATS, given as its seed, which begins with `SU`. It is not sent.
    pub fn seed(mut self, seed: impl Into<String>) -> Self {
        self.0.login = Some(Login::Seed(seed.into()));
        self
    }

    /// Proves who one is by the text of a file `.creds`, as the tools of NATS write it.
    pub fn credentials(mut self, text: impl Into<String>) -> Self {
        self.0.login = Some(Login::Credentials(text.into()));
        self
    }

    /// Sets the name by which the server's tools show this program.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    /// Connects by TLS only, whatever the server asks for. Addresses `tls://` and servers that demand it are connected to so in any case.
    ///
    /// TLS is that of `rustls` with `ring`, which becomes the default of this process unless it has chosen another before.
    pub fn require_tls(mut self) -> Self {
        self.0.require_tls = true;
        self
    }

    /// Trusts who the certificates in a PEM file vouch for, and not the system's list.
    pub fn root_certificates(mut self, file: impl Into<PathBuf>) -> Self {
        self.0.roots = Some(file.into());
        self
    }

    /// Proves who one is by a certificate and its key, two PEM files.
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.0.certificate = Some((certificate.into(), key.into()));
        self
    }

    /// Sets how long one attempt to connect may take, with the look-up of the name and all that the server wants to know; the default is
    /// 10 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.0.connect_timeout = timeout;
        self
    }

    /// Connects repeatedly for so long, if the server cannot be reached yet: after half a second, and then after pauses that grow by
    /// half, to 30 seconds at most. A server that refuses is not asked again.
    pub fn retry_for(mut self, time: Duration) -> Self {
        self.0.retry_for = Some(time);
        self
    }

    /// Connects repeatedly until the server can be reached.
    pub fn retry_forever(mut self) -> Self {
        self.0.retry_for = None;
        self
    }

    /// Sets the longest pause between two attempts to get a lost connection back; the default is 4 seconds. The first is made at once.
    pub fn reconnect_pause(mut self, longest: Duration) -> Self {
        self.0.reconnect_pause = longest;
        self
    }

    /// Sets how often the server is asked for a sign of life; the default is 20 seconds. One that gave none for three times as long is
    /// taken for lost.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.0.ping_interval = interval;
        self
    }

    /// Sets the longest message in bytes that is taken; the default is 16 MiB. The server has a limit of its own, usually 1 MiB, for what
    /// is sent; see [`Connection::server_limit`].
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.0.message_limit = bytes;
        self
    }

    /// Connects to a server: `nats://host:port`, `tls://host:port`, with `user:password@` or `token@` before the host, or several of one
    /// cluster with commas in between. Blocks meanwhile: not for the foreground, which has [`connect_on`](Self::connect_on).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidAddress`](crate::transport::ErrorKind::InvalidAddress); `InvalidInput`: credentials that are none; `Unreachable`
    /// or `Timeout`: no server there; `Refused`: a wrong password, or a certificate that is not trusted; `Protocol`: it is no NATS server.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use foreground::nats::Options;
    ///
    /// let connection = Options::new().token("secret").connect("nats://127.0.0.1:4222")?;
    /// # Ok::<(), foreground::transport::Error>(())
    /// ```
    pub fn connect(&self, address: impl AsRef<str>) -> Result<Connection, Error> {
        connect(self.0.clone(), Servers::parse(address.as_ref())?)
    }

    /// Connects in the background, and has the connection delivered to the foreground by a callback of the router. Never blocks.
    ///
    /// The callback is called once, with the connection or the error; it is dropped uncalled if the router is stopped before, which also
    /// ends the attempts.
    ///
    /// # Errors
    /// Those of [`MessageRouter::pipe`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::MessageRouter;
    /// use foreground::nats::Options;
    ///
    /// let router: MessageRouter<String> = MessageRouter::new(|| {});
    /// router.start()?;
    /// Options::new().connect_on(&router, "nats://127.0.0.1:1", |app: &mut String, connection| match connection {
    ///     Ok(connection) => *app = format!("connected to {}", connection.address()),
    ///     Err(error) => *app = error.to_string(),
    /// })?;
    ///
    /// let mut app = String::new();
    /// router.route_until(&mut app, |app| !app.is_empty(), None)?;
    /// assert!(app.contains("nats://127.0.0.1:1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn connect_on<S: 'static>(
        &self,
        router: &MessageRouter<S>,
        address: impl AsRef<str>,
        callback: impl FnOnce(&mut S, Result<Connection, Error>) + 'static,
    ) -> Result<(), PipeError> {
        let (sender, receiver) = router.pipe::<Result<Connection, Error>>()?;
        let mut callback = Some(callback);
        receiver.on_message(move |state, connection| {
            if let Some(callback) = callback.take() {
                callback(state, connection);
            }
        });
        receiver.detach();
        let sender = Arc::new(sender.start());
        match Servers::parse(address.as_ref()) {
            Ok(servers) => connect_on(self.0.clone(), servers, sender),
            Err(error) => {
                let _ = sender.send(Err(error));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { login, name, require_tls, connect_timeout, retry_for, message_limit, .. } = &self.0;
        f.debug_struct("Options")
            .field("login", login)
            .field("name", name)
            .field("require_tls", require_tls)
            .field("connect_timeout", connect_timeout)
            .field("retry_for", retry_for)
            .field("message_limit", message_limit)
            .finish_non_exhaustive()
    }
}
