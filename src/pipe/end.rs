//! How a pipe ends.

use std::fmt;
use std::process::ExitStatus;

/// How a pipe came to its end on the sender's side.
///
/// Given to the callback of [`on_end`](crate::MessageReceiver::on_end) after all messages of the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipeEnd {
    /// The sender and all its clones were stopped or dropped.
    Stopped,
    /// The same, but at least one of them was dropped by a thread that panicked.
    Panicked,
    /// The sender was dropped before it was started; or nobody came with the ticket of a remote pipe.
    NeverStarted,
    /// The process with the sender has gone, and did not stop it: it crashed, was killed, or exited in the middle. With its
    /// exit status, or the signal that killed it, where that is known: of a process that was started by
    /// `process::Command`. Only remote pipes end so.
    Lost(Option<ExitStatus>),
    /// The process that came with the ticket does not fit, or sent what cannot be understood, and was turned away. Only
    /// remote pipes end so. The log has the details.
    Refused(Refusal),
}

impl fmt::Display for PipeEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("the sender stopped"),
            Self::Panicked => f.write_str("the sender's thread panicked"),
            Self::NeverStarted => f.write_str("the sender was never started"),
            Self::Lost(None) => f.write_str("the sender's process has gone"),
            Self::Lost(Some(status)) => write!(f, "the sender's process has gone ({status})"),
            Self::Refused(refusal) => write!(f, "the sender's process was turned away: {refusal}"),
        }
    }
}

/// Why a process was turned away from a remote pipe; see [`PipeEnd::Refused`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// It speaks another version of the protocol.
    Version,
    /// Its messages are of another type.
    Type,
    /// Its messages are written in a codec that is not known here.
    Codec,
    /// It sent a message above the limit.
    TooLarge,
    /// It sent more than there was room for.
    Flooded,
    /// It sent what is no message.
    Malformed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "it speaks another version of the protocol; build both from the same foreground",
            Self::Type => "its messages are of another type; give both sides the same",
            Self::Codec => "its messages are in an unknown codec; send postcard or JSON",
            Self::TooLarge => "it sent a message above the limit; raise the limit, or send less at once",
            Self::Flooded => "it sent more than there was room for",
            Self::Malformed => "it sent what is no message",
        })
    }
}

/// How a pipe ended, in a byte: there may be a hundred thousand of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Stopped,
    Panicked,
    NeverStarted,
    /// What stands for the sender of another process knows it.
    #[cfg(feature = "process")]
    Elsewhere,
}
