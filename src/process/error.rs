//! What can go wrong with remote pipes.

use std::error::Error;
use std::fmt;
use std::io;

use super::ticket::{TicketError, TicketErrorKind};
use super::wire::Denial;
use crate::PipeError;
use crate::net::Disconnect;

/// A remote pipe could not be opened; see [`MessageRouter::remote_pipe`](crate::MessageRouter::remote_pipe).
#[derive(Debug)]
#[non_exhaustive]
pub enum RemotePipeError {
    /// The router opens no pipe.
    Pipe(PipeError),
    /// The system gives no place for a socket, or no random numbers. The text says what to do.
    Io(io::Error),
}

impl RemotePipeError {
    pub(super) fn io(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<PipeError> for RemotePipeError {
    fn from(error: PipeError) -> Self {
        Self::Pipe(error)
    }
}

impl fmt::Display for RemotePipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipe(error) => error.fmt(f),
            Self::Io(error) => write!(f, "no place where another process could connect: {error}"),
        }
    }
}

impl Error for RemotePipeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Pipe(error) => Some(error),
            Self::Io(error) => Some(error),
        }
    }
}

/// Why a process does not get to the router; see [`RemoteSender::from_ticket`](super::RemoteSender::from_ticket).
#[derive(Debug)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What sort of error a [`ConnectError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// There is no ticket in the environment.
    NoTicket,
    /// What is there is no ticket.
    BadTicket,
    /// Nobody listens at the ticket's address: the program with the router has ended, or has no remote pipe any more.
    Unreachable,
    /// The router's process did not answer in time.
    TimedOut,
    /// It does not know the ticket: it is forged, or of an earlier run.
    UnknownTicket,
    /// The ticket was used already.
    UsedTicket,
    /// The ticket is too old, or its pipe was closed.
    ExpiredTicket,
    /// The router receives messages of another type.
    TypeMismatch,
    /// The router's process speaks another version of the protocol.
    VersionMismatch,
    /// The router's process does not know the codec.
    UnknownCodec,
    /// The connection ended before the answer, or the answer was none.
    Disconnected,
}

impl ConnectError {
    /// Returns what sort of error it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, process::{ConnectErrorKind, RemoteSender}};
    ///
    /// let router: MessageRouter = MessageRouter::new(|| {});
    /// router.start()?;
    /// let (ticket, receiver) = router.remote_pipe::<u32>()?;
    /// let error = RemoteSender::<String>::from_ticket(ticket).unwrap_err();
    /// assert_eq!(error.kind(), ConnectErrorKind::TypeMismatch);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    pub(super) fn new(kind: ConnectErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), source: None }
    }

    pub(super) fn unreachable(error: io::Error) -> Self {
        Self {
            kind: ConnectErrorKind::Unreachable,
            text: "nobody receives at the ticket's address: the program that wrote it has ended, \
                   or has no such pipe any more"
                .into(),
            source: Some(error.into()),
        }
    }

    pub(super) fn disconnected(reason: &Disconnect) -> Self {
        Self {
            kind: ConnectErrorKind::Disconnected,
            text: "the connection to the router ended before it had begun".into(),
            source: Some(reason.clone().into()),
        }
    }

    pub(super) fn denied(denial: Denial, text: String) -> Self {
        let kind = match denial {
            Denial::Version => ConnectErrorKind::VersionMismatch,
            Denial::Unknown => ConnectErrorKind::UnknownTicket,
            Denial::Used => ConnectErrorKind::UsedTicket,
            Denial::Expired => ConnectErrorKind::ExpiredTicket,
            Denial::Type => ConnectErrorKind::TypeMismatch,
            Denial::Codec => ConnectErrorKind::UnknownCodec,
        };
        Self::new(kind, text)
    }
}

impl From<TicketError> for ConnectError {
    fn from(error: TicketError) -> Self {
        let kind = match error.kind() {
            TicketErrorKind::Missing => ConnectErrorKind::NoTicket,
            TicketErrorKind::Malformed => ConnectErrorKind::BadTicket,
        };
        Self::new(kind, error.to_string())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A message that a remote sender could not send, with the reason; see
/// [`StartedRemoteSender::send`](super::StartedRemoteSender::send).
pub struct RemoteSendError<T> {
    pub(super) message: T,
    pub(super) kind: RemoteSendErrorKind,
    pub(super) source: Option<Box<dyn Error + Send + Sync>>,
}

/// What sort of error a [`RemoteSendError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoteSendErrorKind {
    /// Nobody receives any more: the pipe was closed, the router stopped, or its process has gone. The program may end.
    Closed,
    /// The bounded pipe is full.
    Full,
    /// The bounded pipe stayed full until the timeout.
    TimedOut,
    /// The codec cannot write the message, or a `Serialize` of the message failed.
    Codec,
    /// The message is above the limit of the receiver.
    TooLarge,
}

impl<T> RemoteSendError<T> {
    /// Returns what sort of error it is.
    pub fn kind(&self) -> RemoteSendErrorKind {
        self.kind
    }

    /// Takes back the message that was not sent.
    pub fn into_inner(self) -> T {
        self.message
    }

    /// Returns whether nobody will ever receive it; see [`RemoteSendErrorKind::Closed`].
    pub fn is_closed(&self) -> bool {
        self.kind == RemoteSendErrorKind::Closed
    }
}

impl<T> fmt::Debug for RemoteSendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSendError")
            .field("kind", &self.kind)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for RemoteSendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RemoteSendErrorKind::Closed => "nobody receives: the pipe is closed, or its process has gone",
            RemoteSendErrorKind::Full => "the pipe is full; try later, or wait with `send`",
            RemoteSendErrorKind::TimedOut => "the pipe stayed full until the timeout",
            RemoteSendErrorKind::Codec => "the message cannot be written",
            RemoteSendErrorKind::TooLarge => {
                "the message is above the limit of the receiver; send less at once, or raise `max_message_size` there"
            }
        })?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl<T> Error for RemoteSendError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
