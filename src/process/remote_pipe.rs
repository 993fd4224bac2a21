//! Remote pipes, and how they are set up.

use std::any::type_name;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::error::RemotePipeError;
use super::intake::{Intake, Terms};
use super::lobby::Entrance;
use super::ticket::Ticket;
use super::wire::{Capacity, Welcome};
use crate::pipe::{Remote, Special};
use crate::{MessageReceiver, MessageRouter, PipeError};

/// Sets up a remote pipe, for [`MessageRouter::remote_pipe_with`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use foreground::{MessageRouter, process::RemotePipeOptions};
///
/// # let router: MessageRouter = MessageRouter::new(|| {});
/// # router.start()?;
/// let options = RemotePipeOptions::new().bounded(64).valid_for(Duration::from_secs(10));
/// let (ticket, receiver) = router.remote_pipe_with::<String>(options)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a pipe is opened with them"]
pub struct RemotePipeOptions {
    kind: Kind,
    valid_for: Option<Duration>,
    max_message_size: usize,
    type_name: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Any,
    Bounded(usize),
    Latest,
}

impl Default for RemotePipeOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl RemotePipeOptions {
    /// A pipe that holds any number of messages, of at most 128 MiB each, with a ticket that is good for a minute.
    pub fn new() -> Self {
        Self {
            kind: Kind::Any,
            valid_for: Some(Duration::from_secs(60)),
            max_message_size: 128 << 20,
            type_name: None,
        }
    }

    /// Has the pipe hold at most `capacity` messages, as [`MessageRouter::bounded_pipe`] does. Counted are all that
    /// were sent and not delivered, those on their way included; room is told to the sender in steps of an eighth of it.
    pub fn bounded(self, capacity: usize) -> Self {
        Self { kind: Kind::Bounded(capacity), ..self }
    }

    /// Has the pipe keep the newest undelivered value only, as [`MessageRouter::latest_pipe`] does. One value at a time
    /// is on its way; while it is, the sender keeps the newest too.
    pub fn latest(self) -> Self {
        Self { kind: Kind::Latest, ..self }
    }

    /// Sets for how long the ticket is good; `None` is for as long as the pipe is open. If nobody has come by then, the pipe
    /// ends as [`PipeEnd::NeverStarted`](crate::PipeEnd::NeverStarted).
    pub fn valid_for(self, time: impl Into<Option<Duration>>) -> Self {
        Self { valid_for: time.into(), ..self }
    }

    /// Sets how many bytes a message may have, as the codec writes it; up to 4 GiB. The sender learns it when it connects, and a
    /// message above it is an error there. Memory is taken as the bytes come, not as they are announced.
    pub fn max_message_size(self, bytes: usize) -> Self {
        Self { max_message_size: bytes, ..self }
    }

    /// Sets the name by which the two sides compare the type of the messages. If this is not called, it is what
    /// [`std::any::type_name`] gives, which is the same in programs that have the type from the same crate, built by the same compiler.
    pub fn type_name(self, name: impl Into<String>) -> Self {
        Self { type_name: Some(name.into()), ..self }
    }
}

impl<S: 'static> MessageRouter<S> {
    /// Opens a pipe whose sender is in another process, with the default [`RemotePipeOptions`]: it holds any number of
    /// messages. See [`process`](crate::process).
    ///
    /// Whoever has the [`Ticket`] may connect once. The receiver is one as of any pipe. The messages of the pipe come in
    /// their order; between those of several processes there is none. Never waits, but for the file system when the
    /// first one is opened.
    ///
    /// # Errors
    /// [`RemotePipeError`]: the router does not run, or there is no place for a socket.
    ///
    /// # Examples
    ///
    /// The two sides, which are in one process here:
    ///
    /// ```
    /// use foreground::{MessageRouter, process::RemoteSender};
    ///
    /// let router: MessageRouter<Vec<u32>> = MessageRouter::new(|| { /* wake the event loop */ });
    /// router.start()?;
    /// let (ticket, receiver) = router.remote_pipe::<u32>()?;
    /// receiver.on_message(|seen, n| seen.push(n));
    ///
    /// // The other process gets this text, for instance in its environment:
    /// let text = ticket.to_string();
    /// let elsewhere = std::thread::spawn(move || {
    ///     let sender = RemoteSender::<u32>::from_ticket(text.parse().unwrap()).unwrap().start();
    ///     (1..=3).for_each(|n| sender.send(n).unwrap());
    /// });
    ///
    /// let mut seen = Vec::new();
    /// router.route_until(&mut seen, |seen| seen.len() == 3, None)?;
    /// assert_eq!(seen, [1, 2, 3]);
    /// # elsewhere.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn remote_pipe<T>(&self) -> Result<(Ticket, MessageReceiver<T, S>), RemotePipeError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.remote_pipe_with(RemotePipeOptions::new())
    }

    /// Opens a pipe whose sender is in another process, as the options say.
    ///
    /// # Errors
    /// As for [`remote_pipe`](Self::remote_pipe).
    ///
    /// # Examples
    ///
    /// See [`RemotePipeOptions`].
    #[track_caller]
    pub fn remote_pipe_with<T>(
        &self,
        options: RemotePipeOptions,
    ) -> Result<(Ticket, MessageReceiver<T, S>), RemotePipeError>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let place = Location::caller();
        let entrance = Arc::new(Entrance::new().map_err(RemotePipeError::io)?);
        let (capacity, special) = match options.kind {
            Kind::Any => (Capacity::Any, Special::any()),
            Kind::Bounded(0) => return Err(PipeError::ZeroCapacity.into()),
            Kind::Bounded(capacity) => {
                let capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
                (Capacity::Bounded(capacity), Special::bounded(capacity as usize))
            }
            Kind::Latest => (Capacity::Latest, Special::latest()),
        };
        let terms = Terms {
            type_name: options.type_name.unwrap_or_else(|| type_name::<T>().into()),
            welcome: Welcome {
                capacity,
                // With the byte that says what it is, and enough for an end.
                limit: u32::try_from(options.max_message_size.saturating_add(1).max(2)).unwrap_or(u32::MAX),
            },
        };
        let intake = Arc::new(Intake::<T>::new(terms, Arc::clone(&entrance)));
        let (sender, receiver) = self.open_remote(special, Arc::clone(&intake) as Arc<dyn Remote>, place)?;
        intake.set_sender(sender);
        let ticket = entrance.invite(intake, options.valid_for).map_err(RemotePipeError::io)?;
        Ok((ticket, receiver))
    }
}
