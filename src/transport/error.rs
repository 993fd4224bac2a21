use std::error;
use std::fmt;

use super::Context;

/// Why a transport could not be opened, or a message has no reply.
///
/// [`kind`](Self::kind) is for programs, the text for people; the text says what to do.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    text: String,
    source: Option<Box<dyn error::Error + Send + Sync>>,
    response: Option<(u16, Vec<u8>)>,
}

/// What kind of [`Error`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The address is none that the transport knows.
    InvalidAddress,
    /// The settings, or what was to be sent, contradict themselves or the protocol.
    InvalidInput,
    /// Somebody listens at that address already.
    AddressInUse,
    /// Nobody can be reached there.
    Unreachable,
    /// The other side, or this one, refused for security: a wrong key, password or certificate.
    Refused,
    /// The time was over. Whether the message arrived is not known.
    Timeout,
    /// The connection was lost while the reply was waited for. Whether the message arrived is not known.
    Disconnected,
    /// The server has received the message and will not answer it.
    NoReply,
    /// Nobody serves there just now. The message has reached nobody.
    NoResponders,
    /// The server has more to answer than it holds at once. It has not taken the message; later it may.
    Busy,
    /// An HTTP server answered with a status that is no success, or a service of NATS with an error; see [`Error::status`] and
    /// [`Error::body`].
    Status,
    /// The message, or the reply, is longer than a limit.
    TooLarge,
    /// The queue to the other side is full: it does not take what is sent to it.
    Full,
    /// What came is not of the protocol.
    Protocol,
    /// The calling thread is one that others wait for: it would wait for itself.
    WouldDeadlock,
    /// It was closed, or stopped, by this program.
    Closed,
    /// The system's errors.
    Io,
}

impl Error {
    /// Makes an error: for transports of your own.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Unreachable, "the modem is off");
    /// assert_eq!(error.to_string(), "the modem is off");
    /// ```
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, text: text.into(), source: None, response: None }))
    }

    /// Adds what it comes from.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{Error, ErrorKind};
    /// use std::io;
    ///
    /// let error = Error::new(ErrorKind::Io, "cannot read the key").because(io::Error::from(io::ErrorKind::NotFound));
    /// assert!(error.to_string().starts_with("cannot read the key: "));
    /// ```
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    #[cfg(feature = "zmq")]
    pub(super) fn closed(source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Closed, "it was closed").because(source)
    }

    /// Adds what the server answered.
    #[cfg(any(feature = "http", feature = "nats"))]
    pub(super) fn with_response(mut self, status: u16, body: Vec<u8>) -> Self {
        self.0.response = Some((status, body));
        self
    }

    /// Returns what kind of error it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{self, ClientTransport, ErrorKind};
    ///
    /// let (client, server) = transport::in_process();
    /// drop(server);
    /// let error = client.send_message(b"anybody there?".to_vec(), true).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NoResponders);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the status that the server answered with, if it is that which is wrong.
    pub fn status(&self) -> Option<u16> {
        self.0.response.as_ref().map(|(status, _)| *status)
    }

    /// Returns the body that came with that status.
    pub fn body(&self) -> Option<&[u8]> {
        self.0.response.as_ref().map(|(_, body)| &body[..])
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.0.kind).field("text", &self.to_string()).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

/// An [endpoint](crate::zmq::Endpoint) is one already.
#[cfg(feature = "zmq")]
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// [`ServerTransport::receive_message`](super::ServerTransport::receive_message) received nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The server was closed, and no message is left.
    Closed,
    /// The calling thread is the one that brings the messages: it would wait for itself.
    WouldDeadlock,
}

/// [`ServerTransport::receive_message_timeout`](super::ServerTransport::receive_message_timeout) received nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveTimeoutError {
    /// No message came in time.
    Timeout,
    /// The server was closed, and no message is left.
    Closed,
    /// The calling thread is the one that brings the messages: it would wait for itself.
    WouldDeadlock,
}

/// [`ServerTransport::try_receive_message`](super::ServerTransport::try_receive_message) received nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryReceiveError {
    /// No message waits just now.
    Empty,
    /// The server was closed, and no message is left.
    Closed,
}

const CLOSED: &str = "no message will come: the server was closed";
const DEADLOCK: &str = "waiting for a message on the thread that is to bring it would never end";

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => CLOSED,
            Self::WouldDeadlock => DEADLOCK,
        })
    }
}

impl fmt::Display for ReceiveTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "no message came before the timeout",
            Self::Closed => CLOSED,
            Self::WouldDeadlock => DEADLOCK,
        })
    }
}

impl fmt::Display for TryReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no message waits; try later, or wait with `receive_message`",
            Self::Closed => CLOSED,
        })
    }
}

impl error::Error for ReceiveError {}
impl error::Error for ReceiveTimeoutError {}
impl error::Error for TryReceiveError {}

/// A reply that [`Context::reply`] could not send.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplyError {
    /// The client is known to have gone, or to have given up. Holds the reply.
    Abandoned(Vec<u8>),
    /// The reply cannot be sent: it is too large, say.
    Failed(Error),
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abandoned(_) => f.write_str("nobody waits for the reply any more"),
            Self::Failed(error) => write!(f, "the reply could not be sent: {error}"),
        }
    }
}

impl error::Error for ReplyError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Abandoned(_) => None,
            Self::Failed(error) => Some(error),
        }
    }
}

/// A message that [`Incoming::push`](super::Incoming::push) did not take, as nobody takes messages any more.
pub struct PushError {
    /// The right to answer it.
    pub context: Context,
    /// The message.
    pub message: Vec<u8>,
}

impl fmt::Debug for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushError").field("context", &self.context).finish_non_exhaustive()
    }
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody takes messages here any more")
    }
}

impl error::Error for PushError {}
