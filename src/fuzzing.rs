//! What `fuzz/` feeds with frames: decoders that nobody reaches from outside but by a connection.

#[cfg(feature = "bus")]
pub use crate::bus::socket::fuzzing as bus;
#[cfg(all(feature = "channel", feature = "msgpack"))]
pub use crate::channel::fuzzing as channel;
#[cfg(feature = "process")]
pub use crate::process::fuzzing as process;
