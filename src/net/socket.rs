//! TCP and Unix sockets behind one type each, so that what is above need not know which it has.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(windows)]
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, RawSocket};

use super::{Address, Collector, PeerAddress};

/// A connected stream: TCP, or a Unix socket. Made [`From`] the standard library's.
#[derive(Debug)]
pub struct Stream(pub(super) StreamKind);

#[derive(Debug)]
pub(super) enum StreamKind {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// A socket that listens: TCP, or Unix. Made [`From`] the standard library's, or by [`bind`](Self::bind).
pub struct Listener {
    pub(super) kind: ListenerKind,
    /// The file of a Unix socket that was made by `bind`, and goes with it.
    #[cfg(unix)]
    file: Option<super::socket_file::SocketFile>,
}

#[derive(Debug)]
pub(crate) enum ListenerKind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

macro_rules! each {
    ($socket:expr, $kind:ident, $inner:ident => $what:expr) => {
        match $socket {
            $kind::Tcp($inner) => $what,
            #[cfg(unix)]
            $kind::Unix($inner) => $what,
        }
    };
}

impl Stream {
    /// Returns the address of the other end.
    ///
    /// # Errors
    /// The system's, when the peer has gone already.
    pub fn peer_address(&self) -> io::Result<PeerAddress> {
        match &self.0 {
            StreamKind::Tcp(stream) => stream.peer_addr().map(PeerAddress::Tcp),
            #[cfg(unix)]
            StreamKind::Unix(stream) => stream.peer_addr().map(|address| unix(&address)),
        }
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    /// The system's.
    pub fn local_address(&self) -> io::Result<PeerAddress> {
        match &self.0 {
            StreamKind::Tcp(stream) => stream.local_addr().map(PeerAddress::Tcp),
            #[cfg(unix)]
            StreamKind::Unix(stream) => stream.local_addr().map(|address| unix(&address)),
        }
    }

    /// Makes the stream fit for the I/O thread: it never waits, and sends small messages at once.
    pub(super) fn prepare(&self) -> io::Result<()> {
        match &self.0 {
            // A reply that waits for the acknowledgement of the one before costs 40 ms. Refused by a stream
            // that the peer has reset already, which is found out soon enough.
            StreamKind::Tcp(stream) => drop(stream.set_nodelay(true)),
            #[cfg(unix)]
            StreamKind::Unix(_) => {}
        }
        each!(&self.0, StreamKind, stream => stream.set_nonblocking(true))
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        each!(&self.0, StreamKind, stream => (&*stream).read(buffer))
    }

    /// Reads right to where long messages are collected, if that is worth it.
    #[cfg(unix)]
    pub(super) fn read_into(&self, collector: &mut Collector) -> Option<io::Result<usize>> {
        collector.room().map(|room| rustix::io::read(self, room).map_err(io::Error::from))
    }

    /// Elsewhere the way is by a buffer.
    #[cfg(not(unix))]
    pub(super) fn read_into(&self, _: &mut Collector) -> Option<io::Result<usize>> {
        None
    }

    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        each!(&self.0, StreamKind, stream => (&*stream).write(bytes))
    }

    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        each!(&self.0, StreamKind, stream => stream.take_error())
    }

    /// Whether the system knows that nothing comes from the peer, and nothing reaches it.
    pub(super) fn is_hung_up(&self) -> bool {
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
        {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};

            // These two are told unasked.
            let mut fds = [PollFd::new(self, PollFlags::empty())];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
        }
        // Others say the same of a peer that only sends nothing more.
        #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
        false
    }

    /// Nothing can be done about a connection that cannot be shut down: it is gone.
    pub(super) fn shut_down(&self, how: Shutdown) {
        let _ = each!(&self.0, StreamKind, stream => stream.shutdown(how));
    }
}

impl Listener {
    /// Listens at an address. The port 0 lets the system choose one; see [`local_address`](Self::local_address).
    ///
    /// The file of a Unix socket is removed when the listener is dropped. One that a program left behind when it was
    /// killed is replaced: nothing answers there. May wait for the system's resolver if the host is a name.
    ///
    /// # Errors
    /// The system's: the address is in use, the file exists and is no socket, the host is not this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::net::Listener;
    ///
    /// let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    /// assert!(listener.local_address().to_string().starts_with("127.0.0.1:"));
    /// ```
    pub fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp { host, port } => {
                let addresses = Address::resolve(host, *port)?;
                Ok(TcpListener::bind(&addresses[..])?.into())
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let (listener, file) = super::socket_file::SocketFile::bind(path)?;
                Ok(Self { kind: ListenerKind::Unix(listener), file: Some(file) })
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(super::no_unix_sockets()),
        }
    }

    /// Returns the address at which this machine reaches the listener.
    pub fn local_address(&self) -> Address {
        let address = match &self.kind {
            ListenerKind::Tcp(listener) => listener.local_addr().map(PeerAddress::Tcp),
            #[cfg(unix)]
            ListenerKind::Unix(listener) => listener.local_addr().map(|address| unix(&address)),
        };
        // The system knows what is bound.
        address.map_or_else(|_| Address::Unix("".into()), PeerAddress::reachable)
    }

    pub(super) fn prepare(&self) -> io::Result<()> {
        each!(&self.kind, ListenerKind, listener => listener.set_nonblocking(true))
    }

    /// The socket, which does not wait, and what removes its file when it is dropped, for the runtime that takes it over.
    #[cfg(feature = "http")]
    pub(crate) fn into_parts(self) -> io::Result<(ListenerKind, impl Send + Sync + 'static)> {
        self.prepare()?;
        #[cfg(unix)]
        return Ok((self.kind, self.file));
        #[cfg(not(unix))]
        Ok((self.kind, ()))
    }

    pub(super) fn accept(&self) -> io::Result<(Stream, PeerAddress)> {
        match &self.kind {
            ListenerKind::Tcp(listener) => {
                listener.accept().map(|(stream, peer)| (stream.into(), PeerAddress::Tcp(peer)))
            }
            #[cfg(unix)]
            ListenerKind::Unix(listener) => {
                listener.accept().map(|(stream, peer)| (stream.into(), unix(&peer)))
            }
        }
    }
}

#[cfg(unix)]
fn unix(address: &std::os::unix::net::SocketAddr) -> PeerAddress {
    PeerAddress::Unix(address.as_pathname().map(Into::into))
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self(StreamKind::Tcp(stream))
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self {
            kind: ListenerKind::Tcp(listener),
            #[cfg(unix)]
            file: None,
        }
    }
}

#[cfg(unix)]
impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self(StreamKind::Unix(stream))
    }
}

/// The file of the socket is left where it is when the listener goes: whoever made it may want it.
#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self { kind: ListenerKind::Unix(listener), file: None }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Listener");
        debug.field("socket", &self.kind);
        #[cfg(unix)]
        debug.field("removes_its_file", &self.file.is_some());
        debug.finish()
    }
}

#[cfg(unix)]
impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        each!(&self.0, StreamKind, stream => stream.as_fd())
    }
}

#[cfg(unix)]
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        each!(&self.kind, ListenerKind, listener => listener.as_fd())
    }
}

#[cfg(windows)]
impl AsSocket for Stream {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        each!(&self.0, StreamKind, stream => stream.as_socket())
    }
}

#[cfg(windows)]
impl AsSocket for Listener {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        each!(&self.kind, ListenerKind, listener => listener.as_socket())
    }
}

#[cfg(unix)]
impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

#[cfg(unix)]
impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

#[cfg(windows)]
impl AsRawSocket for Stream {
    fn as_raw_socket(&self) -> RawSocket {
        self.as_socket().as_raw_socket()
    }
}

#[cfg(windows)]
impl AsRawSocket for Listener {
    fn as_raw_socket(&self) -> RawSocket {
        self.as_socket().as_raw_socket()
    }
}
