use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where to connect to, or to listen: a host and port for TCP, or the path of a Unix socket.
///
/// Functions that want an address take anything that becomes one: a string, a `(host, port)` pair, a [`SocketAddr`], a path.
///
/// # Examples
///
/// ```
/// use foreground::net::Address;
///
/// let tcp: Address = "localhost:5555".parse().unwrap();
/// assert_eq!(tcp, Address::Tcp { host: "localhost".into(), port: 5555 });
/// let unix: Address = "unix:run/window.sock".parse().unwrap();
/// assert_eq!(unix, Address::Unix("run/window.sock".into()));
/// assert_eq!("/run/window.sock".parse(), Ok(Address::Unix("/run/window.sock".into())));
/// assert_eq!(tcp.to_string(), "localhost:5555");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP port of a host, which is named or given by its number.
    Tcp {
        /// The name or the number of the host.
        host: String,
        /// The port; 0, to listen, lets the system choose one.
        port: u16,
    },
    /// The path of a Unix socket. Only systems with Unix sockets can use it.
    Unix(PathBuf),
}

/// A text that is no address; see [`Address`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    text: String,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no address; give \"host:port\", \"unix:path\", or a path with a '/'", self.text)
    }
}

impl Error for AddressError {}

impl From<Infallible> for AddressError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError { text: text.to_owned() };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(error()) } else { Ok(Self::Unix(path.into())) };
        }
        let text = text.strip_prefix("tcp://").or_else(|| text.strip_prefix("tcp:")).unwrap_or(text);
        if text.contains("://") {
            return Err(error()); // of another protocol: no path begins so
        }
        if text.contains('/') {
            return Ok(Self::Unix(text.into()));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        let port = port.parse().map_err(|_| error())?;
        // An IPv6 number has colons of its own and stands in brackets.
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(number) => number.filter(|number| number.parse::<Ipv6Addr>().is_ok()).ok_or_else(error)?,
            None if host.is_empty() || host.contains(':') => return Err(error()),
            None => host,
        };
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl TryFrom<&str> for Address {
    type Error = AddressError;

    fn try_from(text: &str) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl TryFrom<&String> for Address {
    type Error = AddressError;

    fn try_from(text: &String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<(&str, u16)> for Address {
    fn from((host, port): (&str, u16)) -> Self {
        Self::Tcp { host: host.to_owned(), port }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp { host: address.ip().to_string(), port: address.port() }
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self::Unix(path.to_owned())
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl From<&PathBuf> for Address {
    fn from(path: &PathBuf) -> Self {
        Self::Unix(path.clone())
    }
}

impl From<&Address> for Address {
    fn from(address: &Address) -> Self {
        address.clone()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// The numbers of a host and port; asks the system's resolver, which may take seconds, if the host is a name.
    pub(super) fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address")));
        }
        Ok(addresses)
    }
}

/// The address of one end of a connection, as the system tells it.
///
/// A Unix socket that was bound to no path, as those of clients are, has no name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerAddress {
    /// A number and a port.
    Tcp(SocketAddr),
    /// A Unix socket's path, if it has one.
    Unix(Option<PathBuf>),
}

impl PeerAddress {
    /// That of who is connected to.
    pub(crate) fn of(address: &socket2::SockAddr) -> Self {
        match address.as_socket() {
            Some(address) => Self::Tcp(address),
            #[cfg(unix)]
            None => Self::Unix(address.as_pathname().map(Into::into)),
            #[cfg(not(unix))]
            None => Self::Unix(None),
        }
    }

    /// The address by which this machine reaches what listens here: "all interfaces" is not one that one can connect to.
    pub(super) fn reachable(self) -> Address {
        match self {
            Self::Tcp(mut address) => {
                if address.ip().is_unspecified() {
                    address.set_ip(match address.ip() {
                        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
                    });
                }
                address.into()
            }
            Self::Unix(path) => Address::Unix(path.unwrap_or_default()),
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["127.0.0.1:5555", "localhost:0", "[::1]:80", "unix:a.sock", "unix:/run/a.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("./a".parse(), Ok(Address::Unix("./a".into())));
        assert_eq!("tcp://h:1".parse(), Ok(Address::from(("h", 1))));
        assert_eq!(Address::from("[::1]:80".parse::<SocketAddr>().unwrap()).to_string(), "[::1]:80");
    }

    #[test]
    fn what_is_no_address_is_told_so() {
        for text in [
            "",
            "localhost",
            ":80",
            "localhost:",
            "localhost:65536",
            "localhost:-1",
            "::1:80",
            "[::1]",
            "[x]:1",
            "unix:",
            "http://localhost:80",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains("host:port"), "{text}: {error}");
        }
    }

    #[test]
    fn what_listens_everywhere_is_reached_here() {
        let all = PeerAddress::Tcp("0.0.0.0:7".parse().unwrap());
        assert_eq!(all.reachable().to_string(), "127.0.0.1:7");
        let all = PeerAddress::Tcp("[::]:7".parse().unwrap());
        assert_eq!(all.reachable().to_string(), "[::1]:7");
    }
}
