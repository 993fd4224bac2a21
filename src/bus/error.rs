//! One error type for each operation; what could not be sent is given back.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::pending::PendingResponse;
use super::socket::MessageError;
use crate::net::Disconnect;

/// A request that [`Client::send_request`](super::Client::send_request) could not send, with the reason.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendRequestError<Q> {
    /// No server is left.
    Disconnected(Q),
}

impl<Q> SendRequestError<Q> {
    /// Takes back the request that was not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus::SendRequestError;
    ///
    /// assert_eq!(SendRequestError::Disconnected("unsent").into_inner(), "unsent");
    /// ```
    pub fn into_inner(self) -> Q {
        match self {
            Self::Disconnected(request) => request,
        }
    }
}

impl<Q> fmt::Debug for SendRequestError<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected(_) => f.write_str("Disconnected(..)"),
        }
    }
}

impl<Q> fmt::Display for SendRequestError<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected(_) => f.write_str("nobody receives the request: all servers have gone"),
        }
    }
}

impl<Q> Error for SendRequestError<Q> {}

/// [`Server::recv_request`](super::Server::recv_request) received nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvRequestError {
    /// All clients have gone, and no request is left. The server may end.
    Disconnected,
    /// The calling thread is the one on which requests come over sockets: it would wait for itself. Only code that converts
    /// messages runs there.
    WouldDeadlock,
}

/// [`Server::recv_request_timeout`](super::Server::recv_request_timeout) received nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvRequestTimeoutError {
    /// No request came in time.
    Timeout,
    /// All clients have gone, and no request is left. The server may end.
    Disconnected,
}

/// [`Server::try_recv_request`](super::Server::try_recv_request) received nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryRecvRequestError {
    /// No request waits just now.
    Empty,
    /// All clients have gone, and no request is left. The server may end.
    Disconnected,
}

const NO_CLIENTS: &str = "no request will come: all clients have gone";

impl fmt::Display for RecvRequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => NO_CLIENTS,
            Self::WouldDeadlock => "waiting for a request on the thread that is to bring it would never end",
        })
    }
}

impl fmt::Display for RecvRequestTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "no request came before the timeout",
            Self::Disconnected => NO_CLIENTS,
        })
    }
}

impl fmt::Display for TryRecvRequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no request waits; try later, or wait with `recv_request`",
            Self::Disconnected => NO_CLIENTS,
        })
    }
}

impl Error for RecvRequestError {}
impl Error for RecvRequestTimeoutError {}
impl Error for TryRecvRequestError {}

/// A response that [`Transaction::send_response`](super::Transaction::send_response) could not send, with the reason.
#[non_exhaustive]
pub enum SendResponseError<R> {
    /// The client has given up: it dropped its pending response, or its router has stopped; or the connection has ended.
    Abandoned(R),
    /// The response cannot be sent over a socket. The client is told that there will be none, by the end of the connection.
    Message(MessageError),
    /// The connection ended while the response was sent.
    Disconnected(Disconnect),
}

impl<R> SendResponseError<R> {
    /// Takes back the response that was not sent, unless it was used up on the way.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus::SendResponseError;
    ///
    /// assert_eq!(SendResponseError::Abandoned("unsent").into_response(), Some("unsent"));
    /// ```
    pub fn into_response(self) -> Option<R> {
        match self {
            Self::Abandoned(response) => Some(response),
            Self::Message(_) | Self::Disconnected(_) => None,
        }
    }
}

impl<R> fmt::Debug for SendResponseError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abandoned(_) => f.write_str("Abandoned(..)"),
            Self::Message(error) => f.debug_tuple("Message").field(error).finish(),
            Self::Disconnected(reason) => f.debug_tuple("Disconnected").field(reason).finish(),
        }
    }
}

impl<R> fmt::Display for SendResponseError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abandoned(_) => f.write_str("nobody wants the response: the client has given up"),
            Self::Message(error) => write!(f, "the response cannot be sent: {error}"),
            Self::Disconnected(reason) => write!(f, "the connection ended before the response: {reason}"),
        }
    }
}

impl<R> Error for SendResponseError<R> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Abandoned(_) => None,
            Self::Message(error) => Some(error),
            Self::Disconnected(reason) => Some(reason),
        }
    }
}

/// Why there is no response to a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResponseError {
    /// The request was received, but its [`Transaction`](super::Transaction) was dropped without a response. Over a socket:
    /// the server closed the connection in order, before the first byte of a response.
    NoResponse,
    /// All servers had gone before one received the request.
    Disconnected,
    /// Only routers of the calling thread could receive the request, and they would wait for as long as this call does: for
    /// ever. Use [`deliver_on`](PendingResponse::deliver_on) in the foreground. Over a socket: the calling thread is the one
    /// on which responses come, which only code that converts messages runs on.
    WouldDeadlock,
    /// Over a socket: the server was not reached, or the connection ended before the response was whole.
    Connection(Disconnect),
    /// Over a socket: the response came, and the function that converts it failed.
    Convert(Arc<dyn Error + Send + Sync>),
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection(reason) => return write!(f, "there is no response: {reason}"),
            Self::Convert(error) => return write!(f, "the response cannot be converted: {error}"),
            Self::NoResponse => "there will be no response: the request was dropped without an answer",
            Self::Disconnected => "there will be no response: all servers have gone",
            Self::WouldDeadlock => {
                "waiting for a response on the thread that is to give it would never end; \
                 have it delivered by `deliver_on`, or wait on another thread"
            }
        })
    }
}

impl Error for ResponseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(reason) => Some(reason),
            Self::Convert(error) => Some(&**error),
            Self::NoResponse | Self::Disconnected | Self::WouldDeadlock => None,
        }
    }
}

/// [`PendingResponse::recv_response_timeout`] received no response.
#[non_exhaustive]
pub enum RecvResponseTimeoutError<R> {
    /// No response came in time. The pending response is as it was; a later call goes on.
    Timeout(PendingResponse<R>),
    /// There will be no response.
    Failed(ResponseError),
}

/// [`PendingResponse::try_recv_response`] received no response.
#[non_exhaustive]
pub enum TryRecvResponseError<R> {
    /// No response has come yet. The pending response is as it was; try later.
    NotYet(PendingResponse<R>),
    /// There will be no response.
    Failed(ResponseError),
}

impl<R> fmt::Debug for RecvResponseTimeoutError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(_) => f.write_str("Timeout(..)"),
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
        }
    }
}

impl<R> fmt::Debug for TryRecvResponseError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet(_) => f.write_str("NotYet(..)"),
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
        }
    }
}

impl<R> fmt::Display for RecvResponseTimeoutError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(_) => f.write_str("no response came before the timeout"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<R> fmt::Display for TryRecvResponseError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet(_) => f.write_str("the response has not come yet; try later"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

// The text is that of what it wraps, and so is what lies below.
impl<R> Error for RecvResponseTimeoutError<R> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Timeout(_) => None,
            Self::Failed(error) => error.source(),
        }
    }
}

impl<R> Error for TryRecvResponseError<R> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotYet(_) => None,
            Self::Failed(error) => error.source(),
        }
    }
}
