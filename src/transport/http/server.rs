use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1::Builder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::Options;
use super::accept::{Door, accept};
use super::connection::builder;
use super::options::Settings;
use crate::net::{self, Address, AddressError, after, is_io_thread};
use crate::room::Room;
use crate::runtime::Runtime;
use crate::transport::{Error, ErrorKind, Incoming, ServerTransport};

/// A server by HTTP: the body of each POST is a message, and the reply to it the body of the answer. A cheap handle.
///
/// It listens from the beginning, and until it is [closed](ServerTransport::close) or its last handle is dropped, one that
/// [serves](ServerTransport::serve_on) included. What is under way then can still be answered.
///
/// # Examples
///
/// ```
/// use foreground::transport::{ServerTransport, http};
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
///
/// let server = http::Server::bind("127.0.0.1:0")?;
/// let mut client = TcpStream::connect(server.local_address().to_string())?;
/// client.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")?;
///
/// let (context, message) = server.receive_message()?;
/// assert_eq!(message, b"hello");
/// context.reply("hello yourself")?;
///
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello yourself"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Server {
    open: Arc<Open>,
}

/// Closes when its last holder has gone. What is under way lives on, in tasks that hold the rest.
struct Open {
    shared: Arc<Shared>,
    addresses: Vec<Address>,
}

/// What the handles and the connections have in common.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) builder: Builder,
    pub(super) incoming: Incoming,
    pub(super) room: Unanswered,
    pub(super) door: Door,
    /// Each connection has its place.
    pub(super) connections: Arc<Room>,
    is_closed: watch::Sender<bool>,
}

/// The room for messages that are not answered yet. Unlike [`Incoming`]'s own, many connections can wait for it, and they
/// get it in the order in which they came.
pub(super) struct Unanswered {
    messages: Arc<Semaphore>,
    kib: Arc<Semaphore>,
    most_kib: u32,
}

impl Unanswered {
    fn new(messages: usize, bytes: usize) -> Self {
        let messages = messages.clamp(1, Semaphore::MAX_PERMITS);
        // A permit may be taken for at most so many at once.
        let most_kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).max(1);
        let kib = usize::try_from(most_kib).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { messages: Arc::new(Semaphore::new(messages)), kib: Arc::new(Semaphore::new(kib)), most_kib }
    }

    /// A message larger than the whole room has it alone.
    fn kib_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(self.most_kib)
    }

    pub(super) fn try_take(&self, bytes: usize) -> Option<[OwnedSemaphorePermit; 2]> {
        let message = self.messages.clone().try_acquire_owned().ok()?;
        let kib = self.kib.clone().try_acquire_many_owned(self.kib_of(bytes)).ok()?;
        Some([message, kib])
    }

    pub(super) async fn take(&self, bytes: usize) -> Option<[OwnedSemaphorePermit; 2]> {
        // They are never closed, so there is no error.
        let message = self.messages.clone().acquire_owned().await.ok()?;
        let kib = self.kib.clone().acquire_many_owned(self.kib_of(bytes)).await.ok()?;
        Some([message, kib])
    }
}

impl Shared {
    fn close(&self) {
        self.incoming.close();
        self.door.close();
        self.is_closed.send_replace(true);
    }

    /// Waits until the server is closed.
    pub(super) async fn closed(&self) {
        // The sender is at hand, so there is no error.
        let _ = self.is_closed.subscribe().wait_for(|is_closed| *is_closed).await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Server {
    /// Listens at an address with the default settings, as [`Options::bind`] does with others.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{ErrorKind, http};
    ///
    /// let server = http::Server::bind("127.0.0.1:0")?;
    /// let error = http::Server::bind(server.local_address()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::AddressInUse);
    /// # Ok::<(), foreground::transport::Error>(())
    /// ```
    pub fn bind<A>(address: A) -> Result<Self, Error>
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        Options::new().bind(address)
    }

    pub(super) fn open(listeners: Vec<net::Listener>, settings: Settings) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::new(ErrorKind::Io, "the server cannot start").because(error);
        let addresses: Vec<_> = listeners.iter().map(net::Listener::local_address).collect();
        let runtime = Runtime::shared().map_err(failed)?;
        let entered = runtime.enter().map_err(failed)?;
        let door = Door::open(listeners).map_err(failed)?;
        drop(entered);
        let (messages, bytes) = settings.unanswered_limit;
        let shared = Arc::new(Shared {
            builder: builder(&settings),
            // The room is counted here.
            incoming: Incoming::with_limit(usize::MAX, usize::MAX),
            room: Unanswered::new(messages, bytes),
            door,
            connections: Room::new(settings.connection_limit, usize::MAX),
            is_closed: watch::Sender::new(false),
            settings,
        });
        runtime.spawn(accept(shared.clone(), runtime.clone()));
        Ok(Self { open: Arc::new(Open { shared, addresses }) })
    }

    /// Returns the address at which this machine reaches the server, with the port that the system chose; the first, if there are several.
    pub fn local_address(&self) -> &Address {
        &self.open.addresses[0]
    }

    /// Returns all its addresses, in the order in which they were given.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::http;
    ///
    /// let server = http::Options::new().bind_all(["127.0.0.1:0", "127.0.0.1:0"])?;
    /// assert_eq!(server.local_addresses().len(), 2);
    /// # Ok::<(), foreground::transport::Error>(())
    /// ```
    pub fn local_addresses(&self) -> &[Address] {
        &self.open.addresses
    }

    /// Returns how many connections there are, idle ones included.
    pub fn connections(&self) -> usize {
        self.open.shared.connections.items()
    }
}

impl ServerTransport for Server {
    fn incoming(&self) -> &Incoming {
        &self.open.shared.incoming
    }

    /// Gives the addresses free at once, and closes idle connections. Those with a message that is under way end when it is answered.
    fn close(&self) {
        self.open.shared.close();
    }

    /// Waits until the answers are with the system, too.
    fn stop(&self, grace: Duration) -> usize {
        let deadline = after(grace);
        let shared = &self.open.shared;
        shared.close();
        let unanswered = shared.incoming.wait_answered(deadline);
        // What nobody has received is of no use to anybody now.
        shared.incoming.clear();
        let deadline = if is_io_thread() { Some(Instant::now()) } else { deadline };
        shared.connections.wait_until_empty(deadline);
        unanswered
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addresses", &self.open.addresses)
            .field("connections", &self.connections())
            .field("incoming", self.incoming())
            .finish_non_exhaustive()
    }
}
