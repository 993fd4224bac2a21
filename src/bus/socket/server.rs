use std::fmt;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::connection::{Connection, Hub};
use super::message::{Message, MessageError, Purpose};
use super::options::{Options, Settings};
use super::{BoxError, FromMessage, OpenError, ToMessage};
use crate::bus::error::{RecvRequestError, RecvRequestTimeoutError, SendResponseError, TryRecvRequestError};
use crate::bus::local;
use crate::bus::slot::{Deliver, Outcome, Slot};
use crate::bus::{Serving, Transaction};
use crate::net::{
    self, Acceptor, Address, AddressError, Admission, Disconnect, PeerAddress, Stream, When, after,
    is_io_thread,
};
use crate::{MessageRouter, PipeError};

/// Receives requests from other processes, on any thread, shared or cloned. Each request comes to one server, whichever is
/// free first.
///
/// It is a [server between threads](crate::bus::Server) to which the requests come by sockets: as soon as they are whole, in
/// that order. A request that cannot be converted is dropped, with a warning in the log, and closes its connection; the
/// server goes on.
///
/// When the last clone is dropped, and no router [serves](Self::serve_on), nobody listens any more, and connections whose
/// requests were not received are closed. A [`Transaction`] in hand can still be answered.
pub struct Server<Q, R> {
    /// Dropped first: what waits there is on connections of those below.
    requests: local::Server<Incoming<Q>, R>,
    service: Arc<Service<Q, R>>,
    entrance: Arc<Entrance<Q, R>>,
}

/// How requests come.
type Requests<Q, R> = local::Client<Incoming<Q>, R>;

/// A request on its way.
enum Incoming<Q> {
    /// Converted by whoever receives it.
    Message(Message, PeerAddress),
    /// Converted on the I/O thread, as the foreground is to receive it.
    Request(Q),
}

struct Service<Q, R> {
    from_message: Arc<FromMessage<Q>>,
    to_message: Arc<ToMessage<R>>,
    settings: Settings,
    hub: Arc<Hub>,
    /// Routers that serve.
    foregrounds: AtomicUsize,
}

/// By which connections come, until it is closed.
struct Entrance<Q, R> {
    door: Mutex<Option<Door<Q, R>>>,
    address: Option<Address>,
    hub: Arc<Hub>,
}

struct Door<Q, R> {
    acceptor: Option<Acceptor>,
    requests: Requests<Q, R>,
}

impl<Q: Send + 'static, R: Send + 'static> Server<Q, R> {
    /// Listens at an address, with the default [`Options`]. Connections are taken from now on.
    ///
    /// `from_message` makes a request of a message and the address from which it came: on the thread that receives it, or on the
    /// I/O thread for [`serve_on`](Self::serve_on). A panic there on the I/O thread ends that connection and nothing else.
    /// `to_message` makes a message of a response, on the thread that gives it.
    ///
    /// The port 0 lets the system choose one. The file of a Unix socket goes with the server; one that a killed program
    /// left behind is replaced.
    ///
    /// # Errors
    /// No address; it is in use; the system's errors.
    ///
    /// # Examples
    ///
    /// See [`Client::new`](super::Client::new).
    pub fn listen<A, E, F>(
        address: A,
        from_message: impl Fn(Message, &PeerAddress) -> Result<Q, E> + Send + Sync + 'static,
        to_message: impl Fn(R) -> Result<Message, F> + Send + Sync + 'static,
    ) -> Result<Self, OpenError>
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
        E: Into<BoxError>,
        F: Into<BoxError>,
    {
        Options::new().listen(address, from_message, to_message)
    }

    pub(super) fn open(
        from_message: Arc<FromMessage<Q>>,
        to_message: Arc<ToMessage<R>>,
        settings: Settings,
    ) -> Self {
        let (client, requests) = local::local();
        let hub = Arc::new(Hub::default());
        let entrance = Entrance {
            door: Mutex::new(Some(Door { acceptor: None, requests: client })),
            address: None,
            hub: hub.clone(),
        };
        let service = Service { from_message, to_message, settings, hub, foregrounds: AtomicUsize::new(0) };
        Self { requests, service: Arc::new(service), entrance: Arc::new(entrance) }
    }

    /// Takes connections from now on.
    pub(super) fn listen_by(self, listener: net::Listener, connection_limit: usize) -> io::Result<Self> {
        let Self { requests, service, entrance } = self;
        let Some(Door { requests: client, .. }) = entrance.door.lock().take() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let (taker, arrivals) = (service.clone(), client.clone());
        let acceptor = Acceptor::open(listener, connection_limit, move |stream, peer, admission| {
            if let Err(error) = taker.admit(arrivals.clone(), stream, peer, Some(admission)) {
                log::warn!("foreground: a connection that came could not be taken: {error}");
            }
        })?;
        let address = Some(acceptor.local_address());
        let door = Mutex::new(Some(Door { acceptor: Some(acceptor), requests: client }));
        let hub = service.hub.clone();
        Ok(Self { requests, service, entrance: Arc::new(Entrance { door, address, hub }) })
    }

    /// Takes a stream that is connected already, such as one of a pair, for one request.
    ///
    /// # Errors
    /// The system's; the server was stopped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use std::convert::Infallible;
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use foreground::bus::socket::{Message, Options};
    ///
    /// let server = Options::new().server_over_streams(
    ///     |message, _| Ok::<_, Infallible>(message),
    ///     Ok::<Message, Infallible>,
    /// );
    /// let (mut client, stream) = UnixStream::pair().unwrap();
    /// server.add_stream(stream).unwrap();
    ///
    /// client.write_all(b"\0\x01\0\0\0\x05hello").unwrap();
    /// let (transaction, message) = server.recv_request().unwrap();
    /// transaction.send_response(message.attach("!")).unwrap();
    /// let mut response = Vec::new();
    /// client.read_to_end(&mut response).unwrap();
    /// assert_eq!(response, b"\0\x02\0\0\0\x05hello\0\0\0\x01!");
    /// # }
    /// ```
    pub fn add_stream(&self, stream: impl Into<Stream>) -> Result<(), OpenError> {
        let failed = |error| OpenError::io("cannot take the stream", error);
        let stream = stream.into();
        let peer = stream.peer_address().map_err(failed)?;
        let requests = self.entrance.door.lock().as_ref().map(|door| door.requests.clone());
        let requests = requests
            .ok_or_else(|| failed(io::Error::new(io::ErrorKind::NotConnected, "the server was stopped")))?;
        self.service.admit(requests, stream, peer, None).map_err(failed)
    }
}

impl<Q, R> Server<Q, R> {
    /// Waits for a request, and takes it with the right to answer it. Blocks the calling thread, and no other.
    ///
    /// # Errors
    /// [`RecvRequestError::Disconnected`], when the server was [stopped](Self::stop) and no request is left; or when it does not
    /// listen, and all its streams have brought theirs.
    ///
    /// # Examples
    ///
    /// See [`Client::new`](super::Client::new).
    pub fn recv_request(&self) -> Result<(Transaction<R>, Q), RecvRequestError> {
        if is_io_thread() {
            return Err(RecvRequestError::WouldDeadlock);
        }
        loop {
            let (transaction, incoming) = self.requests.recv_request()?;
            if let Some(request) = self.service.convert(incoming) {
                return Ok((transaction, request));
            }
        }
    }

    /// Waits for a request, but not longer than `timeout`. A timeout beyond what the clock can name is none.
    ///
    /// # Errors
    /// [`RecvRequestTimeoutError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::time::Duration;
    /// use foreground::bus::RecvRequestTimeoutError;
    /// use foreground::bus::socket::{Message, Server};
    ///
    /// let server = Server::listen(
    ///     "127.0.0.1:0",
    ///     |message, _| Ok::<_, Infallible>(message),
    ///     Ok::<Message, Infallible>,
    /// )?;
    /// let error = server.recv_request_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error, RecvRequestTimeoutError::Timeout);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_request_timeout(
        &self,
        timeout: Duration,
    ) -> Result<(Transaction<R>, Q), RecvRequestTimeoutError> {
        let deadline = if is_io_thread() { Some(Instant::now()) } else { after(timeout) };
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let (transaction, incoming) =
                self.requests.recv_request_timeout(left.unwrap_or(Duration::MAX))?;
            if let Some(request) = self.service.convert(incoming) {
                return Ok((transaction, request));
            }
        }
    }

    /// Takes a request that has come. Never blocks.
    ///
    /// # Errors
    /// [`TryRecvRequestError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use foreground::bus::TryRecvRequestError;
    /// use foreground::bus::socket::{Message, Server};
    ///
    /// let server = Server::listen(
    ///     "127.0.0.1:0",
    ///     |message, _| Ok::<_, Infallible>(message),
    ///     Ok::<Message, Infallible>,
    /// )?;
    /// assert_eq!(server.try_recv_request().unwrap_err(), TryRecvRequestError::Empty);
    /// server.close();
    /// assert_eq!(server.try_recv_request().unwrap_err(), TryRecvRequestError::Disconnected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_recv_request(&self) -> Result<(Transaction<R>, Q), TryRecvRequestError> {
        loop {
            let (transaction, incoming) = self.requests.try_recv_request()?;
            if let Some(request) = self.service.convert(incoming) {
                return Ok((transaction, request));
            }
        }
    }

    /// Serves in the foreground: the router calls `callback` with the application's state for each request. The
    /// callback answers now, or keeps the transaction until the user has decided, say.
    ///
    /// All is as with a server between threads, and so is the [`Serving`]; see
    /// [`Server::serve_on`](crate::bus::Server::serve_on) there. From now on requests are converted on the I/O thread; those that have
    /// come before are converted in the foreground.
    ///
    /// To [stop](Self::stop) the server later, keep a clone.
    ///
    /// # Errors
    /// [`PipeError`], when the router opens no pipe, such as [`PipeError::NotRunning`]. The server is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::time::Duration;
    /// use foreground::MessageRouter;
    /// use foreground::bus::socket::{Client, Message, Server};
    ///
    /// struct App { title: String }
    ///
    /// let router: MessageRouter<App> = MessageRouter::new(|| {});
    /// router.start()?;
    /// let server = Server::listen(
    ///     "127.0.0.1:0",
    ///     |message, _| String::from_utf8(message.body),
    ///     |title: String| Ok::<_, Infallible>(Message::from(title)),
    /// )?;
    /// let address = server.local_address().unwrap();
    /// let serving = server.serve_on(&router, |app: &mut App, transaction, title| {
    ///     let old = std::mem::replace(&mut app.title, title);
    ///     let _ = transaction.send_response(old);
    /// })?;
    ///
    /// // Another program:
    /// let client = Client::new(
    ///     address,
    ///     |text: &str| Ok::<_, Infallible>(Message::from(text)),
    ///     |message, _| String::from_utf8(message.body),
    /// )?;
    /// let pending = client.send_request("New")?;
    ///
    /// let mut app = App { title: "Old".into() };
    /// router.route_until(&mut app, |app| app.title == "New", Duration::from_secs(10))?;
    /// assert_eq!(pending.recv_response()?, "Old");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn serve_on<S: 'static>(
        self,
        router: &MessageRouter<S>,
        mut callback: impl FnMut(&mut S, Transaction<R>, Q) + 'static,
    ) -> Result<Serving<S>, PipeError>
    where
        Q: Send + 'static,
        R: Send + 'static,
    {
        let Self { requests, service, entrance } = self;
        let foreground = Foreground::new(service);
        requests.serve_on(router, move |state, transaction, incoming| {
            // It stays open as long as the callback lives.
            let _ = &entrance;
            if let Some(request) = foreground.0.convert(incoming) {
                callback(state, transaction, request);
            }
        })
    }

    /// Returns the address at which this machine reaches the server, with the port that the system chose; `None` if it
    /// was made [without one](Options::server_over_streams).
    ///
    /// # Examples
    ///
    /// See [`Client::new`](super::Client::new).
    pub fn local_address(&self) -> Option<Address> {
        self.entrance.address.clone()
    }

    /// Returns how many requests have come and are not answered, whether somebody has received them or not.
    ///
    /// # Examples
    ///
    /// In [`close`](Self::close).
    pub fn under_way(&self) -> usize {
        self.service.hub.under_way()
    }

    /// Listens no more, and takes no more requests. Those that have come can still be received and answered. Never blocks.
    ///
    /// Receivers get what is left, and are then told that it is the end. In the foreground, which must not wait, this is
    /// the way to a clean end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::time::Duration;
    /// use foreground::MessageRouter;
    /// use foreground::bus::socket::{Message, Server};
    ///
    /// let router: MessageRouter = MessageRouter::new(|| {});
    /// router.start()?;
    /// let server = Server::listen(
    ///     "127.0.0.1:0",
    ///     |message, _| Ok::<_, Infallible>(message),
    ///     Ok::<Message, Infallible>,
    /// )?;
    /// let serving = server.clone().serve_on(&router, |_, transaction, message| {
    ///     let _ = transaction.send_response(message);
    /// })?;
    /// // At the end:
    /// server.close();
    /// router.route_until(&mut (), |_| server.under_way() == 0, Duration::from_secs(5))?;
    /// assert_eq!(server.stop(Duration::ZERO), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) {
        self.entrance.close();
    }

    /// Listens no more, waits for the requests under way to be answered and for the responses to be written, and closes all
    /// connections. Blocks the calling thread for `grace` at most.
    ///
    /// Returns how many requests were cut off: they were whole, and have no response. Requests that nobody has received
    /// by then are among them. On the thread of a router that [serves](Self::serve_on), requests are not answered
    /// while it waits; see [`close`](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use std::time::Duration;
    /// use foreground::bus::socket::{Client, Message, Server};
    ///
    /// let server = Server::listen(
    ///     "127.0.0.1:0",
    ///     |message, _| Ok::<_, Infallible>(message),
    ///     Ok::<Message, Infallible>,
    /// )?;
    /// let address = server.local_address().unwrap();
    /// let client = Client::new(address, Ok::<Message, Infallible>, |message, _| Ok::<_, Infallible>(message))?;
    /// let pending = client.send_request(Message::new("wait for me"))?;
    /// let (transaction, message) = server.recv_request()?;
    /// let worker = std::thread::spawn(move || transaction.send_response(message));
    /// assert_eq!(server.stop(Duration::from_secs(10)), 0);
    /// assert_eq!(pending.recv_response()?.body, b"wait for me");
    /// # worker.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop(&self, grace: Duration) -> usize {
        let deadline = after(grace);
        self.close();
        self.service.hub.wait(deadline);
        let cut_off = self.service.hub.cut_off();
        // What nobody has received is of no use to anybody now.
        while let Ok(received) = self.requests.try_recv_request() {
            drop(received);
        }
        cut_off
    }
}

impl<Q: Send + 'static, R: Send + 'static> Service<Q, R> {
    /// Takes a connection, which may bring one request.
    fn admit(
        self: &Arc<Self>,
        requests: Requests<Q, R>,
        stream: Stream,
        peer: PeerAddress,
        admission: Option<Admission>,
    ) -> io::Result<()> {
        let service = self.clone();
        self.hub.admit(stream, peer, admission, &self.settings, move |link, message| {
            service.on_request(&requests, link, message);
        })
    }

    fn on_request(&self, requests: &Requests<Q, R>, link: &Arc<Connection>, message: Message) {
        let responder =
            Responder { link: link.clone(), to_message: self.to_message.clone(), settings: self.settings };
        let slot = crate::sync::Arc::new(Slot::new());
        slot.deliver_to(Box::new(responder));
        // Dropped, it closes the connection; so also if the conversion panics.
        let transaction = Transaction::new(slot);
        let mut incoming = Incoming::Message(message, link.protocol().peer.clone());
        // Relaxed: one that begins just now converts itself.
        if self.foregrounds.load(Ordering::Relaxed) > 0 {
            match self.convert(incoming) {
                Some(request) => incoming = Incoming::Request(request),
                None => return,
            }
        }
        requests.submit(incoming, transaction);
    }
}

impl<Q, R> Service<Q, R> {
    fn convert(&self, incoming: Incoming<Q>) -> Option<Q> {
        let (message, peer) = match incoming {
            Incoming::Request(request) => return Some(request),
            Incoming::Message(message, peer) => (message, peer),
        };
        (self.from_message)(message, &peer)
            .inspect_err(|error| log::warn!("foreground: a request of {peer} is dropped: {error}"))
            .ok()
    }
}

/// A router that serves, as long as it does.
struct Foreground<Q, R>(Arc<Service<Q, R>>);

impl<Q, R> Foreground<Q, R> {
    fn new(service: Arc<Service<Q, R>>) -> Self {
        service.foregrounds.fetch_add(1, Ordering::Relaxed); // nothing else depends on it
        Self(service)
    }
}

impl<Q, R> Drop for Foreground<Q, R> {
    fn drop(&mut self) {
        self.0.foregrounds.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends the response. Dropped, it closes the connection in order.
struct Responder<R> {
    link: Arc<Connection>,
    to_message: Arc<ToMessage<R>>,
    settings: Settings,
}

impl<R> Deliver<R> for Responder<R> {
    fn deliver(self: Box<Self>, outcome: Outcome<R>) -> Result<(), SendResponseError<R>> {
        // There is no message for an error: the client is told by the end of the connection.
        let Ok(response) = outcome else { return Ok(()) };
        if self.is_closed() || !self.link.protocol().begin_response() {
            return Err(SendResponseError::Abandoned(response));
        }
        let message = (self.to_message)(response)
            .map_err(|error| SendResponseError::Message(MessageError::Convert(error)))?;
        let bytes = self.settings.encode(&message, Purpose::Response).map_err(SendResponseError::Message)?;
        drop(message);
        self.link.send(bytes, When::Now).map_err(SendResponseError::Disconnected)
    }

    fn is_closed(&self) -> bool {
        self.link.is_hung_up()
    }
}

impl<R> Drop for Responder<R> {
    fn drop(&mut self) {
        self.link.finish(Disconnect::closed_here());
    }
}

impl<Q, R> Entrance<Q, R> {
    fn close(&self) {
        let door = self.door.lock().take();
        if let Some(Door { acceptor, requests }) = door {
            drop(acceptor);
            self.hub.close();
            drop(requests);
        }
    }
}

impl<Q, R> Drop for Entrance<Q, R> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<Q, R> Clone for Server<Q, R> {
    fn clone(&self) -> Self {
        Self {
            requests: self.requests.clone(),
            service: self.service.clone(),
            entrance: self.entrance.clone(),
        }
    }
}

// As with the senders of pipes: user code runs neither under a lock nor between changes.
impl<Q, R> UnwindSafe for Server<Q, R> {}
impl<Q, R> RefUnwindSafe for Server<Q, R> {}

impl<Q, R> fmt::Debug for Server<Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.entrance.address)
            .field("under_way", &self.under_way())
            .finish_non_exhaustive()
    }
}
