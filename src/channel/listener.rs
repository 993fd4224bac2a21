use std::fmt;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use super::connection::{self, Core, Incoming};
use super::handle::decode_and_deliver;
use super::options::Settings;
use super::{Channel, RecvError, Request};
use crate::net::{self, Acceptor, Address, Disconnect, Mailbox, Members, Nothing, after, is_io_thread};
use crate::serving::{Serving, serve};
use crate::{MessageRouter, PipeError};

/// Takes connections at an address, in the background, from the moment it is made.
///
/// Choose one of: a connection at a time with [`accept`](Self::accept); each handed to a callback of the foreground with
/// [`serve_on`](Self::serve_on); or the requests of all connections as one stream, with [`requests`](Self::requests). Dropped,
/// with the [`Serving`] if there is one, it listens no more, and connections that nobody took are closed; the others live on.
///
/// # Examples
///
/// ```
/// use foreground::channel;
/// use std::thread;
///
/// let listener = channel::listen("127.0.0.1:0").unwrap();
/// let address = listener.local_address();
/// thread::spawn(move || {
///     for channel in listener.incoming() {
///         thread::spawn(move || {
///             while let Ok(request) = channel.recv() {
///                 request.reply("pong").unwrap();
///             }
///         });
///     }
/// });
/// assert_eq!(channel::connect(address).unwrap().call::<String>("ping").unwrap(), "pong");
/// ```
#[must_use = "dropped, it listens no more"]
pub struct Listener(Arc<Entrance>);

/// Held by the listener, and by the callback that is given its connections.
struct Entrance {
    address: Address,
    /// `None` once it is stopped.
    acceptor: Mutex<Option<Acceptor>>,
    channels: Arc<Mailbox<Channel>>,
    members: Members<Core>,
}

impl Entrance {
    fn close(&self) {
        let acceptor = self.acceptor.lock().take();
        drop(acceptor);
        self.channels.close();
        self.channels.clear();
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.close();
    }
}

impl Listener {
    pub(super) fn open(
        listener: net::Listener,
        settings: Arc<Settings>,
        connection_limit: usize,
    ) -> std::io::Result<Self> {
        let channels = Arc::new(Mailbox::new());
        let members = Members::default();
        let (arrivals, places) = (channels.clone(), members.clone());
        let acceptor = Acceptor::open(listener, connection_limit, move |stream, peer, admission| {
            match connection::open(stream, Some(peer), &settings, Some(admission), Some(places.admit())) {
                // After the listener was dropped there is nobody to take it.
                Ok(hold) => drop(arrivals.push(Channel::new(hold))),
                Err(error) => log::warn!("foreground: a connection that came could not be taken: {error}"),
            }
        })?;
        let address = acceptor.local_address();
        Ok(Self(Arc::new(Entrance { address, acceptor: Mutex::new(Some(acceptor)), channels, members })))
    }

    /// Waits for a connection, and blocks meanwhile.
    ///
    /// # Errors
    /// [`RecvError::Disconnected`] when the listener is stopped, [`RecvError::WouldDeadlock`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// let listener = channel::listen("127.0.0.1:0").unwrap();
    /// let client = channel::connect(listener.local_address()).unwrap();
    /// let server = listener.accept().unwrap();
    /// assert_eq!(server.peer_address(), client.local_address().as_ref());
    /// ```
    pub fn accept(&self) -> Result<Channel, RecvError> {
        taken(self.0.channels.pop_wait(None), is_io_thread())
    }

    /// Waits for a connection for so long at most.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`], [`RecvError::WouldDeadlock`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::{self, RecvError};
    /// # use std::time::Duration;
    /// let listener = channel::listen("127.0.0.1:0").unwrap();
    /// let nobody = listener.accept_timeout(Duration::from_millis(1));
    /// assert!(matches!(nobody, Err(RecvError::TimedOut)));
    /// ```
    pub fn accept_timeout(&self, timeout: Duration) -> Result<Channel, RecvError> {
        taken(self.0.channels.pop_wait(after(timeout)), is_io_thread())
    }

    /// Takes a connection that has come, and does not wait.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`] when there is none now.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// let listener = channel::listen("127.0.0.1:0").unwrap();
    /// assert!(listener.try_accept().is_err());
    /// ```
    pub fn try_accept(&self) -> Result<Channel, RecvError> {
        taken(self.0.channels.pop(), false)
    }

    /// Iterates over the connections that come, and waits for each.
    ///
    /// # Examples
    ///
    /// See [`Listener`].
    pub fn incoming(&self) -> impl Iterator<Item = Channel> {
        iter::from_fn(|| self.accept().ok())
    }

    /// Has each connection delivered to the foreground, by a callback of the router; does not wait.
    ///
    /// Connections that have come already are delivered first. The callback keeps the channel, or has it
    /// [served](Channel::serve_on): one that it drops is closed.
    ///
    /// # Errors
    /// Those of [`MessageRouter::pipe`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::MessageRouter;
    /// use foreground::channel::{self, Channel};
    ///
    /// let listener = channel::listen("127.0.0.1:0").unwrap();
    /// let router: MessageRouter<Vec<Channel>> = MessageRouter::new(|| {});
    /// router.start().unwrap();
    /// let serving = listener.serve_on(&router, |channels: &mut Vec<Channel>, channel| channels.push(channel)).unwrap();
    ///
    /// let client = channel::connect(listener.local_address()).unwrap();
    /// let mut channels = Vec::new();
    /// router.route_until(&mut channels, |channels| channels.len() == 1, None).unwrap();
    /// ```
    #[track_caller]
    pub fn serve_on<S>(
        &self,
        router: &MessageRouter<S>,
        mut callback: impl FnMut(&mut S, Channel) + 'static,
    ) -> Result<Serving<S>, PipeError> {
        let entrance = Arc::clone(&self.0);
        let (deliver, serving) = serve(router, move |state, channel| {
            let _stays_open = &entrance;
            callback(state, channel);
        })?;
        self.0.channels.set_sink(deliver);
        Ok(serving)
    }

    /// Puts the requests of all connections, those that have come and those to come, into one stream.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// let requests = channel::listen("127.0.0.1:0").unwrap().requests();
    /// let (ada, bob) =
    ///     (channel::connect(requests.local_address()).unwrap(), channel::connect(requests.local_address()).unwrap());
    /// let pending = [ada.request("Ada").unwrap(), bob.request("Bob").unwrap()];
    /// for _ in 0..2 {
    ///     let request = requests.recv().unwrap();
    ///     let name: String = request.content().unwrap();
    ///     request.reply(&format!("Hello {name}")).unwrap();
    /// }
    /// let greetings = pending.map(|pending| pending.wait::<String>().unwrap());
    /// assert_eq!(greetings, ["Hello Ada", "Hello Bob"]);
    /// ```
    pub fn requests(self) -> Requests {
        let inbox = Arc::new(Mailbox::new());
        let all = inbox.clone();
        self.0.channels.set_sink(move |channel| {
            let all = all.clone();
            // The channel stays open as long as it is listened to: its own sink holds it.
            let hold = channel.hold().clone();
            channel.hold().core().inbox.set_sink(move |incoming| {
                let _stays_open = &hold;
                match all.push(incoming) {
                    Err(incoming) if all.is_closed() => Err(incoming),
                    // If nobody serves any more, its drop says so to the asker.
                    _ => Ok(()),
                }
            });
            Ok(())
        });
        Requests(Arc::new(Desk { address: self.local_address(), listener: Mutex::new(Some(self)), inbox }))
    }

    /// Returns the address at which this machine reaches the listener: with the port that the system chose.
    pub fn local_address(&self) -> Address {
        self.0.address.clone()
    }

    /// Listens no more, also for other threads: who waits for a connection is told that none comes. Connections that nobody took are
    /// closed; the others live on. Dropping the listener does the same.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # use std::sync::Arc;
    /// let listener = Arc::new(channel::listen("127.0.0.1:0").unwrap());
    /// let waiting = {
    ///     let listener = Arc::clone(&listener);
    ///     std::thread::spawn(move || listener.incoming().count())
    /// };
    /// listener.stop();
    /// assert_eq!(waiting.join().unwrap(), 0);
    /// ```
    pub fn stop(&self) {
        self.0.close();
    }

    /// Returns how many of the listener's connections exist.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// let listener = channel::listen("127.0.0.1:0").unwrap();
    /// let client = channel::connect(listener.local_address()).unwrap();
    /// let server = listener.accept().unwrap();
    /// assert_eq!(listener.connections(), 1);
    /// ```
    pub fn connections(&self) -> usize {
        self.0.acceptor.lock().as_ref().map_or(0, Acceptor::connections)
    }
}

fn taken<T>(taken: Result<T, Nothing>, on_io_thread: bool) -> Result<T, RecvError> {
    taken.map_err(|nothing| match nothing {
        Nothing::Yet if on_io_thread => RecvError::WouldDeadlock,
        Nothing::Yet => RecvError::TimedOut,
        Nothing::More => RecvError::Disconnected(Disconnect::closed_here()),
    })
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("address", &self.local_address())
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// The requests of all connections of a [`Listener`], in the order in which they come; made by [`Listener::requests`].
///
/// For any thread, and for several at once: each gets other requests. Replies to them never wait for a peer that is slow to
/// read, since the thread that answers serves the others too; what waits to be read by one peer is bounded (see
/// [`Options::unanswered_limit`](super::Options::unanswered_limit)). Dropped, with the [`Serving`] if there is one, it listens no more and closes its connections;
/// [`stop`](Self::stop) gives those who wait for an answer time to get it.
#[must_use = "dropped, it listens no more and closes its connections"]
pub struct Requests(Arc<Desk>);

/// Held by the handle, and by the callback that is given the requests.
struct Desk {
    address: Address,
    /// `None` once it is stopped.
    listener: Mutex<Option<Listener>>,
    inbox: Arc<Mailbox<Incoming>>,
}

impl Requests {
    /// Waits for a request, and blocks meanwhile.
    ///
    /// # Errors
    /// [`RecvError::WouldDeadlock`].
    ///
    /// # Examples
    ///
    /// See [`Listener::requests`].
    pub fn recv(&self) -> Result<Request, RecvError> {
        taken(self.0.inbox.pop_wait(None), is_io_thread()).map(Request::impatient)
    }

    /// Waits for a request for so long at most.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`], [`RecvError::WouldDeadlock`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # use std::time::Duration;
    /// let requests = channel::listen("127.0.0.1:0").unwrap().requests();
    /// assert!(requests.recv_timeout(Duration::from_millis(1)).is_err());
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Request, RecvError> {
        taken(self.0.inbox.pop_wait(after(timeout)), is_io_thread()).map(Request::impatient)
    }

    /// Takes a request that has come, and does not wait.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`] when there is none now.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// let requests = channel::listen("127.0.0.1:0").unwrap().requests();
    /// assert!(requests.try_recv().is_err());
    /// ```
    pub fn try_recv(&self) -> Result<Request, RecvError> {
        taken(self.0.inbox.pop(), false).map(Request::impatient)
    }

    /// Has the requests delivered to the foreground, by a callback of the router; does not wait.
    ///
    /// As [`Channel::serve_on`], for all connections. It is listened as long as this handle or the returned one exists. When the serving
    /// ends, because it is stopped or dropped, the router stops or the callback panics, what is asked then fails with `NoReply`
    /// until somebody serves or receives.
    ///
    /// # Errors
    /// Those of [`MessageRouter::pipe`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, channel};
    ///
    /// let router: MessageRouter<u32> = MessageRouter::new(|| {});
    /// router.start().unwrap();
    /// let requests = channel::listen("127.0.0.1:0").unwrap().requests();
    /// let serving = requests
    ///     .serve_on(&router, |sum: &mut u32, request, n: u32| {
    ///         *sum += n;
    ///         request.reply(sum).unwrap();
    ///     })
    ///     .unwrap();
    ///
    /// let client = channel::connect(requests.local_address()).unwrap();
    /// let pending = client.request(&20).unwrap();
    /// let mut sum = 1;
    /// router.route_until(&mut sum, |sum| *sum == 21, None).unwrap();
    /// assert_eq!(pending.wait::<u32>().unwrap(), 21);
    /// ```
    #[track_caller]
    pub fn serve_on<S, T>(
        &self,
        router: &MessageRouter<S>,
        mut callback: impl FnMut(&mut S, Request, T) + 'static,
    ) -> Result<Serving<S>, PipeError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let desk = Arc::clone(&self.0);
        let (deliver, serving) = serve(router, move |state, (request, content)| {
            let _stays_open = &desk;
            callback(state, request, content);
        })?;
        self.0.inbox.set_sink(move |incoming| decode_and_deliver(incoming, &deliver));
        Ok(serving)
    }

    /// Returns the address at which this machine reaches the listener.
    pub fn local_address(&self) -> Address {
        self.0.address.clone()
    }

    /// Returns how many connections exist.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// let requests = channel::listen("127.0.0.1:0").unwrap().requests();
    /// assert_eq!(requests.connections(), 0);
    /// ```
    pub fn connections(&self) -> usize {
        self.0.listener.lock().as_ref().map_or(0, Listener::connections)
    }

    /// Listens no more, reads no more requests, waits for those under way to be answered, and closes the connections.
    ///
    /// Waits for `grace` at most, and returns how many requests were cut off unanswered: those then fail at the peer. Requests
    /// that nobody has taken yet are waited for too, so threads that receive should go on meanwhile, and a router that serves should
    /// run: call this on another thread than the router's. Afterwards `recv` says that nothing more comes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # use std::time::Duration;
    /// let requests = channel::listen("127.0.0.1:0").unwrap().requests();
    /// let client = channel::connect(requests.local_address()).unwrap();
    /// let pending = client.request("wait for me").unwrap();
    /// let request = requests.recv().unwrap();
    /// let worker = std::thread::spawn(move || request.reply("done"));
    /// assert_eq!(requests.stop(Duration::from_secs(5)), 0);
    /// assert_eq!(pending.wait::<String>().unwrap(), "done");
    /// # worker.join().unwrap().unwrap();
    /// ```
    pub fn stop(&self, grace: Duration) -> usize {
        let deadline = after(grace);
        let Some(listener) = self.0.listener.lock().take() else { return 0 };
        let members = listener.0.members.clone();
        listener.stop();
        let connections = members.all();
        let mut cut_off = 0;
        for connection in &connections {
            connection.protocol().leave(connection);
        }
        for connection in &connections {
            cut_off += connection.protocol().wait_answered(deadline);
            let _ = connection.wait_flushed(deadline);
        }
        self.0.close(&members);
        cut_off
    }
}

impl Desk {
    fn close(&self, members: &Members<Core>) {
        self.inbox.close();
        // They are answered that they are dropped.
        self.inbox.clear();
        for connection in members.all() {
            connection.finish(Disconnect::closed_here());
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.get_mut().take() {
            let members = listener.0.members.clone();
            listener.stop();
            self.close(&members);
        }
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("address", &self.0.address)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
