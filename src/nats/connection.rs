use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::Options;
use super::inner::Inner;
use super::link::State;
use crate::net::after;
use crate::serving::{Serving, serve};
use crate::transport::Error;
#[cfg(doc)]
use crate::transport::ErrorKind;
use crate::{MessageRouter, PipeError};

/// A connection to a server of NATS, on which all clients, servers and subscriptions of this program may be at once. A cheap handle.
///
/// Lost, it is made again by itself, at once and then after growing pauses, and all subscriptions with it. When the last handle has gone,
/// and everything that was made with it, it is closed, and its thread ends.
#[derive(Clone)]
pub struct Connection(pub(super) Arc<Inner>);

/// Connects to a server, with the defaults of [`Options`]. Blocks meanwhile: not for the foreground, which has [`Options::connect_on`].
///
/// # Errors
/// Those of [`Options::connect`].
///
/// # Examples
///
/// ```
/// use foreground::nats;
/// use foreground::transport::ErrorKind;
///
/// let error = nats::connect("nats://127.0.0.1:1").unwrap_err(); // nobody listens there
/// assert_eq!(error.kind(), ErrorKind::Unreachable);
/// ```
pub fn connect(address: impl AsRef<str>) -> Result<Connection, Error> {
    Options::new().connect(address)
}

impl Connection {
    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    /// Returns the address, or addresses, without passwords.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let connection = foreground::nats::connect("me:secret@127.0.0.1")?;
    /// assert_eq!(connection.address(), "nats://127.0.0.1:4222");
    /// # Ok::<(), foreground::transport::Error>(())
    /// ```
    pub fn address(&self) -> &str {
        self.0.address()
    }

    /// Returns whether the server can be reached just now, as far as is known.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # let connection = foreground::nats::connect("127.0.0.1").unwrap();
    /// println!("{}, {} times again", connection.state(), connection.reconnects());
    /// ```
    pub fn state(&self) -> State {
        self.0.link().state
    }

    /// Returns how often the connection was lost and made again.
    pub fn reconnects(&self) -> u64 {
        self.0.link().connects.saturating_sub(1)
    }

    /// Returns how many bytes a message may have for this server, usually 1 MiB. Longer ones fail before anything is sent.
    pub fn server_limit(&self) -> usize {
        self.0.client().max_payload()
    }

    /// Waits until the server has all that was sent before: messages, replies, and the subscriptions of servers and subscribers. Blocks
    /// the calling thread for `timeout` at most.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] or [`ErrorKind::Timeout`]: not in time. [`ErrorKind::Disconnected`]: the connection was lost meanwhile,
    /// and what of it arrived is not known. [`ErrorKind::WouldDeadlock`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # let connection = foreground::nats::connect("127.0.0.1").unwrap();
    /// connection.flush(std::time::Duration::from_secs(5)).expect("the server has it");
    /// ```
    pub fn flush(&self, timeout: Duration) -> Result<(), Error> {
        self.0.wait(self.0.flushed(after(timeout)))
    }

    /// Tells the foreground of each change of the [state](Self::state), such as to show that the server cannot be reached, beginning with
    /// the present one. One that has changed again before it was told is left out.
    ///
    /// # Errors
    /// Those of [`MessageRouter::pipe`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use foreground::{MessageRouter, nats};
    /// # let router: MessageRouter<String> = MessageRouter::new(|| {});
    /// # let connection = nats::connect("127.0.0.1").unwrap();
    /// let serving = connection.deliver_state_to(&router, |app: &mut String, state| *app = state.to_string()).unwrap();
    /// ```
    #[track_caller]
    pub fn deliver_state_to<S: 'static>(
        &self,
        router: &MessageRouter<S>,
        mut callback: impl FnMut(&mut S, State) + 'static,
    ) -> Result<Serving<S>, PipeError> {
        let (deliver, serving) = serve(router, move |app, state| callback(app, state))?;
        let mut link = self.0.watch();
        self.0.runtime().spawn_weak(async move {
            let mut told = None;
            loop {
                let state = link.borrow_and_update().state;
                // A waker is the user's, and runs here. One that panics has been told of, and the next change is told all the same.
                let tell = || deliver(state).is_ok();
                if told.replace(state) != Some(state) && !catch_unwind(AssertUnwindSafe(tell)).unwrap_or(true)
                {
                    return;
                }
                if link.changed().await.is_err() {
                    return;
                }
            }
        });
        Ok(serving)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address()).field("state", &self.state()).finish()
    }
}
