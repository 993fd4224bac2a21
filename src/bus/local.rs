//! Clients and servers in one process.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use super::error::{RecvRequestError, RecvRequestTimeoutError, SendRequestError, TryRecvRequestError};
use super::pending::PendingResponse;
use super::requests::{Nothing, Requests};
use super::roster::Place;
use super::serving::{self, Serving};
use super::slot::Slot;
use super::transaction::Transaction;
use crate::pipe::Wait;
use crate::sync::Arc;
use crate::{MessageRouter, PipeError};

/// Makes a bus between threads: a client, which sends requests of type `Q`, and a server, which answers them by
/// responses of type `R`. Clone them for more of each.
///
/// Requests and responses are moved, never encoded or copied.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use foreground::bus;
///
/// let (client, server) = bus::local::<String, usize>();
/// let worker = thread::spawn(move || {
///     while let Ok((transaction, text)) = server.recv_request() {
///         // Nobody minds if the client has given up.
///         let _ = transaction.send_response(text.len());
///     }
/// });
/// assert_eq!(client.send_request("four".into())?.recv_response()?, 4);
/// drop(client); // the last one: the server ends
/// worker.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn local<Q, R>() -> (Client<Q, R>, Server<Q, R>) {
    let requests = Arc::new(Requests::new());
    (Client { requests: Arc::clone(&requests) }, Server { requests })
}

/// Sends requests, from any thread, shared or cloned.
///
/// When the last clone is dropped, servers receive the requests that wait, and learn then that there will be no more.
pub struct Client<Q, R> {
    requests: Arc<Requests<Q, R>>,
}

impl<Q, R> Client<Q, R> {
    /// Sends a request. Never blocks: it waits for a server without limit, and the client waits by the
    /// [`PendingResponse`], if it likes.
    ///
    /// Requests are received in the order in which they were sent: of one client, and across clients wherever one send happened
    /// before the other.
    ///
    /// # Errors
    /// Gives the request back when no server is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus::{self, SendRequestError};
    ///
    /// let (client, server) = bus::local::<&str, ()>();
    /// drop(server);
    /// let error = client.send_request("hello?").unwrap_err();
    /// assert_eq!(error.into_inner(), "hello?");
    /// ```
    pub fn send_request(&self, request: Q) -> Result<PendingResponse<R>, SendRequestError<Q>> {
        let slot = Arc::new(Slot::new());
        match self.requests.push(request, Transaction::new(Arc::clone(&slot))) {
            Ok(number) => Ok(PendingResponse::new(slot, Arc::clone(&self.requests.roster), number)),
            Err(request) => Err(SendRequestError::Disconnected(request)),
        }
    }
}

impl<Q, R> Client<Q, R> {
    /// Adds a request whose response goes elsewhere. It is dropped if no server is left.
    pub(super) fn submit(&self, request: Q, transaction: Transaction<R>) {
        let _ = self.requests.push(request, transaction);
    }
}

impl<Q, R> Clone for Client<Q, R> {
    fn clone(&self) -> Self {
        self.requests.add_client();
        Self { requests: Arc::clone(&self.requests) }
    }
}

impl<Q, R> Drop for Client<Q, R> {
    fn drop(&mut self) {
        self.requests.drop_client();
    }
}

/// Receives requests, on any thread, shared or cloned. Each request comes to one server, whichever is free first.
///
/// When the last server is dropped, and no router [serves](Self::serve_on), clients whose requests were not received
/// learn that they are [`Disconnected`](super::ResponseError::Disconnected).
pub struct Server<Q, R> {
    requests: Arc<Requests<Q, R>>,
}

impl<Q, R> Server<Q, R> {
    /// Waits for the oldest request, and takes it with the right to answer it.
    ///
    /// # Errors
    /// [`RecvRequestError::Disconnected`], when all clients have gone and no request is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus;
    ///
    /// let (client, server) = bus::local::<u32, u32>();
    /// let pending = client.send_request(20)?;
    /// let (transaction, number) = server.recv_request()?;
    /// transaction.send_response(number + 1)?;
    /// assert_eq!(pending.recv_response()?, 21);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_request(&self) -> Result<(Transaction<R>, Q), RecvRequestError> {
        self.requests.recv(Wait::Forever).map_err(|_| RecvRequestError::Disconnected)
    }

    /// Waits for the oldest request, but not longer than `timeout`. A timeout beyond what the clock can name is none.
    ///
    /// # Errors
    /// [`RecvRequestTimeoutError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::bus::{self, RecvRequestTimeoutError};
    ///
    /// let (client, server) = bus::local::<u32, u32>();
    /// let error = server.recv_request_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error, RecvRequestTimeoutError::Timeout);
    /// ```
    pub fn recv_request_timeout(
        &self,
        timeout: Duration,
    ) -> Result<(Transaction<R>, Q), RecvRequestTimeoutError> {
        self.requests.recv(Wait::at_most(timeout)).map_err(|nothing| match nothing {
            Nothing::Yet => RecvRequestTimeoutError::Timeout,
            Nothing::Ever => RecvRequestTimeoutError::Disconnected,
        })
    }

    /// Takes the oldest request, if there is one. Never blocks.
    ///
    /// # Errors
    /// [`TryRecvRequestError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus::{self, TryRecvRequestError};
    ///
    /// let (client, server) = bus::local::<u32, u32>();
    /// assert_eq!(server.try_recv_request().unwrap_err(), TryRecvRequestError::Empty);
    /// drop(client);
    /// assert_eq!(server.try_recv_request().unwrap_err(), TryRecvRequestError::Disconnected);
    /// ```
    pub fn try_recv_request(&self) -> Result<(Transaction<R>, Q), TryRecvRequestError> {
        self.requests.recv(Wait::Never).map_err(|nothing| match nothing {
            Nothing::Yet => TryRecvRequestError::Empty,
            Nothing::Ever => TryRecvRequestError::Disconnected,
        })
    }

    /// Serves in the foreground: the router calls `callback` with the application's state for each request. The
    /// callback answers now, or keeps the transaction until the user has decided, say.
    ///
    /// Each request keeps its place among all other messages of the router: what its client has sent before on a
    /// pipe comes before it, and what it sends afterwards comes after.
    ///
    /// Several routers, and servers in threads beside them, share the requests: whoever is the first receives. A request waits
    /// in the bus until its turn comes, and the router is only told of it. So a router that stops, or a [`Serving`]
    /// that is dropped, takes no request with it; if no server is left then, the clients are told at once. To keep a server for
    /// other threads, give a clone.
    ///
    /// If the callback panics, its transaction is dropped, which tells the client, and serving ends; the panic goes on to
    /// the caller of [`dispatch`](MessageRouter::dispatch).
    ///
    /// # Errors
    /// [`PipeError`], when the router opens no pipe, such as [`PipeError::NotRunning`]. The server is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// use foreground::bus::{self, Transaction};
    ///
    /// struct App { dialogs: Vec<(String, Transaction<bool>)> }
    ///
    /// # let router: MessageRouter<App> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (client, server) = bus::local::<String, bool>();
    /// let serving = server.serve_on(&router, |app: &mut App, transaction, question| {
    ///     app.dialogs.push((question, transaction));
    /// })?;
    ///
    /// let pending = client.send_request("Overwrite it?".into())?;
    /// let mut app = App { dialogs: Vec::new() };
    /// router.dispatch(&mut app);
    ///
    /// // The user has clicked:
    /// let (_, transaction) = app.dialogs.remove(0);
    /// transaction.send_response(true)?;
    /// assert_eq!(pending.recv_response()?, true);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn serve_on<S: 'static>(
        self,
        router: &MessageRouter<S>,
        callback: impl FnMut(&mut S, Transaction<R>, Q) + 'static,
    ) -> Result<Serving<S>, PipeError>
    where
        Q: Send + 'static,
        R: Send + 'static,
    {
        serving::serve_on(&self.requests, router, callback)
    }
}

impl<Q, R> Clone for Server<Q, R> {
    fn clone(&self) -> Self {
        self.requests.roster.join(Place::Anywhere);
        Self { requests: Arc::clone(&self.requests) }
    }
}

impl<Q, R> Drop for Server<Q, R> {
    fn drop(&mut self) {
        if self.requests.roster.leave(Place::Anywhere) {
            self.requests.close();
        }
    }
}

// As with the senders of pipes: user code runs neither under a lock nor between changes.
impl<Q, R> UnwindSafe for Client<Q, R> {}
impl<Q, R> RefUnwindSafe for Client<Q, R> {}
impl<Q, R> UnwindSafe for Server<Q, R> {}
impl<Q, R> RefUnwindSafe for Server<Q, R> {}

impl<Q, R> fmt::Debug for Client<Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl<Q, R> fmt::Debug for Server<Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}
