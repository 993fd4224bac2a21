//! One error type for each operation; what could not be sent is given back.

use std::error::Error;
use std::fmt;

/// The router could not be started; see [`MessageRouter::start`](crate::MessageRouter::start).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// The router runs already.
    AlreadyRunning,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRunning => f.write_str("the router is running already; stop it first"),
        }
    }
}

impl Error for StartError {}

/// The router could not be stopped; see [`MessageRouter::stop`](crate::MessageRouter::stop).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopError {
    /// The router was not started, or has been stopped.
    NotRunning,
}

impl fmt::Display for StopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str("the router is not running; there is nothing to stop"),
        }
    }
}

impl Error for StopError {}

/// A pipe could not be opened; see [`MessageRouter::pipe`](crate::MessageRouter::pipe).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipeError {
    /// The router was not started, or has been stopped.
    NotRunning,
    /// A bounded pipe was asked for that has room for no message at all.
    ZeroCapacity,
    /// More than 2³² pipes would be open at once.
    TooManyPipes,
}

impl fmt::Display for PipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str("the router is not running; start it first"),
            Self::ZeroCapacity => {
                f.write_str("a bounded pipe of capacity 0 could never carry a message; give at least 1")
            }
            Self::TooManyPipes => f.write_str("too many pipes are open; close some first"),
        }
    }
}

impl Error for PipeError {}

/// A pipe could not be closed as asked; see [`MessageRouter::close_pipe`](crate::MessageRouter::close_pipe).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClosePipeError {
    /// The router was not started, or has been stopped; stopping it closed the pipe.
    NotRunning,
    /// The receiver belongs to another router. It was dropped, which closed its pipe there.
    ForeignReceiver,
}

impl fmt::Display for ClosePipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str("the router is not running; its pipes are closed already"),
            Self::ForeignReceiver => f.write_str(
                "the receiver belongs to another router, where its pipe is closed now; \
                 close a pipe on the router that opened it",
            ),
        }
    }
}

impl Error for ClosePipeError {}

/// The wait in [`MessageRouter::route_until`](crate::MessageRouter::route_until) ended before its condition held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteUntilError {
    /// The router was not started, or has been stopped; also if a callback stopped it during the call, and
    /// perhaps started it again.
    NotRunning,
    /// The time was up. The router is as it was; a later call goes on.
    Timeout,
    /// No timeout was given, no message is left that this call may deliver, and nobody is left
    /// who could send one: the call would have waited for ever.
    NoSenders,
}

impl fmt::Display for RouteUntilError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning => f.write_str(
                "the router is not running, or was stopped during the call; start it, and open new pipes",
            ),
            Self::Timeout => {
                f.write_str("the condition did not hold before the timeout; call again to wait longer")
            }
            Self::NoSenders => {
                f.write_str("the condition does not hold, and no sender is left that could change it")
            }
        }
    }
}

impl Error for RouteUntilError {}

/// Writes what the errors that give a message back have in common. `Debug` leaves the message out, so that
/// `T: Debug` is not asked for.
macro_rules! gives_message_back {
    ($name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl<T> $name<T> {
            /// Takes back the message that was not sent.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use foreground::", stringify!($name), ";")]
            ///
            #[doc = concat!("let error = ", stringify!($name), "::Closed(String::from(\"unsent\"));")]
            /// assert_eq!(error.into_inner(), "unsent");
            /// ```
            pub fn into_inner(self) -> T {
                match self {
                    $(Self::$variant(message) => message),+
                }
            }

            /// Returns whether the message was refused because nobody will ever receive it: the
            /// pipe is closed, or the router was stopped or dropped. The worker may end.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use foreground::", stringify!($name), ";")]
            ///
            #[doc = concat!("assert!(", stringify!($name), "::Closed(1).is_closed());")]
            /// ```
            pub fn is_closed(&self) -> bool {
                matches!(self, Self::Closed(_))
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(_) => f.write_str(concat!(stringify!($variant), "(..)"))),+
                }
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(_) => f.write_str($text)),+
                }
            }
        }

        impl<T> Error for $name<T> {}
    };
}

/// A message that [`StartedSender::send`](crate::StartedSender::send) could not send, with the reason.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendError<T> {
    /// The pipe is closed, or the router was stopped or dropped.
    Closed(T),
    /// The bounded pipe is full, and this is the thread that would have to make room: waiting would
    /// never end. Use [`try_send`](crate::StartedSender::try_send) there, or give the pipe more room.
    WouldDeadlock(T),
}

gives_message_back!(SendError {
    Closed => "nobody receives: the pipe is closed or its router has stopped",
    WouldDeadlock => "the pipe is full, and waiting for room on the router's own thread would never end; \
                      use `try_send` there, or a larger capacity",
});

/// A message that [`StartedSender::try_send`](crate::StartedSender::try_send) could not send at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The bounded pipe is full.
    Full(T),
    /// The pipe is closed, or the router was stopped or dropped.
    Closed(T),
}

gives_message_back!(TrySendError {
    Full => "the pipe is full; try later, or wait with `send`",
    Closed => "nobody receives: the pipe is closed or its router has stopped",
});

/// A message that [`StartedSender::send_timeout`](crate::StartedSender::send_timeout) could not send in time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The bounded pipe was full for the whole time. On the router's own thread, which alone could
    /// make room, this is said at once.
    Timeout(T),
    /// The pipe is closed, or the router was stopped or dropped.
    Closed(T),
}

gives_message_back!(SendTimeoutError {
    Timeout => "the pipe stayed full until the timeout",
    Closed => "nobody receives: the pipe is closed or its router has stopped",
});
