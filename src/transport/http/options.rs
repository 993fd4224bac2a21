use std::io;
use std::time::Duration;

use hyper::header::HeaderValue;

use super::Server;
use super::cors::Origins;
use crate::net::{self, Address, AddressError};
use crate::transport::{Error, ErrorKind};

/// What a [`Server`] is like: limits, patience, who may call. Then [`bind`](Self::bind) it.
///
/// # Examples
///
/// ```
/// use foreground::transport::http;
/// use std::time::Duration;
///
/// let server = http::Options::new()
///     .body_limit(16 * 1024)
///     .reply_timeout(Duration::from_secs(10))
///     .allow_origin("https://app.example")
///     .bind("127.0.0.1:0")?;
/// # Ok::<(), foreground::transport::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `bind`, `bind_all` or `listen_by` is called with them"]
pub struct Options {
    settings: Settings,
    content_type: String,
    origins: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) body_limit: usize,
    pub(super) header_limit: usize,
    pub(super) unanswered_limit: (usize, usize),
    pub(super) connection_limit: usize,
    pub(super) header_timeout: Option<Duration>,
    pub(super) body_timeout: Option<Duration>,
    pub(super) reply_timeout: Option<Duration>,
    pub(super) write_timeout: Option<Duration>,
    pub(super) keep_alive: bool,
    pub(super) half_close: bool,
    pub(super) content_type: HeaderValue,
    pub(super) origins: Origins,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Starts with the defaults, which are listed with each setting.
    pub fn new() -> Self {
        const MINUTE: Option<Duration> = Some(Duration::from_secs(60));
        Self {
            settings: Settings {
                body_limit: 1024 * 1024,
                header_limit: 64 * 1024,
                unanswered_limit: (10_000, 64 * 1024 * 1024),
                connection_limit: 512,
                header_timeout: Some(Duration::from_secs(30)),
                body_timeout: MINUTE,
                reply_timeout: MINUTE,
                write_timeout: MINUTE,
                keep_alive: true,
                half_close: false,
                content_type: HeaderValue::from_static("application/json"),
                origins: Origins::All,
            },
            content_type: "application/json".into(),
            origins: vec!["*".into()],
        }
    }

    /// Sets the longest message in bytes; the default is 1 MiB. A longer one is not delivered, and its client is told the status 413.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.settings.body_limit = bytes;
        self
    }

    /// Sets how many bytes the head of a request may have; the default is 64 KiB. For a longer one, or one of more than 100 headers,
    /// the status is 431.
    pub fn header_limit(mut self, bytes: usize) -> Self {
        self.settings.header_limit = bytes;
        self
    }

    /// Sets how many messages may be unanswered, and their bytes; the defaults are 10,000 and 64 MiB. What comes beyond waits
    /// with its client for room, for the [time of a reply](Self::reply_timeout) at most; then the status is 503.
    pub fn unanswered_limit(mut self, messages: usize, bytes: usize) -> Self {
        self.settings.unanswered_limit = (messages, bytes);
        self
    }

    /// Sets how many connections may exist at once, idle ones included; the default is 512. More wait at the system's door until one has ended.
    pub fn connection_limit(mut self, connections: usize) -> Self {
        self.settings.connection_limit = connections.max(1);
        self
    }

    /// Sets how long a client may take until the head of its next request is whole; the default is 30 seconds, and `None` is for
    /// ever. The time begins with the connection and anew with each answer, so this is also how long an idle connection is kept.
    pub fn header_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.header_timeout = timeout.into();
        self
    }

    /// Sets how long the body of a request may take; the default is one minute, and `None` is for ever. Then the status is 408.
    pub fn body_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.body_timeout = timeout.into();
        self
    }

    /// Sets how long the application may take to answer a message; the default is one minute, and `None` is for ever. Then the status is
    /// 503, and the message's [`Context`](crate::transport::Context) is abandoned.
    pub fn reply_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.reply_timeout = timeout.into();
        self
    }

    /// Sets after what time a client is cut off that takes nothing of its answer; the default is one minute, and `None` is never.
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.write_timeout = timeout.into();
        self
    }

    /// Sets whether a client may use its connection for further requests; the default is yes.
    pub fn keep_alive(mut self, keep_alive: bool) -> Self {
        self.settings.keep_alive = keep_alive;
        self
    }

    /// Sets whether a client that closes its sending side still waits for the answer; the default is no.
    ///
    /// On the wire such a client looks like one that has gone. As a rule it has, and to know that early spares the application
    /// the work: the message's [`Context`](crate::transport::Context) is abandoned. With `true` those that only half-close, such
    /// as `nc -N`, get their answers, and one that has gone is found out by writing to it only.
    pub fn half_close(mut self, half_close: bool) -> Self {
        self.settings.half_close = half_close;
        self
    }

    /// Sets the `Content-Type` of replies; the default is `application/json`.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// Sets from which origin web pages may call, as in `https://app.example`; the default is `*`, which is any.
    ///
    /// See [`allow_origins`](Self::allow_origins).
    pub fn allow_origin(self, origin: impl Into<String>) -> Self {
        self.allow_origins([origin])
    }

    /// Sets the origins from which web pages may call. With none, no page of any other server may.
    ///
    /// An origin is scheme, host, and port if it is not the usual one, as a browser sends it.
    ///
    /// Unless `*` is among them, a POST with the header `Origin` of any other is not delivered (status 403): a browser keeps the answer from a
    /// foreign page, but not the message from the server. Programs that are no browsers send no `Origin`, and are not affected.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::http;
    ///
    /// let pages = ["https://app.example", "http://localhost:3000"];
    /// let server = http::Options::new().allow_origins(pages).bind("127.0.0.1:0")?;
    /// # Ok::<(), foreground::transport::Error>(())
    /// ```
    pub fn allow_origins<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        self.origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Listens at an address: `host:port` for TCP, or the path of a Unix socket. The port 0 lets the system choose one.
    ///
    /// The file of a Unix socket goes with the server; one that a killed program left behind is replaced. May wait for the system's
    /// resolver if the host is a name.
    ///
    /// # Errors
    /// [`InvalidAddress`](ErrorKind::InvalidAddress); [`AddressInUse`](ErrorKind::AddressInUse); [`InvalidInput`](ErrorKind::InvalidInput) for a
    /// content type or origin that is none; the system's errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::http;
    ///
    /// let server = http::Options::new().bind("127.0.0.1:0")?;
    /// println!("http://{}", server.local_address());
    /// # Ok::<(), foreground::transport::Error>(())
    /// ```
    pub fn bind<A>(&self, address: A) -> Result<Server, Error>
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        self.bind_all([address])
    }

    /// Listens at several addresses.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind), also if there is no address among them. If one fails, none is kept.
    ///
    /// # Examples
    ///
    /// See [`Server::local_addresses`].
    pub fn bind_all<A>(&self, addresses: impl IntoIterator<Item = A>) -> Result<Server, Error>
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        let settings = self.checked()?;
        let listeners = addresses.into_iter().map(listen).collect::<Result<Vec<_>, _>>()?;
        if listeners.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a server needs an address; give one at least"));
        }
        Server::open(listeners, settings)
    }

    /// Listens by a socket of your own, such as one that the system's service manager opened.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind).
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::http;
    ///
    /// let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let server = http::Options::new().listen_by(socket)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn listen_by(&self, listener: impl Into<net::Listener>) -> Result<Server, Error> {
        Server::open(vec![listener.into()], self.checked()?)
    }

    fn checked(&self) -> Result<Settings, Error> {
        let mut settings = self.settings.clone();
        settings.content_type = HeaderValue::from_str(&self.content_type).map_err(|_| {
            let text = format!("{:?} cannot be a content type: it is sent as a header", self.content_type);
            Error::new(ErrorKind::InvalidInput, text)
        })?;
        settings.origins = if self.origins.iter().any(|origin| origin == "*") {
            Origins::All
        } else {
            Origins::These(self.origins.iter().map(|text| origin(text)).collect::<Result<_, _>>()?)
        };
        Ok(settings)
    }
}

/// An origin as browsers send it. One that is written in another way would never match.
fn origin(text: &str) -> Result<HeaderValue, Error> {
    let is_origin = text == "null"
        || text.split_once("://").is_some_and(|(scheme, host)| {
            let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
            let usual_port = if scheme == "http" { ":80" } else { ":443" };
            let is_as_sent = !text.contains(|c: char| c.is_ascii_uppercase()) && !host.ends_with(usual_port);
            !scheme.is_empty() && !host.is_empty() && !host.contains('/') && (!is_web || is_as_sent)
        });
    is_origin.then(|| HeaderValue::from_str(text).ok()).flatten().ok_or_else(|| {
        let text = format!(
            "{text:?} is no origin as browsers send it; give \"https://host\", in small letters, without a path or the usual port"
        );
        Error::new(ErrorKind::InvalidInput, text)
    })
}

fn listen<A>(address: A) -> Result<net::Listener, Error>
where
    A: TryInto<Address>,
    A::Error: Into<AddressError>,
{
    let address = address.try_into().map_err(|error| {
        let error: AddressError = error.into();
        Error::new(ErrorKind::InvalidAddress, error.to_string())
    })?;
    net::Listener::bind(&address).map_err(|error| {
        let (kind, advice) = match error.kind() {
            io::ErrorKind::AddrInUse => {
                (ErrorKind::AddressInUse, "; somebody listens there already, so choose another")
            }
            _ => (ErrorKind::Io, ""),
        };
        Error::new(kind, format!("cannot listen at {address}{advice}")).because(error)
    })
}
