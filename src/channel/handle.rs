use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::{Connection, Hold, Incoming, Wait, ask, guarded};
use super::{PendingReply, RecvError, ReplyError, Request, SendError};
use crate::net::{Disconnect, HIGH_WATER, Nothing, PeerAddress, Reading, SinkId, after, is_io_thread};
use crate::serving::{Deliver, Serving, serve};
use crate::{MessageRouter, PipeError};

/// A connection by which both sides ask and answer.
///
/// Cheap to clone, and for any thread. The connection is closed when the last handle is dropped: channels,
/// [requests](Request) and [pending replies](PendingReply) are handles. What was sent before is still written.
///
/// # Examples
///
/// ```
/// use foreground::channel;
///
/// let listener = channel::listen("127.0.0.1:0").unwrap();
/// let client = channel::connect(listener.local_address()).unwrap();
/// let server = listener.accept().unwrap();
///
/// std::thread::spawn(move || {
///     while let Ok(request) = server.recv() {
///         match request.content::<Vec<f64>>() {
///             Ok(numbers) => request.reply(&numbers.iter().sum::<f64>()).unwrap(),
///             Err(error) => request.fail(error).unwrap(),
///         }
///     }
/// });
///
/// let sum: f64 = client.call(&[1.5, 2.5]).unwrap();
/// assert_eq!(sum, 4.0);
/// assert!(client.call::<f64>("not numbers").is_err());
/// ```
#[derive(Clone)]
pub struct Channel(Hold);

impl Channel {
    pub(super) fn new(hold: Hold) -> Self {
        Self(hold)
    }

    pub(super) fn hold(&self) -> &Hold {
        &self.0
    }

    /// Sends a request. The reply is waited for with [`PendingReply::wait`], or comes to the foreground by
    /// [`PendingReply::deliver_on`].
    ///
    /// Requests of one thread are sent in order. Waits while more than 1 MiB of what was sent before has not been taken by
    /// the peer; the foreground uses [`try_request`](Self::try_request), which does not.
    ///
    /// # Errors
    /// [`SendError::Encode`], [`SendError::TooLarge`], [`SendError::TimedOut`]: nothing was sent, and the channel can be used
    /// further. [`SendError::Disconnected`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// # let peer = listener.accept().unwrap();
    /// let pending = channel.request("name?").unwrap();
    /// # peer.recv().unwrap().reply("Ada").unwrap();
    /// let name: String = pending.wait().unwrap();
    /// ```
    pub fn request<T: Serialize + ?Sized>(&self, content: &T) -> Result<PendingReply, SendError> {
        let deadline = self.0.core().settings.send_timeout.and_then(after);
        let (id, slot) = ask(&self.0, content, Wait::Until(deadline))?;
        Ok(PendingReply::new(self.0.clone(), id, slot))
    }

    /// Sends a request, and never waits.
    ///
    /// # Errors
    /// [`SendError::Full`] while more than 1 MiB of what was sent before has not been taken by the peer, and those of
    /// [`request`](Self::request) but for the time.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// # let peer = listener.accept().unwrap();
    /// let pending = channel.try_request("name?").unwrap();
    /// # drop(pending);
    /// ```
    pub fn try_request<T: Serialize + ?Sized>(&self, content: &T) -> Result<PendingReply, SendError> {
        if self.0.link().unsent() > HIGH_WATER {
            return Err(SendError::Full);
        }
        let (id, slot) = ask(&self.0, content, Wait::Never)?;
        Ok(PendingReply::new(self.0.clone(), id, slot))
    }

    /// Sends a request and waits for its result: [`request`](Self::request), then [`PendingReply::wait`]. Blocks meanwhile: not for the
    /// foreground. (Were it to ask the very window that it is, by a connection, it would wait for ever; that is not noticed.)
    ///
    /// # Errors
    /// [`ReplyError`].
    ///
    /// # Examples
    ///
    /// See [`Channel`].
    pub fn call<R: DeserializeOwned>(&self, content: &(impl Serialize + ?Sized)) -> Result<R, ReplyError> {
        self.request(content)?.wait()
    }

    /// Sends a request and waits for its result for so long at most, from when it was sent; then the request is given up.
    ///
    /// # Errors
    /// [`ReplyError::TimedOut`], and those of [`call`](Self::call).
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::{self, ReplyError};
    /// # use std::time::Duration;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// let result = channel.call_timeout::<u32>("how many?", Duration::from_millis(1));
    /// assert!(matches!(result, Err(ReplyError::TimedOut)));
    /// ```
    pub fn call_timeout<R: DeserializeOwned>(
        &self,
        content: &(impl Serialize + ?Sized),
        timeout: Duration,
    ) -> Result<R, ReplyError> {
        self.request(content)?.wait_timeout(timeout)
    }

    /// Waits for a request of the peer, and blocks meanwhile: not for the foreground, which has [`serve_on`](Self::serve_on).
    ///
    /// Requests come in the order in which they were sent; of several threads that wait, each gets others. Requests that
    /// came before the peer closed are still received after.
    ///
    /// # Errors
    /// [`RecvError::Disconnected`], [`RecvError::WouldDeadlock`].
    ///
    /// # Examples
    ///
    /// See [`Channel`].
    pub fn recv(&self) -> Result<Request, RecvError> {
        self.recv_until(None)
    }

    /// Waits for a request for so long at most.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`], and those of [`recv`](Self::recv).
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::{self, RecvError};
    /// # use std::time::Duration;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// let nothing = channel.recv_timeout(Duration::from_millis(1));
    /// assert!(matches!(nothing, Err(RecvError::TimedOut)));
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Request, RecvError> {
        self.recv_until(after(timeout))
    }

    /// Takes a request that has come, and does not wait.
    ///
    /// # Errors
    /// [`RecvError::TimedOut`] when there is none now; [`RecvError::Disconnected`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// while let Ok(request) = channel.try_recv() {
    ///     request.fail("closed for today").unwrap();
    /// }
    /// ```
    pub fn try_recv(&self) -> Result<Request, RecvError> {
        self.taken(self.0.core().inbox.pop())
    }

    fn recv_until(&self, deadline: Option<Instant>) -> Result<Request, RecvError> {
        let inbox = &self.0.core().inbox;
        loop {
            match inbox.pop() {
                Err(Nothing::Yet) => {}
                taken => return self.taken(taken),
            }
            if is_io_thread() {
                return Err(RecvError::WouldDeadlock);
            }
            self.0.link().flush();
            match self.0.link().read_until(deadline, || inbox.is_ready()) {
                Reading::Done => {}
                Reading::TimedOut => return self.try_recv(),
                Reading::Elsewhere => return self.taken(inbox.pop_wait(deadline)),
            }
        }
    }

    fn taken(&self, taken: Result<Incoming, Nothing>) -> Result<Request, RecvError> {
        taken.map(Request::patient).map_err(|nothing| match nothing {
            Nothing::Yet => RecvError::TimedOut,
            Nothing::More => {
                RecvError::Disconnected(self.0.core().ended().unwrap_or_else(Disconnect::closed_here))
            }
        })
    }

    /// Has the peer's requests delivered to the foreground, by a callback of the router; does not wait.
    ///
    /// The callback answers at once, or keeps the request and answers later. Contents are decoded into `T` in the background; a request whose
    /// content is no `T` is answered there with a `TypeError`, and the callback does not see it. Give
    /// [`Value`](super::Value) as `T` to get everything.
    ///
    /// Requests that have come already are delivered first. A newer callback takes the place of an older one. The connection
    /// stays open while it is served, also when all other handles are dropped. When the serving ends, because it is stopped or
    /// dropped, the router stops or the callback panics, what is asked then fails with `NoReply`, until somebody serves or receives.
    ///
    /// # Errors
    /// Those of [`MessageRouter::pipe`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, channel};
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let peer = channel::connect(listener.local_address()).unwrap();
    /// # let channel = listener.accept().unwrap();
    ///
    /// struct App {
    ///     title: String,
    /// }
    ///
    /// let router: MessageRouter<App> = MessageRouter::new(|| {});
    /// router.start().unwrap();
    /// let serving = channel
    ///     .serve_on(&router, |app: &mut App, request, title: String| {
    ///         let old = std::mem::replace(&mut app.title, title);
    ///         request.reply(&old).unwrap();
    ///     })
    ///     .unwrap();
    /// # let pending = peer.request("New").unwrap();
    ///
    /// let mut app = App { title: "Old".into() };
    /// router.route_until(&mut app, |app| app.title == "New", None).unwrap();
    /// # assert_eq!(pending.wait::<String>().unwrap(), "Old");
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
        let seat = Rc::new(OnceCell::new());
        let own = seat.clone();
        let (deliver, serving) = serve(router, move |state, (request, content)| {
            let _leaves_when_dropped = &own;
            callback(state, request, content);
        })?;
        let hold = self.0.clone();
        let sink = self.0.core().inbox.set_sink(move |incoming| {
            let _stays_open = &hold;
            decode_and_deliver(incoming, &deliver)
        });
        // This thread is the router's, so the callback has not been dropped before.
        let _ = seat.set(Seat { link: Arc::downgrade(self.0.link()), sink });
        Ok(serving)
    }

    /// Closes the connection, also for the other handles: what waits for a reply or a request is woken with an error.
    ///
    /// What was sent before is still written, in the background; [`flush`](Self::flush) first to wait for it, as a program
    /// should that is about to end.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// channel.close();
    /// assert!(channel.recv().is_err());
    /// ```
    pub fn close(&self) {
        self.0.link().finish(Disconnect::closed_here());
    }

    /// Waits until what was sent has been handed to the system, for so long at most, and returns whether it has.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # use std::time::Duration;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// let pending = channel.request("last words").unwrap();
    /// assert!(channel.flush(Duration::from_secs(5)));
    /// # drop(pending);
    /// ```
    pub fn flush(&self, timeout: Duration) -> bool {
        self.0.link().wait_flushed(after(timeout))
    }

    /// Returns whether requests can still be sent, as far as this side knows.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// assert!(channel.is_open());
    /// channel.close();
    /// assert!(!channel.is_open());
    /// ```
    pub fn is_open(&self) -> bool {
        self.0.link().is_open() && self.0.core().ended().is_none()
    }

    /// Returns the address of the other end; `None` if it had gone before it could be asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// assert_eq!(channel.peer_address().unwrap().to_string(), listener.local_address().to_string());
    /// ```
    pub fn peer_address(&self) -> Option<&PeerAddress> {
        self.0.core().peer.as_ref()
    }

    /// Returns the address of this end; `None` when the connection has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// assert!(channel.local_address().unwrap().to_string().starts_with("127.0.0.1:"));
    /// ```
    pub fn local_address(&self) -> Option<PeerAddress> {
        self.0.link().local_address().ok()
    }
}

/// Owned by the callback that serves a connection: when the serving or the router stops, or the callback panics, the callback
/// is dropped, and the connection is not held open any more.
struct Seat {
    link: Weak<Connection>,
    sink: SinkId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(link) = self.link.upgrade() {
            link.protocol().inbox.remove_sink(self.sink);
        }
    }
}

/// Turns a request into what the foreground gets; gives it back if nobody listens there any more.
pub(super) fn decode_and_deliver<T: DeserializeOwned>(
    incoming: Incoming,
    deliver: &Deliver<(Request, T)>,
) -> Result<(), Incoming> {
    let request = Request::impatient(incoming);
    match guarded(|| request.content::<T>()) {
        Some(Ok(content)) => deliver((request, content)).map_err(|(request, _)| request.into_incoming()),
        Some(Err(error)) => {
            request.refuse("TypeError", &error.to_string());
            Ok(())
        }
        None => {
            request.refuse("Panic", "the decoding of the content panicked");
            Ok(())
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("peer", &self.peer_address())
            .field("codec", &self.0.core().settings.wire)
            .field("is_open", &self.is_open())
            .finish_non_exhaustive()
    }
}
