//! The right to answer a request.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::error::{ResponseError, SendResponseError};
use super::slot::Slot;
use crate::sync::Arc;

/// The right to answer one request, now or later, on any thread. Dropping it tells the client that there will be no
/// response.
///
/// A request is answered at most once, which the types see to:
///
/// ```compile_fail
/// # use foreground::bus::Transaction;
/// fn answer_twice(transaction: Transaction<u32>) {
///     transaction.send_response(1);
///     transaction.send_response(2);
/// }
/// ```
///
/// # Examples
///
/// Responses in another order than their requests:
///
/// ```
/// use foreground::bus;
///
/// let (client, server) = bus::local::<&str, usize>();
/// let (first, second) = (client.send_request("one")?, client.send_request("three")?);
/// let (for_first, one) = server.recv_request()?;
/// let (for_second, three) = server.recv_request()?;
/// for_second.send_response(three.len())?;
/// for_first.send_response(one.len())?;
/// assert_eq!((first.recv_response()?, second.recv_response()?), (3, 5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping it leaves the request unanswered; keep it, or call `send_response`"]
pub struct Transaction<R> {
    /// Empty once it was used.
    slot: Option<Arc<Slot<R>>>,
}

impl<R> Transaction<R> {
    pub(super) fn new(slot: Arc<Slot<R>>) -> Self {
        Self { slot: Some(slot) }
    }

    /// Gives the response, and lets the client go on. Never blocks.
    ///
    /// Over a socket, the response is made a message of on the calling thread; what the client does not take at once is written
    /// in the background.
    ///
    /// # Errors
    /// Gives the response back when the client does not want it any more; see [`is_abandoned`](Self::is_abandoned). Over a
    /// socket there is more that can fail; see [`SendResponseError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus::{self, SendResponseError};
    ///
    /// let (client, server) = bus::local::<(), u32>();
    /// drop(client.send_request(())?);
    /// let (transaction, ()) = server.recv_request()?;
    /// let error = transaction.send_response(7).unwrap_err();
    /// assert!(matches!(error, SendResponseError::Abandoned(7)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_response(mut self, response: R) -> Result<(), SendResponseError<R>> {
        self.slot.take().map_or(Ok(()), |slot| slot.settle(Ok(response)))
    }

    /// Returns whether the client has given up, so that a response would reach nobody: the pending response was dropped, or
    /// was to be delivered on a router that has stopped. Once true, it stays true. Work for the response can end, and
    /// a dialog can be closed.
    ///
    /// Over a socket it tells what the system knows: that the connection was broken off or has ended. A client that only says
    /// that it sends nothing more may wait for its response, and over TCP one that has closed looks the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus;
    ///
    /// let (client, server) = bus::local::<(), u32>();
    /// let pending = client.send_request(())?;
    /// let (transaction, ()) = server.recv_request()?;
    /// assert!(!transaction.is_abandoned());
    /// drop(pending);
    /// assert!(transaction.is_abandoned());
    /// # drop(transaction);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_abandoned(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| slot.is_abandoned())
    }

    /// Tells the client that no server is left.
    pub(super) fn disconnect(mut self) {
        self.fail(ResponseError::Disconnected);
    }

    fn fail(&mut self, error: ResponseError) {
        if let Some(slot) = self.slot.take() {
            // A client that has given up need not be told.
            let _ = slot.settle(Err(error));
        }
    }
}

impl<R> Drop for Transaction<R> {
    fn drop(&mut self) {
        self.fail(ResponseError::NoResponse);
    }
}

// As with the senders of pipes: user code runs neither under its lock nor between its changes.
impl<R> UnwindSafe for Transaction<R> {}
impl<R> RefUnwindSafe for Transaction<R> {}

impl<R> fmt::Debug for Transaction<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("is_abandoned", &self.is_abandoned()).finish()
    }
}
