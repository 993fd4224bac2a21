//! The socket of one connection, as hyper is given it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::{Instant, Sleep, sleep};

use super::connection::Progress;

/// How long a connection is kept open after an early refusal for a client that still sends: altogether, and without a byte.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_QUIET: Duration = Duration::from_secs(2);

/// A socket that gives up a peer which reads nothing, and that is closed so that the last answer arrives.
pub(super) struct Stream {
    socket: Socket,
    progress: Arc<Progress>,
    /// How long a write may make no progress.
    patience: Option<Duration>,
    stalled: Option<Pin<Box<Sleep>>>,
    linger: Option<Linger>,
}

pub(super) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// What the peer still sends is read and thrown away: closing a socket with unread bytes resets the connection, and the
/// reset may overtake the answer.
struct Linger {
    end: Instant,
    timer: Pin<Box<Sleep>>,
}

macro_rules! each {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match &mut $self.socket {
            Socket::Tcp(socket) => Pin::new(socket).$method($($argument),*),
            #[cfg(unix)]
            Socket::Unix(socket) => Pin::new(socket).$method($($argument),*),
        }
    };
}

impl Stream {
    pub(super) fn new(socket: Socket, progress: Arc<Progress>, patience: Option<Duration>) -> Self {
        Self { socket, progress, patience, stalled: None, linger: None }
    }

    /// Has a write that must wait fail when it has waited for too long.
    fn watched<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let Some(patience) = self.patience else { return written };
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of its answer")))
    }

    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let linger = self.linger.get_or_insert_with(|| Linger {
            end: Instant::now() + LINGER,
            timer: Box::pin(sleep(LINGER_QUIET)),
        });
        let mut scratch = [0; 8192];
        loop {
            if linger.timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            if ready!(each!(self, poll_read(context, &mut buffer))).is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let quiet = Instant::now() + LINGER_QUIET;
            linger.timer.as_mut().reset(quiet.min(linger.end));
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = each!(self, poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.progress.has_read();
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = each!(self, poll_write(context, bytes));
        self.watched(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = each!(self, poll_write_vectored(context, slices));
        self.watched(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket keeps nothing back, and hyper flushes when it has nothing more either.
        self.progress.has_written();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(each!(self, poll_shutdown(context)))?;
            if !self.progress.starts_to_linger() {
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_linger(context)
    }
}
