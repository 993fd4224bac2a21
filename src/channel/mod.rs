//! Request/reply connections.

// The connections, which use it, follow.
#[allow(dead_code, unused_imports)]
mod codec;
#[cfg(all(fuzzing, feature = "msgpack"))]
pub mod fuzzing;
mod serializers;
mod value;

#[cfg(feature = "msgpack")]
pub use self::codec::MessagePack;
pub use self::codec::{Codec, CodecError, ContentError, Json};
pub use self::serializers::{AddSerializerError, Extra, Serializers};
pub use self::value::{Bytes, Value};
