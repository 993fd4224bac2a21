//! Making a connection, without waiting for it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{SockAddr, SockRef, Socket, Type};

use super::state::Phase;
use super::{Link, Protocol, Timeouts};
use crate::net::socket::Stream;
use crate::net::{Disconnect, DisconnectKind};

/// How long to leave alone a server on this machine whose queue is full; the system does not tell when it has room.
const QUEUE_FULL: Duration = Duration::from_millis(10);

/// How an attempt to connect went.
pub(in crate::net) enum Attempt {
    Connected,
    /// The socket will be writable when it is decided.
    UnderWay,
    /// The server's queue is full.
    Later,
}

/// A socket that never waits, on its way to an address.
pub(in crate::net) fn start(address: &SockAddr) -> io::Result<(Stream, Attempt)> {
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let attempt = attempt(&socket, address)?;
    #[cfg(unix)]
    if address.is_unix() {
        return Ok((
            std::os::unix::net::UnixStream::from(std::os::fd::OwnedFd::from(socket)).into(),
            attempt,
        ));
    }
    Ok((std::net::TcpStream::from(socket).into(), attempt))
}

pub(in crate::net) fn attempt(socket: &Socket, address: &SockAddr) -> io::Result<Attempt> {
    match socket.connect(address) {
        Ok(()) => Ok(Attempt::Connected),
        // Which of the two a connection on its way is called depends on the system; for a Unix socket WouldBlock is a full queue.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && address.is_unix() => Ok(Attempt::Later),
        // On this machine a connection is often made at once, though the system does not say so.
        Err(error) if is_under_way(&error) && socket.peer_addr().is_ok() => Ok(Attempt::Connected),
        Err(error) if is_under_way(&error) => Ok(Attempt::UnderWay),
        Err(error) => Err(error),
    }
}

fn is_under_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::WouldBlock
}

impl<P: Protocol> Link<P> {
    /// Begins to connect. What is sent meanwhile waits. If it fails, the protocol is told by `on_closed`.
    pub(crate) fn connect(
        address: SockAddr,
        decoder: P::Decoder,
        protocol: P,
        timeouts: Timeouts,
    ) -> io::Result<Arc<Self>> {
        let (stream, attempt) = start(&address)?;
        if matches!(attempt, Attempt::Connected) {
            let link = Self::open(stream, decoder, protocol, timeouts)?;
            link.protocol.on_connected(&link);
            return Ok(link);
        }
        let link = Self::new(stream, decoder, protocol, timeouts, Phase::Connecting)?;
        let mut state = link.state.lock();
        link.register()?;
        let now = Instant::now();
        state.since.connecting = Some(now);
        if matches!(attempt, Attempt::Later) {
            state.connect_again = now.checked_add(QUEUE_FULL).map(|at| (at, address));
        } else {
            state.wants_write = true;
            link.watch(&mut state);
        }
        link.reset_alarm(&mut state);
        drop(state);
        Ok(link)
    }

    /// The socket says that it is decided.
    pub(super) fn connected(self: &Arc<Self>) {
        match self.stream.take_error() {
            // A spurious event: not decided yet.
            Ok(None) if self.stream.peer_address().is_err() => self.watch(&mut self.state.lock()),
            Ok(None) => self.established(),
            Ok(Some(error)) | Err(error) => self.unreachable(error),
        }
    }

    /// Tries once more at a server whose queue was full.
    pub(super) fn connect_again(self: &Arc<Self>, address: SockAddr) {
        match attempt(&SockRef::from(&self.stream), &address) {
            Ok(Attempt::Connected) => self.established(),
            Ok(Attempt::UnderWay) => {
                let mut state = self.state.lock();
                state.wants_write = true;
                self.watch(&mut state);
                self.reset_alarm(&mut state);
            }
            Ok(Attempt::Later) => {
                let mut state = self.state.lock();
                let late = state.deadline(&self.timeouts).filter(|&(at, _)| at <= Instant::now());
                if let Some((_, reason)) = late {
                    drop(state);
                    return self.close(reason);
                }
                state.connect_again = super::after(QUEUE_FULL).map(|at| (at, address));
                self.reset_alarm(&mut state);
            }
            Err(error) => self.unreachable(error),
        }
    }

    fn established(self: &Arc<Self>) {
        // What was sent meanwhile goes first.
        let mut output = self.output.lock();
        output.connected = true;
        let mut state = self.state.lock();
        if state.phase != Phase::Connecting {
            return;
        }
        state.since.connecting = None;
        state.wants_write = !output.is_empty();
        self.opened(&mut state);
        drop((state, output));
        self.protocol.on_connected(self);
        self.flush();
    }

    fn unreachable(&self, error: io::Error) {
        self.close(Disconnect::with_source(
            DisconnectKind::Unreachable,
            "the connection could not be made",
            error,
        ));
    }
}
