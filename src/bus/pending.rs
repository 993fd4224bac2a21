//! A request that was sent, on the client's side.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use super::error::{RecvResponseTimeoutError, ResponseError, SendResponseError, TryRecvResponseError};
use super::roster::Roster;
use super::slot::{Deliver, Outcome, Slot, spin, unwanted};
use crate::pipe::Wait;
use crate::sync::{Arc, current, park, park_timeout};
use crate::{MessageRouter, PipeError, StartedSender};

/// A response that has not been received yet. Wait for it in a thread, look for it now and then, or have it
/// delivered to the foreground.
///
/// Dropping it gives the request up: who answers sees that by [`Transaction::is_abandoned`](super::Transaction::is_abandoned).
///
/// A response is received at most once, which the types see to:
///
/// ```compile_fail
/// # use foreground::bus::PendingResponse;
/// fn receive_twice(pending: PendingResponse<u32>) {
///     let first = pending.recv_response();
///     let second = pending.recv_response();
/// }
/// ```
#[must_use = "dropping it gives the request up; receive the response, or have it delivered"]
pub struct PendingResponse<R>(Origin<R>);

/// Where the response comes from.
enum Origin<R> {
    /// A server of this process.
    Local {
        slot: Arc<Slot<R>>,
        /// Who can receive the request, and the request's number.
        roster: Arc<Roster>,
        number: u64,
    },
    Elsewhere(Box<dyn Await<R>>),
}

/// What is done with a response that comes from elsewhere than a server of this process; as the methods of [`Slot`].
pub(super) trait Await<R>: Send + Sync {
    fn take(&self) -> Option<Outcome<R>>;
    fn wait(&self, wait: Wait) -> Result<Outcome<R>, Unfinished>;
    fn deliver_to(&self, callback: Box<dyn Deliver<R>>);
    fn abandon(&self);
}

/// Why a wait has no outcome.
pub(super) enum Unfinished {
    Timeout,
    WouldDeadlock,
}

impl<R> PendingResponse<R> {
    pub(super) fn new(slot: Arc<Slot<R>>, roster: Arc<Roster>, number: u64) -> Self {
        Self(Origin::Local { slot, roster, number })
    }

    pub(super) fn from_elsewhere(response: impl Await<R> + 'static) -> Self {
        Self(Origin::Elsewhere(Box::new(response)))
    }

    /// Waits for the response. Blocks the calling thread, and no other.
    ///
    /// # Errors
    /// [`ResponseError`]: nobody answered, no server is left, or the wait would never end.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus::{self, ResponseError};
    ///
    /// let (client, server) = bus::local::<u32, u32>();
    /// let worker = std::thread::spawn(move || {
    ///     let (transaction, number) = server.recv_request().unwrap();
    ///     transaction.send_response(number * number).unwrap();
    ///     let (unanswered, _) = server.recv_request().unwrap();
    ///     drop(unanswered);
    /// });
    /// assert_eq!(client.send_request(7)?.recv_response()?, 49);
    /// let error = client.send_request(8)?.recv_response().unwrap_err();
    /// assert!(matches!(error, ResponseError::NoResponse));
    /// # worker.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_response(self) -> Result<R, ResponseError> {
        // Without an end of the time there is only one way not to finish.
        self.wait(Wait::Forever).unwrap_or(Err(ResponseError::WouldDeadlock))
    }

    /// Waits for the response, but not longer than `timeout`. A timeout beyond what the clock can name is none.
    ///
    /// # Errors
    /// [`RecvResponseTimeoutError::Timeout`] gives the pending response back: a later call receives what comes
    /// meanwhile. It is said at once if the wait would be for the calling thread itself.
    /// [`RecvResponseTimeoutError::Failed`], if there will be no response.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::bus::{self, RecvResponseTimeoutError};
    ///
    /// let (client, server) = bus::local::<&str, &str>();
    /// let pending = client.send_request("ping")?;
    /// let Err(RecvResponseTimeoutError::Timeout(pending)) = pending.recv_response_timeout(Duration::ZERO) else {
    ///     panic!("nobody answered yet");
    /// };
    /// server.recv_request()?.0.send_response("pong")?;
    /// assert_eq!(pending.recv_response_timeout(Duration::from_secs(5))?, "pong");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_response_timeout(self, timeout: Duration) -> Result<R, RecvResponseTimeoutError<R>> {
        match self.wait(Wait::at_most(timeout)) {
            Ok(outcome) => outcome.map_err(RecvResponseTimeoutError::Failed),
            Err(Unfinished::Timeout | Unfinished::WouldDeadlock) => {
                Err(RecvResponseTimeoutError::Timeout(self))
            }
        }
    }

    /// Receives the response if it is there. Never blocks.
    ///
    /// # Errors
    /// [`TryRecvResponseError::NotYet`] gives the pending response back.
    /// [`TryRecvResponseError::Failed`], if there will be no response.
    ///
    /// # Examples
    ///
    /// In each frame of a window that is drawn anew:
    ///
    /// ```
    /// use foreground::bus::{PendingResponse, ResponseError, TryRecvResponseError};
    ///
    /// struct App { price: Option<PendingResponse<u32>>, label: String }
    ///
    /// fn frame(app: &mut App) {
    ///     match app.price.take().map(PendingResponse::try_recv_response) {
    ///         Some(Ok(price)) => app.label = format!("{price} crowns"),
    ///         Some(Err(TryRecvResponseError::NotYet(pending))) => app.price = Some(pending),
    ///         Some(Err(error)) => app.label = error.to_string(),
    ///         None => {}
    ///     }
    /// }
    /// ```
    pub fn try_recv_response(self) -> Result<R, TryRecvResponseError<R>> {
        let outcome = match &self.0 {
            Origin::Local { slot, .. } => slot.take(),
            Origin::Elsewhere(response) => response.take(),
        };
        match outcome {
            Some(outcome) => outcome.map_err(TryRecvResponseError::Failed),
            None => Err(TryRecvResponseError::NotYet(self)),
        }
    }

    /// Has the response delivered to the foreground: the router calls `callback` with the application's state, once,
    /// with the response or with the reason why there is none. Never blocks.
    ///
    /// It keeps its place among the messages of the router: what whoever answers has sent before comes before. A response
    /// that comes over a socket is converted in the background, unless it is there already.
    ///
    /// If the router is stopped first, the callback is dropped uncalled, and the request is given up.
    ///
    /// # Errors
    /// [`PipeError`], when the router opens no pipe, such as [`PipeError::NotRunning`]. The callback is dropped, and the
    /// request is given up.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::MessageRouter;
    /// use foreground::bus;
    ///
    /// struct App { price: Option<u32> }
    ///
    /// # let router: MessageRouter<App> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (client, server) = bus::local::<&str, u32>();
    /// let shop = std::thread::spawn(move || {
    ///     let (transaction, _) = server.recv_request().unwrap();
    ///     transaction.send_response(25).unwrap();
    /// });
    ///
    /// let mut app = App { price: None };
    /// client.send_request("a kettle")?.deliver_on(&router, |app: &mut App, price| app.price = price.ok())?;
    /// // The event loop goes on, and calls back. Here, by hand:
    /// router.route_until(&mut app, |app| app.price.is_some(), Duration::from_secs(10))?;
    /// assert_eq!(app.price, Some(25));
    /// # shop.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn deliver_on<S: 'static>(
        self,
        router: &MessageRouter<S>,
        callback: impl FnOnce(&mut S, Result<R, ResponseError>) + 'static,
    ) -> Result<(), PipeError>
    where
        R: Send + 'static,
    {
        let (sender, receiver) = router.pipe::<Outcome<R>>()?;
        let mut callback = Some(callback);
        receiver.on_message(move |state, outcome| {
            if let Some(callback) = callback.take() {
                callback(state, outcome);
            }
        });
        receiver.detach();
        let sender = Box::new(sender.start());
        match &self.0 {
            Origin::Local { slot, .. } => slot.deliver_to(sender),
            Origin::Elsewhere(response) => response.deliver_to(sender),
        }
        Ok(())
    }

    fn wait(&self, wait: Wait) -> Result<Outcome<R>, Unfinished> {
        let (slot, roster, number) = match &self.0 {
            Origin::Local { slot, roster, number } => (slot, roster, *number),
            Origin::Elsewhere(response) => return response.wait(wait),
        };
        if let Some(outcome) = spin(|| slot.take()) {
            return Ok(outcome);
        }
        loop {
            if let Some(outcome) = slot.take_or_unpark(current()) {
                return Ok(outcome);
            }
            // Asked in this order: a server that received the request may have left since.
            if roster.is_only_here() && !roster.is_received(number) {
                return Err(Unfinished::WouldDeadlock);
            }
            park_for(wait)?;
        }
    }
}

/// Sleeps until the thread is unparked, or says that the time is over.
pub(super) fn park_for(wait: Wait) -> Result<(), Unfinished> {
    match wait {
        Wait::Forever => park(),
        Wait::Never => return Err(Unfinished::Timeout),
        Wait::Until(deadline) => match deadline.checked_duration_since(Instant::now()) {
            None | Some(Duration::ZERO) => return Err(Unfinished::Timeout),
            Some(left) => park_timeout(left),
        },
    }
    Ok(())
}

impl<R: Send + 'static> Deliver<R> for StartedSender<Outcome<R>> {
    fn deliver(self: Box<Self>, outcome: Outcome<R>) -> Result<(), SendResponseError<R>> {
        self.send(outcome).or_else(|error| unwanted(error.into_inner()))
    }

    fn is_closed(&self) -> bool {
        StartedSender::is_closed(self)
    }
}

impl<R> Drop for PendingResponse<R> {
    fn drop(&mut self) {
        match &self.0 {
            Origin::Local { slot, .. } => {
                slot.abandon();
            }
            Origin::Elsewhere(response) => response.abandon(),
        }
    }
}

// As with the senders of pipes: user code runs neither under its lock nor between its changes.
impl<R> UnwindSafe for PendingResponse<R> {}
impl<R> RefUnwindSafe for PendingResponse<R> {}

impl<R> fmt::Debug for PendingResponse<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingResponse").finish_non_exhaustive()
    }
}
