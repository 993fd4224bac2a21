use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::exchange::{Awaited, Exchange};
use super::message::{Message, MessageError, Purpose};
use super::options::{Options, Settings};
use super::{BoxError, FromMessage, OpenError, ToMessage};
use crate::bus::PendingResponse;
use crate::net::{Address, AddressError, PeerAddress, Stream, Target};

/// Sends requests to a server in another process, each on a connection of its own; from any thread, shared or cloned.
///
/// Connections have no order among them: of two requests that are sent one after the other, the second may be received first.
/// Whoever minds waits for the first response.
pub struct Client<Q, R> {
    inner: Arc<Inner<Q, R>>,
}

struct Inner<Q, R> {
    target: Option<Target>,
    to_message: Box<ToMessage<Q>>,
    from_message: Arc<FromMessage<R>>,
    settings: Settings,
}

impl<Q, R> Client<Q, R> {
    /// Makes a client of the server at an address, with the default [`Options`]. Connects to nothing yet.
    ///
    /// `to_message` makes a message of a request, on the thread that sends it. `from_message` makes a response of a message and
    /// the address from which it came: on the thread that waits for it, or on the I/O thread for
    /// [`deliver_on`](PendingResponse::deliver_on).
    ///
    /// If the address names a host, the system's resolver is asked, which may take seconds; it is asked once. Of a host with
    /// several addresses each request tries one after the other.
    ///
    /// # Errors
    /// No address; a host without one; the system's errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::thread;
    /// use foreground::bus::socket::{Client, Message, Server};
    ///
    /// let server = Server::listen(
    ///     "127.0.0.1:0",
    ///     |message, _| String::from_utf8(message.body),
    ///     |length: usize| Ok::<_, Infallible>(Message::from(length.to_string())),
    /// )?;
    /// let client = Client::new(
    ///     server.local_address().unwrap(),
    ///     |text: &str| Ok::<_, Infallible>(Message::from(text)),
    ///     |message, _peer| message.text()?.parse::<usize>().map_err(Box::<dyn std::error::Error + Send + Sync>::from),
    /// )?;
    /// thread::spawn(move || {
    ///     while let Ok((transaction, text)) = server.recv_request() {
    ///         // Nobody minds if the client has given up.
    ///         let _ = transaction.send_response(text.len());
    ///     }
    /// });
    /// assert_eq!(client.send_request("four")?.recv_response()?, 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new<A, E, F>(
        address: A,
        to_message: impl Fn(Q) -> Result<Message, E> + Send + Sync + 'static,
        from_message: impl Fn(Message, &PeerAddress) -> Result<R, F> + Send + Sync + 'static,
    ) -> Result<Self, OpenError>
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
        E: Into<BoxError>,
        F: Into<BoxError>,
    {
        Options::new().client(address, to_message, from_message)
    }

    pub(super) fn open<E: Into<BoxError>, F: Into<BoxError>>(
        target: Option<Target>,
        to_message: impl Fn(Q) -> Result<Message, E> + Send + Sync + 'static,
        from_message: impl Fn(Message, &PeerAddress) -> Result<R, F> + Send + Sync + 'static,
        settings: Settings,
    ) -> Self {
        let inner = Inner {
            target,
            to_message: Box::new(move |request| to_message(request).map_err(Into::into)),
            from_message: Arc::new(move |message, peer| from_message(message, peer).map_err(Into::into)),
            settings,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Sends a request, on a new connection. Never blocks: the connection is made, and the request written, in the
    /// background.
    ///
    /// That the server is not reached is told by the [`PendingResponse`]; as is everything else that goes wrong on the way. Dropping
    /// that closes the connection, and the request may be lost.
    ///
    /// # Errors
    /// [`MessageError`], if there is no message to be sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use foreground::bus::ResponseError;
    /// use foreground::bus::socket::{Client, Message};
    /// use foreground::net::DisconnectKind;
    ///
    /// let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?; // nobody listens there any more
    /// let client = Client::new(port, Ok::<Message, Infallible>, |message, _| Ok::<_, Infallible>(message))?;
    /// match client.send_request(Message::new("hello?"))?.recv_response() {
    ///     Err(ResponseError::Connection(reason)) => assert_eq!(reason.kind(), DisconnectKind::Unreachable),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_request(&self, request: Q) -> Result<PendingResponse<R>, MessageError>
    where
        R: 'static,
    {
        let bytes = self.encode(request)?;
        let exchange = match &self.inner.target {
            Some(target) => Exchange::with(target, bytes, self.inner.settings),
            None => Exchange::without_address(self.inner.settings),
        };
        Ok(self.pending(exchange))
    }

    /// Sends a request over a stream that is connected already, such as one of a pair. Never blocks. The stream
    /// is for this one request, and is closed after its response.
    ///
    /// # Errors
    /// [`MessageError`], if there is no message to be sent; the stream is closed then.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use std::convert::Infallible;
    /// use std::os::unix::net::UnixStream;
    /// use foreground::bus::socket::{Message, Options};
    ///
    /// let client = Options::new().client_over_streams(
    ///     |text: &str| Ok::<_, Infallible>(Message::from(text)),
    ///     |message, _| String::from_utf8(message.body),
    /// );
    /// let server = Options::new().server_over_streams(
    ///     |message, _| String::from_utf8(message.body),
    ///     |text: String| Ok::<_, Infallible>(Message::from(text)),
    /// );
    /// let (ours, theirs) = UnixStream::pair().unwrap();
    /// server.add_stream(theirs).unwrap();
    /// let pending = client.send_request_over(ours, "hello").unwrap();
    /// let (transaction, text) = server.recv_request().unwrap();
    /// transaction.send_response(text.to_uppercase()).unwrap();
    /// assert_eq!(pending.recv_response().unwrap(), "HELLO");
    /// # }
    /// ```
    pub fn send_request_over(
        &self,
        stream: impl Into<Stream>,
        request: Q,
    ) -> Result<PendingResponse<R>, MessageError>
    where
        R: 'static,
    {
        let stream = stream.into();
        let bytes = self.encode(request)?;
        Ok(self.pending(Exchange::over(stream, bytes, self.inner.settings)))
    }

    fn encode(&self, request: Q) -> Result<Vec<u8>, MessageError> {
        let message = (self.inner.to_message)(request).map_err(MessageError::Convert)?;
        self.inner.settings.encode(&message, Purpose::Request)
    }

    fn pending(&self, exchange: Arc<Exchange>) -> PendingResponse<R>
    where
        R: 'static,
    {
        let from_message = self.inner.from_message.clone();
        PendingResponse::from_elsewhere(Awaited { exchange, from_message })
    }
}

impl<Q, R> Clone for Client<Q, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

// As with the senders of pipes: user code runs neither under a lock nor between changes.
impl<Q, R> UnwindSafe for Client<Q, R> {}
impl<Q, R> RefUnwindSafe for Client<Q, R> {}

impl<Q, R> fmt::Debug for Client<Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("target", &self.inner.target).finish_non_exhaustive()
    }
}
