//! Whether the server can be reached, as far as is known.

use std::fmt;

/// Whether a [`Connection`](super::Connection) reaches a server just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It does.
    Connected,
    /// It was lost, and is being made again, as long as anything uses it.
    Reconnecting,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected => "connected",
            Self::Reconnecting => "connecting again",
        })
    }
}

/// What is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) state: State,
    /// How often it was made. What was sent by one of them and not answered is lost when there is another.
    pub(super) connects: u64,
    /// What the last attempt failed for.
    pub(super) trouble: Option<String>,
    /// What the server said last, and how often it said something.
    pub(super) complaint: (u64, String),
}

impl Link {
    pub(super) fn is_up(&self) -> bool {
        self.state == State::Connected
    }
}
