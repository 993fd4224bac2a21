//! What `fuzz/` feeds with frames: decoders that nobody reaches from outside but by a connection.

#[cfg(all(feature = "channel", feature = "msgpack"))]
pub use crate::channel::fuzzing as channel;
