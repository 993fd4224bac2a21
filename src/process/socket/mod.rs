//! Where the processes of this machine, and of this user, meet.

#[cfg(any(windows, all(test, unix)))]
mod bridge;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use self::unix as platform;
#[cfg(windows)]
use self::windows as platform;

use std::io;
use std::time::Instant;

use crate::net::{Admission, Stream};

/// How many strangers may be at the door at once. More than the acceptor takes in one turn, so that each of them is listened to before it has
/// to make room for others.
pub(super) const STRANGERS: usize = 256;

/// A door that only this user finds. Dropped, it is gone.
pub(super) struct Door {
    /// By which the others find it.
    pub(super) address: String,
    _open: platform::Open,
}

impl Door {
    /// Opens one. `on_connect` is called on the I/O thread with everybody who comes and is of this user; who keeps the
    /// [`Admission`] counts as a stranger.
    pub(super) fn open(on_connect: impl Fn(Stream, Admission) + Send + Sync + 'static) -> io::Result<Self> {
        let (address, open) = platform::open(2 * STRANGERS, on_connect)?;
        Ok(Self { address, _open: open })
    }
}

/// Connects to a door, and waits for it until the deadline.
pub(super) fn connect(address: &str, deadline: Option<Instant>) -> io::Result<Stream> {
    platform::connect(address, deadline)
}

/// Waits until the system has what was written before the stream was shut down, so that this process may exit.
pub(super) fn wait_carried(stream: &Stream, deadline: Option<Instant>) {
    platform::wait_carried(stream, deadline);
}
