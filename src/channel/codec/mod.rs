//! How messages become bytes: the codecs, and the frames that they make.

mod decoder;
mod encoder;
mod error;
mod frame;
pub(crate) mod json;
#[cfg(feature = "msgpack")]
mod message_pack;
#[cfg(test)]
mod tests;

pub(super) use self::decoder::{Event, Items, Source, decode};
pub(super) use self::encoder::{Sink, encode};
pub use self::error::{CodecError, ContentError};
pub(crate) use self::frame::{Content, Envelope, Id, Kind, Wire};
pub use self::json::Json;
pub(super) use self::json::write_text;
#[cfg(feature = "msgpack")]
pub use self::message_pack::MessagePack;
use super::Value;

/// How deeply arrays and maps may be nested in a content, so that no frame exhausts the stack.
pub(super) const MAX_DEPTH: usize = 128;

/// The name of the newtype by which an extension passes through serde: bytes, the type first.
pub(super) const EXTENSION: &str = "$foreground::channel::Extension";

/// Turns values into bytes and back; what a connection speaks.
///
/// Both sides of a connection must use the same codec, as nothing on the wire tells which it is. [`Json`] and
/// `MessagePack` are built in. Codecs of your own, which compress or encrypt for example, see each
/// message as a [`Value`]: an array of its type, its id and its content.
///
/// `encode` runs on the thread that sends. `decode` runs on a thread that reads for several connections: it must
/// not wait for anything. A panic in `decode` ends the connection.
///
/// # Examples
///
/// A codec that wraps another one:
///
/// ```
/// use foreground::channel::{Codec, CodecError, Json, Value};
///
/// struct Scrambled;
///
/// impl Codec for Scrambled {
///     fn name(&self) -> &str {
///         "scrambled JSON"
///     }
///
///     fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), CodecError> {
///         let start = out.len();
///         Json.encode(value, out)?;
///         out[start..].iter_mut().for_each(|byte| *byte ^= 0x55);
///         Ok(())
///     }
///
///     fn decode(&self, bytes: &[u8]) -> Result<Value, CodecError> {
///         Json.decode(&bytes.iter().map(|byte| byte ^ 0x55).collect::<Vec<u8>>())
///     }
/// }
///
/// let mut out = Vec::new();
/// Scrambled.encode(&"hello".into(), &mut out)?;
/// assert_eq!(Scrambled.decode(&out)?, "hello".into());
/// # Ok::<(), CodecError>(())
/// ```
pub trait Codec: Send + Sync + 'static {
    /// The name of the codec, for errors.
    fn name(&self) -> &str;

    /// Appends `value` to `out`.
    ///
    /// # Errors
    ///
    /// The codec has no way to write that value. What was appended is then of no meaning.
    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads the one value that `bytes` hold.
    ///
    /// # Errors
    ///
    /// The bytes are not what [`encode`](Self::encode) writes, or more follows.
    fn decode(&self, bytes: &[u8]) -> Result<Value, CodecError>;

    /// Which of the built-in codecs this is; those need no detour by [`Value`].
    #[doc(hidden)]
    fn built_in(&self, _: Hidden) -> Option<BuiltIn> {
        None
    }
}

/// Nobody outside can name this, and so nobody can pretend to be built in.
#[derive(Clone, Copy, Debug)]
pub struct Hidden;

/// A codec that is built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    Json,
    MessagePack,
}

impl BuiltIn {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::MessagePack => "MessagePack",
        }
    }

    /// Guesses who wrote a frame, which is an array of three. JSON begins it with a bracket, which in MessagePack
    /// is the number 91; MessagePack with a byte that no UTF-8 begins with.
    pub(crate) fn looks_like(frame: &[u8]) -> Option<Self> {
        match frame {
            [0x93, ..] | [0xdc, 0, 3, ..] | [0xdd, 0, 0, 0, 3, ..] => Some(Self::MessagePack),
            _ if frame.trim_ascii_start().starts_with(b"[") => Some(Self::Json),
            _ => None,
        }
    }
}
