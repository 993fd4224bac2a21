//! A thread's sleep at a socket, from which another thread can wake it.

use std::cell::OnceCell;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::net::socket::Stream;

thread_local! {
    /// A pair of sockets for each thread that ever waits at a connection. Who writes to the one wakes who polls the other.
    static BED: OnceCell<(UnixStream, Sleeper)> = const { OnceCell::new() };
}

/// Wakes the thread that it was made on.
#[derive(Clone)]
pub(super) struct Sleeper(Arc<UnixStream>);

impl Sleeper {
    /// That of this thread, unless the system has no descriptors left.
    pub(super) fn current() -> Option<Self> {
        BED.with(|bed| {
            if let Some((_, sleeper)) = bed.get() {
                return Some(sleeper.clone());
            }
            let (woken, waker) = UnixStream::pair().ok()?;
            woken.set_nonblocking(true).ok()?;
            waker.set_nonblocking(true).ok()?;
            let sleeper = Self(Arc::new(waker));
            let _ = bed.set((woken, sleeper.clone()));
            Some(sleeper)
        })
    }

    pub(super) fn wake(&self) {
        // A pair that is full has woken it already.
        let _ = (&*self.0).write(&[0]);
    }
}

/// What ended the sleep.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Awake {
    /// The socket has something to read, or was woken.
    Look,
    TimedOut,
}

/// The longest sleep at once: not every system can be asked for one of more than 24 days.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Sleeps until the socket can be read, the thread is woken, or the time has come. For a thread that has a [`Sleeper`].
pub(super) fn sleep_at(stream: &Stream, deadline: Option<Instant>) -> io::Result<Awake> {
    BED.with(|bed| {
        let Some((woken, _)) = bed.get() else { return Ok(Awake::Look) };
        let mut fds = [
            PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(woken.as_fd(), PollFlags::IN),
        ];
        loop {
            let timeout = deadline.map(|deadline| {
                let left = deadline.saturating_duration_since(Instant::now()).min(LONGEST);
                Timespec {
                    tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                    tv_nsec: left.subsec_nanos().into(),
                }
            });
            match poll(&mut fds, timeout.as_ref()) {
                Ok(0) if deadline.is_some_and(|deadline| Instant::now() < deadline) => {}
                Ok(0) => return Ok(Awake::TimedOut),
                Ok(_) => {
                    if !fds[1].revents().is_empty() {
                        let mut wakes = [0; 64];
                        while (&*woken).read(&mut wakes).is_ok_and(|n| n == wakes.len()) {}
                    }
                    return Ok(Awake::Look);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    })
}
