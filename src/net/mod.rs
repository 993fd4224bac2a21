#![doc = include_str!("../docs/net.md")]
// Each layer uses a part of this.
#![cfg_attr(not(all(feature = "bus", feature = "channel")), allow(dead_code, unused_imports))]

mod acceptor;
mod address;
mod collector;
mod connect;
mod disconnect;
mod link;
mod mailbox;
mod members;
mod reactor;
mod socket;
#[cfg(unix)]
mod socket_file;
#[cfg(feature = "process")]
mod timer;

pub(crate) use self::acceptor::{Acceptor, Admission};
pub use self::address::{Address, AddressError, PeerAddress};
pub(crate) use self::collector::Collector;
pub(crate) use self::connect::{Target, connect};
pub use self::disconnect::{Disconnect, DisconnectKind};
pub(crate) use self::link::{Decode, HIGH_WATER, Link, NotSent, Protocol, Reading, Timeouts, When, after};
pub(crate) use self::mailbox::{Mailbox, Nothing, SinkId};
pub(crate) use self::members::{Members, Membership};
#[cfg(any(feature = "http", feature = "nats", feature = "zmq"))]
pub(crate) use self::reactor::becomes_io_thread;
pub(crate) use self::reactor::is_io_thread;
#[cfg(feature = "http")]
pub(crate) use self::socket::ListenerKind;
pub use self::socket::{Listener, Stream};
#[cfg(all(unix, feature = "process"))]
pub(crate) use self::socket_file::is_abandoned;
#[cfg(all(unix, feature = "zmq"))]
pub(crate) use self::socket_file::{BINDING, is_occupied};

#[cfg(feature = "process")]
pub(crate) use self::timer::Timer;

/// What a system without them says of a Unix socket.
#[cfg(not(unix))]
fn no_unix_sockets() -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::Unsupported,
        "this system has no Unix sockets; give \"host:port\"",
    )
}
