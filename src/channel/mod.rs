#![doc = include_str!("../docs/channel.md")]
#![doc = include_str!("../../docs/picture_of_a_remote_control.md")]

mod codec;
mod connection;
mod error;
pub(crate) mod frame;
#[cfg(all(fuzzing, feature = "msgpack"))]
pub mod fuzzing;
mod handle;
mod listener;
mod options;
mod pending;
mod remote_error;
mod reply;
mod request;
mod serializers;
mod slot;
mod value;

#[cfg(feature = "msgpack")]
pub use self::codec::MessagePack;
#[cfg(any(feature = "nats", feature = "process", feature = "zmq"))]
pub(crate) use self::codec::json;
pub use self::codec::{Codec, CodecError, ContentError, Json};
pub use self::error::{ConnectError, RecvError, ReplyError, SendError};
pub use self::handle::Channel;
pub use self::listener::{Listener, Requests};
pub use self::options::Options;
pub use self::remote_error::RemoteError;
pub use self::reply::PendingReply;
pub use self::request::Request;
pub use self::serializers::{AddSerializerError, Extra, Serializers};
pub use self::value::{Bytes, Value};
use crate::net::{Address, AddressError};
pub use crate::serving::Serving;

/// Connects to an address with the default [`Options`]: JSON, one attempt. Blocks meanwhile.
///
/// # Errors
/// No address; nobody listens there; the system's errors.
///
/// # Examples
///
/// ```
/// use foreground::channel;
///
/// let listener = channel::listen("127.0.0.1:0").unwrap();
/// let channel = channel::connect(listener.local_address()).unwrap();
/// ```
pub fn connect<A>(address: A) -> Result<Channel, ConnectError>
where
    A: TryInto<Address>,
    A::Error: Into<AddressError>,
{
    Options::new().connect(address)
}

/// Listens at an address with the default [`Options`].
///
/// # Errors
/// No address; it is in use; the system's errors.
///
/// # Examples
///
/// ```
/// use foreground::channel;
///
/// # #[cfg(unix)] {
/// # let folder = tempfile::tempdir().unwrap();
/// # std::env::set_current_dir(&folder).unwrap();
/// let listener = channel::listen("unix:editor.sock").unwrap();
/// assert_eq!(listener.local_address().to_string(), "unix:editor.sock");
/// # }
/// ```
pub fn listen<A>(address: A) -> Result<Listener, ConnectError>
where
    A: TryInto<Address>,
    A::Error: Into<AddressError>,
{
    Options::new().listen(address)
}
