//! Finding out where to connect to, and waiting for a connection.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockAddr;

use super::Address;
use super::socket::Stream;

/// The addresses behind a name, to be tried in turn.
#[derive(Clone, Debug)]
pub(crate) struct Target(Vec<SockAddr>);

impl Target {
    /// Asks the system's resolver, which may take seconds, if the host is a name.
    pub(crate) fn resolve(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp { host, port } => {
                Ok(Self(Address::resolve(host, *port)?.into_iter().map(SockAddr::from).collect()))
            }
            #[cfg(unix)]
            Address::Unix(path) => Ok(Self(vec![SockAddr::unix(path)?])),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(super::no_unix_sockets()),
        }
    }

    pub(crate) fn addresses(&self) -> &[SockAddr] {
        &self.0
    }
}

/// Connects, and waits for it until the deadline. Tries one address of the host after another.
pub(crate) fn connect(address: &Address, deadline: Option<Instant>) -> io::Result<Stream> {
    let target = Target::resolve(address)?;
    let mut failure = None;
    for address in target.addresses() {
        match connect_to(address, deadline) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}

fn connect_to(address: &SockAddr, deadline: Option<Instant>) -> io::Result<Stream> {
    let left = || match deadline {
        None => Ok(None),
        Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(io::Error::from(io::ErrorKind::TimedOut)),
        },
    };
    if let Some(address) = address.as_socket() {
        return match left()? {
            None => std::net::TcpStream::connect(address),
            Some(left) => std::net::TcpStream::connect_timeout(&address, left),
        }
        .map(Stream::from);
    }
    // Blocking, it would wait for ever at a server whose queue is full.
    loop {
        match super::link::start(address)? {
            (stream, super::link::Attempt::Connected) => return Ok(stream),
            _ => {
                left()?;
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
