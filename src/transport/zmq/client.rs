use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::link::{Link, Use};
use super::{Endpoint, Options};
use crate::net::{after, is_io_thread};
use crate::runtime::{GaveUp, Runtime, until};
use crate::transport::client::deliver_once;
use crate::transport::{ClientTransport, Error, ErrorKind};
use crate::zmq::Settings;
use crate::{MessageRouter, PipeError};

/// A client of a 0MQ server: of [`Server`](super::Server), of tinyrpc's, or of anything with a ROUTER or REP socket. A cheap handle, for any
/// number of threads.
///
/// # Examples
///
/// ```
/// use foreground::transport::zmq::{Client, Server};
/// use foreground::transport::{ClientTransport, ServerTransport};
///
/// let server = Server::bind("inproc://a name in this program")?;
/// let client = Client::connect(server.endpoint())?;
/// let asking = std::thread::spawn(move || client.send_message(b"2 + 2".to_vec(), true));
///
/// let (context, message) = server.receive_message()?;
/// assert_eq!(message, b"2 + 2");
/// context.reply("4")?;
/// assert_eq!(asking.join().unwrap()?, Some(b"4".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    timeout: Option<Duration>,
}

struct Shared {
    endpoint: Endpoint,
    settings: Settings,
    runtime: Arc<Runtime>,
    calls: Mutex<Vec<Link>>,
    posts: Mutex<Vec<Link>>,
    /// One for each connection that may be in use.
    free: Semaphore,
}

impl Client {
    /// Makes a client of the server at an address, with the [options](Options) as they are by default. Never waits: it is connected to
    /// when there is a message to send, and again after each loss.
    ///
    /// # Errors
    /// As [`Options::connect`].
    pub fn connect<E>(endpoint: E) -> Result<Self, Error>
    where
        E: TryInto<Endpoint>,
        Error: From<E::Error>,
    {
        Options::new().connect(endpoint)
    }

    pub(super) fn open(
        endpoint: Endpoint,
        settings: Settings,
        timeout: Option<Duration>,
        connections: usize,
    ) -> Result<Self, Error> {
        let runtime = Runtime::shared()
            .map_err(|error| Error::new(ErrorKind::Io, "no thread for 0MQ").because(error))?;
        let (calls, posts) = (Mutex::default(), Mutex::default());
        let free = Semaphore::new(connections.min(Semaphore::MAX_PERMITS));
        Ok(Self { shared: Arc::new(Shared { endpoint, settings, runtime, calls, posts, free }), timeout })
    }

    /// Returns the address of the server.
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// Sets how long a message may take, for this handle and what is cloned of it; the default is 30 seconds, and `None` is for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::zmq::Client;
    /// use foreground::transport::{ClientTransport, ErrorKind};
    /// use std::time::Duration;
    ///
    /// let client = Client::connect("inproc://nobody is there")?;
    /// let error = client.with_timeout(Duration::ZERO).send_message(b"hello?".to_vec(), true).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Unreachable);
    /// # Ok::<(), foreground::transport::Error>(())
    /// ```
    #[must_use]
    pub fn with_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    fn exchange(&self, message: Vec<u8>, expect_reply: bool) -> Exchange<'_> {
        let to_be_used = if expect_reply { Use::Calls } else { Use::Posts };
        Exchange { client: &self.shared, to_be_used, message, link: None }
    }
}

impl ClientTransport for Client {
    fn send_message(&self, message: Vec<u8>, expect_reply: bool) -> Result<Option<Vec<u8>>, Error> {
        if is_io_thread() {
            return Err(would_deadlock());
        }
        let deadline = self.timeout.and_then(after);
        let mut exchange = self.exchange(message, expect_reply);
        match self.shared.runtime.wait(deadline, exchange.run()) {
            Ok(outcome) => outcome,
            Err(GaveUp::Timeout) => Err(exchange.timed_out()),
            Err(GaveUp::WouldDeadlock) => Err(would_deadlock()),
            Err(GaveUp::ThreadEnds) => {
                Err(Error::new(ErrorKind::Io, "this thread is ending, and cannot wait for a reply"))
            }
        }
    }

    #[track_caller]
    fn send_message_on<S: 'static>(
        &self,
        router: &MessageRouter<S>,
        message: Vec<u8>,
        expect_reply: bool,
        callback: impl FnOnce(&mut S, Result<Option<Vec<u8>>, Error>) + 'static,
    ) -> Result<(), PipeError> {
        let tell = deliver_once(router, callback)?;
        let deadline = self.timeout.and_then(after);
        let client = self.clone();
        self.shared.runtime.spawn(async move {
            let mut exchange = client.exchange(message, expect_reply);
            let outcome = match until(deadline, exchange.run()).await {
                Some(outcome) => outcome,
                None => Err(exchange.timed_out()),
            };
            tell(outcome);
        });
        Ok(())
    }
}

/// A message on its way, and its reply.
struct Exchange<'a> {
    client: &'a Shared,
    to_be_used: Use,
    message: Vec<u8>,
    /// Given back to the client when all went well, and closed otherwise.
    link: Option<Link>,
}

impl Exchange<'_> {
    async fn run(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let (length, limit) = (self.message.len(), self.client.settings.message_limit);
        if length > limit {
            let text = format!(
                "the message has {length} bytes, and the limit is {limit}; see `Options::message_limit`"
            );
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        let _in_use = self.client.free.acquire().await.map_err(Error::closed)?;
        let outcome = self.send().await;
        if let Some(mut link) = self.link.take_if(|_| outcome.is_ok()) {
            link.rest();
            self.client.idle(self.to_be_used).lock().push(link);
        } else {
            self.client.forget();
        }
        outcome
    }

    async fn send(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let link = loop {
            let link = self.link.insert(self.client.link(self.to_be_used)?);
            if link.is_usable().await {
                break self.link.as_mut().expect("it was just inserted");
            }
        };
        let message = std::mem::take(&mut self.message);
        match self.to_be_used {
            Use::Calls => link.call(&self.client.endpoint, message).await.map(Some),
            Use::Posts => link.post(&self.client.endpoint, message).await.map(|()| None),
        }
    }

    fn timed_out(self) -> Error {
        self.client.forget();
        let endpoint = &self.client.endpoint;
        let (kind, text) = match &self.link {
            None => (
                ErrorKind::Timeout,
                "all connections were in use; see `Options::connection_limit`".to_owned(),
            ),
            Some(link) if link.was_connected() => {
                (ErrorKind::Timeout, format!("{endpoint} did not reply before the timeout"))
            }
            Some(_) => {
                (ErrorKind::Unreachable, format!("nobody could be reached at {endpoint} before the timeout"))
            }
        };
        Error::new(kind, text)
    }
}

impl Shared {
    fn idle(&self, to_be_used: Use) -> &Mutex<Vec<Link>> {
        match to_be_used {
            Use::Calls => &self.calls,
            Use::Posts => &self.posts,
        }
    }

    /// A connection that is free, or a new one.
    fn link(&self, to_be_used: Use) -> Result<Link, Error> {
        let idle = self.idle(to_be_used).lock().pop();
        idle.map_or_else(|| Link::open(to_be_used, &self.endpoint, &self.settings), Ok)
    }

    /// When one connection has failed, those that wait may be dead as well without knowing: the next message takes a new one.
    fn forget(&self) {
        let dropped = (std::mem::take(&mut *self.calls.lock()), std::mem::take(&mut *self.posts.lock()));
        drop(dropped);
    }
}

fn would_deadlock() -> Error {
    Error::new(ErrorKind::WouldDeadlock, "this thread brings the replies, and must not wait for one")
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.shared.endpoint)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
