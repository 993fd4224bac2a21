use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, HeaderValue, TRANSFER_ENCODING};
use ureq::http::{HeaderMap, Uri};

use super::background::{Background, Job};
use super::call::{self, agent};
use super::url;
use crate::net::{after, is_io_thread};
use crate::transport::client::deliver_once;
use crate::transport::{ClientTransport, Error, ErrorKind};
use crate::{MessageRouter, PipeError};

/// How long a message may take unless somebody says else.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client by HTTP: each message is the body of a POST, and the reply the body of the answer. A cheap handle.
///
/// Making one does not touch the network. Connections are made as they are needed, kept for later messages, and shared by the
/// clones of a client; any number of threads may use one at once. The methods that set something give a client with
/// connections of its own.
///
/// # Examples
///
/// ```
/// use foreground::transport::{ClientTransport, ServerTransport, http};
/// use std::time::Duration;
///
/// let server = http::Server::bind("127.0.0.1:0")?;
/// let client = http::Client::new(format!("http://{}/rpc", server.local_address()))?
///     .timeout(Duration::from_secs(5))
///     .header("Authorization", "Bearer 0815")?;
/// let asking = std::thread::spawn(move || client.send_message(b"2 + 2".to_vec(), true));
///
/// let (context, message) = server.receive_message()?;
/// assert_eq!(message, b"2 + 2");
/// context.reply("4")?;
/// assert_eq!(asking.join().unwrap()?, Some(b"4".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A status that is no success is an error, which has it:
///
/// ```
/// use foreground::transport::{ClientTransport, ErrorKind, ServerTransport, http};
///
/// let server = http::Options::new().body_limit(3).bind("127.0.0.1:0")?;
/// let client = http::Client::new(format!("http://{}", server.local_address()))?;
/// let error = client.send_message(b"long".to_vec(), true).unwrap_err();
/// assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(413)));
/// assert_eq!(error.body(), Some(&b"The message is too large"[..]));
/// # Ok::<(), foreground::transport::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a client does nothing until a message is sent by it"]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    /// Made for the first message: the system's certificates are read then.
    agent: OnceLock<Agent>,
    background: Background,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) url: Uri,
    pub(super) headers: HeaderMap,
    pub(super) timeout: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) reply_limit: usize,
    pub(super) redirects: usize,
    pub(super) idle_connections: usize,
    pub(super) proxy: Option<ureq::Proxy>,
    #[cfg(feature = "https")]
    pub(super) roots: super::tls::Roots,
}

impl Client {
    /// Makes a client for a URL such as `http://localhost:8080/rpc`; `https://` needs the feature `https`. A user and password in it are
    /// sent by basic authentication.
    ///
    /// # Errors
    /// [`InvalidAddress`](ErrorKind::InvalidAddress).
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{ErrorKind, http};
    ///
    /// let client = http::Client::new("http://localhost:8080/rpc")?;
    /// let error = http::Client::new("localhost:8080").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidAddress);
    /// # Ok::<(), foreground::transport::Error>(())
    /// ```
    pub fn new(url: impl AsRef<str>) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self::of(Settings {
            url: url::parse(url.as_ref())?,
            headers,
            timeout: Some(TIMEOUT),
            connect_timeout: None,
            reply_limit: 1024 * 1024,
            redirects: 0,
            idle_connections: 16,
            proxy: None,
            #[cfg(feature = "https")]
            roots: super::tls::Roots::default(),
        }))
    }

    fn of(settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner { settings, agent: OnceLock::new(), background: Background::default() }),
        }
    }

    fn with(self, set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.inner.settings.clone();
        set(&mut settings);
        Self::of(settings)
    }

    /// Adds a header to every message, such as a token that the server wants.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for what is no header, and for those that tell how the message is sent, such as
    /// `Content-Length`.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{ErrorKind, http};
    ///
    /// let client = http::Client::new("http://localhost:8080")?.header("X-Api-Key", "0815")?;
    /// let error = client.header("Evil", "one\r\nanother: two").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// # Ok::<(), foreground::transport::Error>(())
    /// ```
    pub fn header(self, name: &str, value: &str) -> Result<Self, Error> {
        let invalid = |why: &str| {
            // The value may be a secret.
            Error::new(ErrorKind::InvalidInput, format!("the header {name:?} cannot be sent: {why}"))
        };
        let name = HeaderName::try_from(name).map_err(|_| invalid("that is no name of a header"))?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| invalid("its value has characters that no header may have"))?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT].contains(&name) {
            return Err(invalid("it is the transport's own"));
        }
        value.set_sensitive(true);
        Ok(self.with(|settings| {
            if name == CONTENT_TYPE {
                settings.headers.insert(name, value);
            } else {
                settings.headers.append(name, value);
            }
        }))
    }

    /// Sets the `Content-Type` of messages; the default is `application/json`.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for what cannot be a header's value.
    pub fn content_type(self, content_type: &str) -> Result<Self, Error> {
        self.header("Content-Type", content_type)
    }

    /// Sets how long a message may take, from looking up the host to the last byte of the reply; the default is 30 seconds, and `None` is
    /// for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{ClientTransport, ErrorKind, ServerTransport, http};
    /// use std::time::Duration;
    ///
    /// let server = http::Server::bind("127.0.0.1:0")?;
    /// let client = http::Client::new(format!("http://{}", server.local_address()))?.timeout(Duration::from_millis(10));
    /// let error = client.send_message(b"nobody answers".to_vec(), true).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Timeout);
    /// # Ok::<(), foreground::transport::Error>(())
    /// ```
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.with(|settings| settings.timeout = timeout.into())
    }

    /// Sets how much of that time connecting may take; the default is all.
    pub fn connect_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.with(|settings| settings.connect_timeout = timeout.into())
    }

    /// Sets the longest reply in bytes; the default is 1 MiB. A longer one is the error [`TooLarge`](ErrorKind::TooLarge).
    pub fn reply_limit(self, bytes: usize) -> Self {
        self.with(|settings| settings.reply_limit = bytes)
    }

    /// Sets how many redirections of one message are followed; the default is 0.
    ///
    /// Only the statuses 307 and 308 are, which want the same POST elsewhere; the others want a GET, which carries no message. Another
    /// server than that of the URL is not sent the [headers](Self::header), but for the content type. Never is a message redirected from `https` to `http`.
    pub fn redirects(self, redirects: usize) -> Self {
        self.with(|settings| settings.redirects = redirects)
    }

    /// Sets how many unused connections are kept for later messages; the default is 16. They are kept for 15 seconds.
    pub fn idle_connections(self, connections: usize) -> Self {
        self.with(|settings| settings.idle_connections = connections)
    }

    /// Sets a proxy, such as `http://proxy.example:3128`; by default there is none, whatever the environment says.
    ///
    /// # Errors
    /// [`InvalidAddress`](ErrorKind::InvalidAddress).
    pub fn proxy(self, url: &str) -> Result<Self, Error> {
        let invalid =
            || Error::new(ErrorKind::InvalidAddress, "that is no URL of a proxy; give \"http://host:port\"");
        let proxy = ureq::Proxy::new(url).map_err(|error| invalid().because(error))?;
        // ureq is built without the others, and panics when it is to use one.
        let is_spoken = matches!(proxy.protocol(), ureq::ProxyProtocol::Http)
            || cfg!(feature = "https") && matches!(proxy.protocol(), ureq::ProxyProtocol::Https);
        if !is_spoken {
            return Err(invalid().because("such a proxy is not spoken to"));
        }
        Ok(self.with(|settings| settings.proxy = Some(proxy)))
    }

    /// Trusts servers whose certificate one of these has signed, too; the text may hold several, each as PEM.
    ///
    /// Those that the system trusts remain, or Mozilla's, if the system has none.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), if there is none in the text.
    #[cfg(feature = "https")]
    #[cfg_attr(docsrs, doc(cfg(feature = "https")))]
    pub fn root_certificate(self, pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let certificates = super::tls::certificates(pem.as_ref())?;
        Ok(self.with(|settings| settings.roots.add(certificates)))
    }

    /// Trusts nobody but those given by [`root_certificate`](Self::root_certificate).
    #[cfg(feature = "https")]
    #[cfg_attr(docsrs, doc(cfg(feature = "https")))]
    pub fn without_system_roots(self) -> Self {
        self.with(|settings| settings.roots.leave_out_the_systems())
    }
}

impl Client {
    /// When a message that is sent now has taken too long. What the clock cannot name is for ever.
    fn deadline(&self) -> Option<Instant> {
        self.inner.settings.timeout.and_then(after)
    }

    pub(super) fn send_until(
        &self,
        deadline: Option<Instant>,
        message: &[u8],
        expect_reply: bool,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Inner { settings, agent: made, .. } = &*self.inner;
        let agent = made.get_or_init(|| agent(settings));
        call::send(agent, settings, deadline, message).map(|reply| expect_reply.then_some(reply))
    }

    pub(super) fn background(&self) -> &Background {
        &self.inner.background
    }
}

impl ClientTransport for Client {
    /// Without `expect_reply` it waits for the status, and returns `None` for one that is a success.
    fn send_message(&self, message: Vec<u8>, expect_reply: bool) -> Result<Option<Vec<u8>>, Error> {
        if is_io_thread() {
            return Err(Error::new(ErrorKind::WouldDeadlock, "this thread must not wait for a reply"));
        }
        self.send_until(self.deadline(), &message, expect_reply)
    }

    /// At most 64 messages are on their way at once, each on a thread of the client's; further ones wait, which counts towards their
    /// timeout.
    #[track_caller]
    fn send_message_on<S: 'static>(
        &self,
        router: &MessageRouter<S>,
        message: Vec<u8>,
        expect_reply: bool,
        callback: impl FnOnce(&mut S, Result<Option<Vec<u8>>, Error>) + 'static,
    ) -> Result<(), PipeError> {
        let tell = deliver_once(router, callback)?;
        let deadline = self.deadline();
        Background::send(self, Job { message, expect_reply, deadline, tell });
        Ok(())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.inner.settings;
        f.debug_struct("Client")
            .field("url", &url::without_secrets(&settings.url))
            .field("headers", &settings.headers.keys())
            .field("timeout", &settings.timeout)
            .field("connect_timeout", &settings.connect_timeout)
            .field("reply_limit", &settings.reply_limit)
            .field("redirects", &settings.redirects)
            .field("idle_connections", &settings.idle_connections)
            .finish_non_exhaustive()
    }
}
