//! Requests that come to the foreground.

use std::cell::Cell;
use std::fmt;
use std::rc::{Rc, Weak};

use super::requests::{Due, Received, Requests};
use super::roster::Place;
use super::transaction::Transaction;
use crate::sync::{Arc, current};
use crate::{MessageReceiver, MessageRouter, PipeError};

/// A router that serves the requests of a bus; made by [`Server::serve_on`](super::Server::serve_on).
///
/// It serves until it is dropped or [stopped](Self::stop), until the router stops, or until all clients have gone.
/// Requests that it has not received stay for the other servers; if it was the last one, those who wait are told at once
/// that they are [`Disconnected`](super::ResponseError::Disconnected).
#[must_use = "dropping it stops serving; keep it, or `detach` it"]
pub struct Serving<S: 'static = ()> {
    receiver: MessageReceiver<Due, S>,
    /// Leaves after the receiver has closed the pipe.
    leave: LeaveOnDrop,
}

impl<S: 'static> Serving<S> {
    /// Stops serving. Dropping it does the same. May be called from its callback, which is then not called again.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// use foreground::bus::{self, ResponseError};
    ///
    /// let (client, server) = bus::local::<u32, u32>();
    /// let serving = server.serve_on(&router, |_, transaction, number| {
    ///     let _ = transaction.send_response(number + 1);
    /// })?;
    /// let pending = client.send_request(1)?;
    /// serving.stop();
    /// assert!(matches!(pending.recv_response(), Err(ResponseError::Disconnected)));
    /// assert_eq!(client.send_request(2).unwrap_err().into_inner(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop(self) {
        drop(self);
    }

    /// Goes on serving without a handle, until the router stops or all clients have gone.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// use foreground::bus;
    ///
    /// let (client, server) = bus::local::<u32, u32>();
    /// server.serve_on(&router, |_, transaction, number| {
    ///     let _ = transaction.send_response(number + 1);
    /// })?.detach();
    /// let pending = client.send_request(1)?;
    /// router.dispatch(&mut ());
    /// assert_eq!(pending.recv_response()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn detach(self) {
        let Self { receiver, mut leave } = self;
        leave.0 = None;
        receiver.detach();
    }

    /// Sets the callback that is called once, when all clients have gone and the requests that they sent were received, in place
    /// of the one before, if any. It is dropped uncalled when the serving or the router stops.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter<Vec<&str>> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// use foreground::bus;
    ///
    /// let (client, server) = bus::local::<&str, ()>();
    /// let serving = server.serve_on(&router, |seen: &mut Vec<_>, _, request| seen.push(request))?;
    /// serving.on_end(|seen| seen.push("the end"));
    /// client.send_request("a request")?;
    /// drop(client);
    ///
    /// let mut seen = Vec::new();
    /// router.dispatch(&mut seen);
    /// assert_eq!(seen, ["a request", "the end"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_end(&self, callback: impl FnOnce(&mut S) + 'static) {
        self.receiver.on_end(move |state, _| callback(state));
    }
}

impl<S: 'static> fmt::Debug for Serving<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

/// Begins to serve.
#[track_caller]
pub(super) fn serve_on<Q: Send + 'static, R: Send + 'static, S: 'static>(
    requests: &Arc<Requests<Q, R>>,
    router: &MessageRouter<S>,
    mut callback: impl FnMut(&mut S, Transaction<R>, Q) + 'static,
) -> Result<Serving<S>, PipeError> {
    let (sender, receiver) = router.pipe::<Due>()?;
    let place = Place::On(current().id());
    requests.roster.join(place);
    let key = requests.add_router(sender.start());
    let seat = Rc::new(Seat { requests: Arc::clone(requests), key, place, has_left: Cell::new(false) });
    let leave = LeaveOnDrop(Some(Rc::downgrade(&seat) as Weak<dyn Leave>));
    let mut latest = Due(0);
    receiver.on_message(move |state, due: Due| {
        // Two clients that send at once may tell of their requests in the other order. All that was sent before the later
        // request has arrived, so it may be received.
        latest = latest.max(due);
        // If there is nothing, another server was faster.
        if let Some((transaction, request)) = seat.receive(latest) {
            callback(state, transaction, request);
        }
    });
    Ok(Serving { receiver, leave })
}

/// A router's place among the servers. The callback of its pipe owns it: when the router stops, or the callback panics,
/// the callback is dropped, and so it leaves.
struct Seat<Q, R> {
    requests: Arc<Requests<Q, R>>,
    key: u64,
    place: Place,
    has_left: Cell<bool>,
}

impl<Q, R> Seat<Q, R> {
    fn receive(&self, due: Due) -> Option<Received<Q, R>> {
        if self.has_left.get() { None } else { self.requests.take(due) }
    }
}

impl<Q, R> Drop for Seat<Q, R> {
    fn drop(&mut self) {
        self.leave();
    }
}

trait Leave {
    /// Serves no more. Nothing if it has left.
    fn leave(&self);
}

impl<Q, R> Leave for Seat<Q, R> {
    fn leave(&self) {
        if self.has_left.replace(true) {
            return;
        }
        self.requests.remove_router(self.key);
        if self.requests.roster.leave(self.place) {
            self.requests.close();
        }
    }
}

/// Leaves at once, also when the callback, which owns the seat, is on the stack.
struct LeaveOnDrop(Option<Weak<dyn Leave>>);

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        if let Some(seat) = self.0.take().and_then(|seat| seat.upgrade()) {
            seat.leave();
        }
    }
}
