//! The sender of a remote pipe, in the other process.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::codec::Codec;
use super::error::{ConnectError, RemoteSendError};
use super::outlet::{OnLost, Outlet};
use super::ticket::Ticket;
use super::wire::EndCode;
use crate::pipe::Wait;

/// Sets up a [`RemoteSender`]; made by [`RemoteSender::builder`].
#[must_use = "a builder does nothing until `connect` is called"]
pub struct RemoteSenderBuilder<T> {
    codec: Codec,
    type_name: Option<String>,
    on_lost: OnLost,
    of: PhantomData<fn(T)>,
}

impl<T: Serialize> RemoteSenderBuilder<T> {
    /// Sets how the messages are written; postcard if this is not called.
    pub fn codec(self, codec: Codec) -> Self {
        Self { codec, ..self }
    }

    /// Sets the name by which the two sides compare the type of the messages, as
    /// [`RemotePipeOptions::type_name`](super::RemotePipeOptions::type_name) does there.
    pub fn type_name(self, name: impl Into<String>) -> Self {
        Self { type_name: Some(name.into()), ..self }
    }

    /// Lets this process live on when the router's process has died. It then learns of that as of a close: `send` fails.
    ///
    /// If this is not called, the process ends itself by [`std::process::exit`] with the code 1 when the router's process has gone, or has cut this one off
    /// for what it sent, unless its sender has ended: at once if the pipe was not closed before, as of a program that was killed, and after
    /// two seconds if it was. So no workers are left behind. Of a close alone, in a process that lives on, it is told by
    /// [`is_closed`](StartedRemoteSender::is_closed).
    pub fn survive(self) -> Self {
        Self { on_lost: OnLost::Close, ..self }
    }

    /// Connects, and shows the ticket. Blocks until the router's process has answered, ten seconds at most.
    ///
    /// # Errors
    /// [`ConnectError`] says why this process is not let in.
    ///
    /// # Examples
    ///
    /// A sender that writes JSON, of a type that has another name here. (The name is all that is compared. JSON finds most differences
    /// between the definitions; postcard, which has no names, would read other values.)
    ///
    /// ```
    /// use foreground::{MessageRouter, process::{Codec, RemotePipeOptions, RemoteSender}};
    ///
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start()?;
    /// let options = RemotePipeOptions::new().type_name("percent");
    /// let (ticket, receiver) = router.remote_pipe_with::<u8>(options)?;
    ///
    /// let builder = RemoteSender::<u64>::builder().codec(Codec::Json).type_name("percent");
    /// let sender = builder.connect(ticket)?.start();
    /// sender.send(100).unwrap();
    /// # router.route_until(&mut (), |_| receiver.try_recv() == Some(100), None)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect(self, ticket: Ticket) -> Result<RemoteSender<T>, ConnectError> {
        let type_name = self.type_name.unwrap_or_else(|| type_name::<T>().into());
        let outlet = Outlet::connect(&ticket, self.codec, type_name, self.on_lost)?;
        let handle = Handle { outlet, end: EndCode::NeverStarted, panicked: AtomicBool::new(false) };
        Ok(RemoteSender { handle, of: PhantomData })
    }
}

impl<T> fmt::Debug for RemoteSenderBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSenderBuilder")
            .field("codec", &self.codec)
            .field("type_name", &self.type_name)
            .field("on_lost", &self.on_lost)
            .finish()
    }
}

/// The sending half of a remote pipe, in the process that will send: what [`MessageSender`](crate::MessageSender) is to a thread.
///
/// It is connected, and has no `send` yet: call [`start`](Self::start) first.
#[must_use = "dropping a sender ends its pipe as `NeverStarted`; `start` it"]
pub struct RemoteSender<T> {
    handle: Handle,
    of: PhantomData<fn(T)>,
}

impl<T: Serialize> RemoteSender<T> {
    /// Connects with the ticket that this process was given in its environment, as [`Command`](super::Command) gives it.
    ///
    /// Blocks until the router's process has answered, ten seconds at most. If that process dies later, this one ends
    /// too; see [`RemoteSenderBuilder::survive`].
    ///
    /// # Errors
    /// [`ConnectError`] says why this process is not let in, or that it was given no ticket.
    ///
    /// # Examples
    ///
    /// The `main` of a worker:
    ///
    /// ```no_run
    /// use foreground::process::RemoteSender;
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let sender = RemoteSender::<u8>::from_env()?.start();
    ///     for percent in 0..=100 {
    ///         // ... work ...
    ///         if sender.send(percent).is_err() {
    ///             break; // nobody listens any more
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn from_env() -> Result<Self, ConnectError> {
        Self::from_ticket(Ticket::from_env()?)
    }

    /// Connects with a ticket that came by other means, such as a line of the standard input.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use foreground::process::RemoteSender;
    ///
    /// let mut line = String::new();
    /// std::io::stdin().read_line(&mut line)?;
    /// let sender = RemoteSender::<u8>::from_ticket(line.parse()?)?.start();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_ticket(ticket: Ticket) -> Result<Self, ConnectError> {
        Self::builder().connect(ticket)
    }

    /// Begins to set up a sender.
    pub fn builder() -> RemoteSenderBuilder<T> {
        RemoteSenderBuilder {
            codec: Codec::default(),
            type_name: None,
            on_lost: OnLost::Exit,
            of: PhantomData,
        }
    }

    /// Makes the sender ready to send. Never blocks.
    ///
    /// # Examples
    ///
    /// See [`from_env`](Self::from_env).
    pub fn start(self) -> StartedRemoteSender<T> {
        let mut handle = self.handle;
        handle.end = EndCode::Stopped;
        handle.outlet.start();
        StartedRemoteSender { handle: Arc::new(handle), of: PhantomData }
    }
}

impl<T> fmt::Debug for RemoteSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSender").field("is_closed", &self.handle.outlet.is_closed()).finish()
    }
}

/// The senders of one connection, which the last one ends.
struct Handle {
    outlet: Outlet,
    end: EndCode,
    panicked: AtomicBool,
}

impl Handle {
    fn note_panic(&self) {
        if thread::panicking() {
            self.panicked.store(true, Ordering::Relaxed); // the count of the handles orders it with the last drop
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.note_panic();
        let panicked = self.panicked.load(Ordering::Relaxed);
        self.outlet.end(if panicked { EndCode::Panicked } else { self.end });
    }
}

/// The sending half of a remote pipe, in use: sends from any thread of this process, shared or cloned.
///
/// Messages arrive in the order in which they were sent. `Ok` means that the message was given to the system, or will be in some
/// microseconds: one that follows another at once waits for a moment, so that a burst of them is written together. What a process
/// that crashes had sent in that moment is lost, and the pipe ends as [`PipeEnd::Lost`](crate::PipeEnd::Lost).
///
/// The pipe ends when the last clone is stopped or dropped; that waits until everything was given to the system, ten seconds at most. A process that
/// calls [`std::process::exit`] while it has one drops nothing, and the pipe ends as lost.
///
/// # Examples
///
/// See [`RemoteSender::from_env`].
#[must_use = "dropping the last sender ends its pipe"]
pub struct StartedRemoteSender<T> {
    handle: Arc<Handle>,
    of: PhantomData<fn(T)>,
}

impl<T: Serialize> StartedRemoteSender<T> {
    /// Sends a message. On a full bounded pipe this waits for room, on any pipe for the router's process to take what was sent
    /// before, if that is more than 1 MiB. It never waits on a thread of this crate that reads and writes connections, where a logger of yours may
    /// be called: there, a full pipe is an error, and so is more than 1 MiB that was not taken.
    ///
    /// # Errors
    /// [`RemoteSendError`] gives the message back: nobody receives any more, or it cannot be written, or is too large.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, process::RemoteSender};
    ///
    /// let router: MessageRouter = MessageRouter::new(|| {});
    /// router.start()?;
    /// let (ticket, receiver) = router.remote_pipe::<String>()?;
    /// let sender = RemoteSender::from_ticket(ticket)?.start();
    /// sender.send("hello".to_owned()).unwrap();
    ///
    /// drop(receiver);
    /// while sender.send("is anybody there?".into()).is_ok() {} // it is told in a moment
    /// assert!(sender.send("no".into()).unwrap_err().is_closed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&self, message: T) -> Result<(), RemoteSendError<T>> {
        self.handle.outlet.send(message, Wait::Forever)
    }

    /// Sends a message if that is possible at once.
    ///
    /// # Errors
    /// [`RemoteSendError`] gives the message back, as for [`send`](Self::send), or because the pipe is full.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::MessageRouter;
    /// use foreground::process::{RemotePipeOptions, RemoteSendErrorKind, RemoteSender};
    ///
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start()?;
    /// let (ticket, receiver) = router.remote_pipe_with::<u32>(RemotePipeOptions::new().bounded(1))?;
    /// let sender = RemoteSender::<u32>::from_ticket(ticket)?.start();
    /// assert!(sender.try_send(1).is_ok());
    /// let error = sender.try_send(2).unwrap_err();
    /// assert_eq!((error.kind(), error.into_inner()), (RemoteSendErrorKind::Full, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_send(&self, message: T) -> Result<(), RemoteSendError<T>> {
        self.handle.outlet.send(message, Wait::Never)
    }

    /// Sends a message, waiting up to `timeout` for room. Any timeout is allowed; one beyond what the clock can name is for ever.
    ///
    /// # Errors
    /// [`RemoteSendError`] gives the message back, as for [`send`](Self::send), or because there was no room in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::MessageRouter;
    /// use foreground::process::{RemotePipeOptions, RemoteSendErrorKind, RemoteSender};
    ///
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start()?;
    /// let (ticket, receiver) = router.remote_pipe_with::<u32>(RemotePipeOptions::new().bounded(1))?;
    /// let sender = RemoteSender::<u32>::from_ticket(ticket)?.start();
    /// sender.send_timeout(1, Duration::MAX).unwrap();
    /// let error = sender.send_timeout(2, Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error.kind(), RemoteSendErrorKind::TimedOut);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), RemoteSendError<T>> {
        self.handle.outlet.send(message, Wait::at_most(timeout))
    }

    /// Waits until everything that was sent has been given to the system, where a crash of this process does not reach it.
    /// Returns false if that is not so after `timeout`, or never will be.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// # use foreground::{MessageRouter, process::RemoteSender};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let (ticket, receiver) = router.remote_pipe::<String>()?;
    /// # let sender = RemoteSender::from_ticket(ticket)?.start();
    /// sender.send(String::from("about to call what may crash")).unwrap();
    /// assert!(sender.flush(Duration::from_secs(10)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&self, timeout: Duration) -> bool {
        self.handle.outlet.flush(timeout)
    }

    /// Returns whether nobody will receive what is sent: the pipe was closed, the router stopped, its process has gone, or this
    /// process was asked to stop. Once true, it stays true. A cheap look for workers that send seldom.
    ///
    /// # Examples
    ///
    /// See [`send`](Self::send).
    pub fn is_closed(&self) -> bool {
        self.handle.outlet.is_closed()
    }

    /// Says that this sender is done, as dropping it does.
    pub fn stop(self) {}
}

impl<T> Clone for StartedRemoteSender<T> {
    fn clone(&self) -> Self {
        Self { handle: Arc::clone(&self.handle), of: PhantomData }
    }
}

impl<T> Drop for StartedRemoteSender<T> {
    fn drop(&mut self) {
        self.handle.note_panic();
    }
}

impl<T> fmt::Debug for StartedRemoteSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartedRemoteSender").field("is_closed", &self.handle.outlet.is_closed()).finish()
    }
}
