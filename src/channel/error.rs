//! One error type for each operation.

use std::error::Error;
use std::fmt;
use std::io;

use super::{CodecError, ContentError, RemoteError};
use crate::net::{Address, AddressError, Disconnect};

/// A request or a reply could not be sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The content cannot be encoded. The connection is as good as before.
    Encode(CodecError),
    /// The encoded message is longer than the limit, or than the four bytes of its length can tell.
    #[non_exhaustive]
    TooLarge {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes; see [`Options::message_limit`](super::Options::message_limit).
        limit: usize,
    },
    /// The peer has not taken what was sent before, and the time is over.
    TimedOut,
    /// The peer has not taken what was sent before; whoever tries does not wait.
    Full,
    /// The connection has ended.
    Disconnected(Disconnect),
}

impl SendError {
    /// Returns why the connection ended, if that is the reason.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// let channel = channel::connect(listener.local_address()).unwrap();
    /// channel.close();
    /// let error = channel.request("are you there?").unwrap_err();
    /// assert!(error.disconnect().is_some());
    /// ```
    pub fn disconnect(&self) -> Option<&Disconnect> {
        match self {
            Self::Disconnected(reason) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => write!(f, "the content cannot be encoded: {error}"),
            Self::TooLarge { length, limit } => {
                write!(f, "the message is {length} bytes long, and the limit is {limit}; send it in parts")
            }
            Self::TimedOut => f.write_str("the peer did not take what was sent before within the time"),
            Self::Full => f.write_str("the peer has not taken yet what was sent before; try again later"),
            Self::Disconnected(reason) => write!(f, "the connection has ended: {reason}"),
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Disconnected(reason) => Some(reason),
            Self::TooLarge { .. } | Self::TimedOut | Self::Full => None,
        }
    }
}

/// A request has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplyError {
    /// The request could not be sent. Of [`Channel::call`](super::Channel::call) only.
    NotSent(SendError),
    /// The peer failed, and says how.
    Remote(RemoteError),
    /// The result is not of the type that was asked for.
    Content(ContentError),
    /// The reply did not come within the time.
    TimedOut,
    /// The connection ended before the reply came. The peer may have handled the request.
    Disconnected(Disconnect),
    /// It was waited for on the I/O thread, which would have to receive it; that would take for ever.
    WouldDeadlock,
}

impl ReplyError {
    /// Returns why the connection ended, if that is the reason.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// let channel = channel::connect(listener.local_address()).unwrap();
    /// let pending = channel.request("are you there?").unwrap();
    /// drop(listener.accept().unwrap());
    /// let error = pending.wait::<String>().unwrap_err();
    /// assert!(error.disconnect().is_some());
    /// ```
    pub fn disconnect(&self) -> Option<&Disconnect> {
        match self {
            Self::NotSent(error) => error.disconnect(),
            Self::Disconnected(reason) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(error) => write!(f, "the request was not sent: {error}"),
            Self::Remote(error) => error.fmt(f),
            Self::Content(error) => write!(f, "the result is of another type: {error}"),
            Self::TimedOut => f.write_str("no reply came within the time"),
            Self::Disconnected(reason) => write!(f, "the connection ended before the reply came: {reason}"),
            Self::WouldDeadlock => f.write_str(
                "the I/O thread cannot wait for a reply; wait on another thread, or have it delivered",
            ),
        }
    }
}

impl Error for ReplyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotSent(error) => Some(error),
            Self::Remote(error) => Some(error),
            Self::Content(error) => Some(error),
            Self::Disconnected(reason) => Some(reason),
            Self::TimedOut | Self::WouldDeadlock => None,
        }
    }
}

impl From<SendError> for ReplyError {
    fn from(error: SendError) -> Self {
        Self::NotSent(error)
    }
}

/// There is no request, or no connection, to receive.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RecvError {
    /// None came within the time; or, of the forms that do not wait, there is none now.
    TimedOut,
    /// None can come any more.
    Disconnected(Disconnect),
    /// It was waited for on the I/O thread, which would have to receive it; that would take for ever.
    WouldDeadlock,
}

impl RecvError {
    /// Returns why none can come any more, if so.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// let channel = channel::connect(listener.local_address()).unwrap();
    /// assert!(channel.try_recv().unwrap_err().disconnect().is_none());
    /// channel.close();
    /// assert!(channel.try_recv().unwrap_err().disconnect().is_some());
    /// ```
    pub fn disconnect(&self) -> Option<&Disconnect> {
        match self {
            Self::Disconnected(reason) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("nothing came within the time"),
            Self::Disconnected(reason) => write!(f, "nothing more comes: {reason}"),
            Self::WouldDeadlock => f.write_str("the I/O thread cannot wait; receive on another thread"),
        }
    }
}

impl Error for RecvError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Disconnected(reason) => Some(reason),
            Self::TimedOut | Self::WouldDeadlock => None,
        }
    }
}

/// No connection could be made, or none can be waited for at an address.
///
/// The system's error is the [source](Error::source); [`io_kind`](Self::io_kind) is its kind.
#[derive(Debug)]
pub struct ConnectError {
    what: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Io(io::Error),
    Address(AddressError),
}

impl ConnectError {
    pub(super) fn io(doing: &str, address: &Address, error: io::Error) -> Self {
        Self { what: format!("{doing} {address}"), source: Source::Io(error) }
    }

    pub(super) fn stream(error: io::Error) -> Self {
        Self { what: "cannot use the stream".to_owned(), source: Source::Io(error) }
    }

    /// Returns the kind of the system's error, if it was that: `ConnectionRefused` when nobody listens there, `NotFound` when
    /// there is no such socket, `TimedOut`, `AddrInUse`.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::channel;
    ///
    /// let error = channel::connect("unix:no/such/socket").unwrap_err();
    /// assert_eq!(error.io_kind(), Some(std::io::ErrorKind::NotFound));
    /// ```
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match &self.source {
            Source::Io(error) => Some(error.kind()),
            Source::Address(_) => None,
        }
    }
}

impl From<AddressError> for ConnectError {
    fn from(error: AddressError) -> Self {
        Self { what: "there is no such address".to_owned(), source: Source::Address(error) }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Io(error) => write!(f, "{}: {error}", self.what),
            Source::Address(error) => error.fmt(f),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.source {
            Source::Io(error) => Some(error),
            Source::Address(error) => Some(error),
        }
    }
}
