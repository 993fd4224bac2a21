//! The MessagePack codec.

mod read;
mod write;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) use self::read::MessagePackSource;
use self::write::MessagePackSink;
use super::decoder::{ByteSource, check, decode};
use super::encoder::encode;
use super::{BuiltIn, Codec, CodecError, Hidden};
use crate::channel::{ContentError, Value};

/// The MessagePack codec: shorter frames than JSON, and bytes as they are.
///
/// Text is written as str, bytes ([`Value::Bytes`], [`Bytes`](crate::channel::Bytes)) as bin, structs as maps with
/// their fields' names, and keys of maps as what they are. Extensions, such as timestamps, are
/// [`Value::Extension`].
///
/// # Examples
///
/// ```
/// use foreground::channel::{Codec, MessagePack, Value};
///
/// let value = MessagePack.decode(b"\x82\xa1a\x01\x07\xc4\x02\x00\xff")?;
/// assert_eq!(value.get("a"), Some(&Value::Int(1)));
/// assert_eq!(value.get(7), Some(&Value::Bytes(vec![0, 255])));
/// # Ok::<(), foreground::channel::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessagePack;

impl Codec for MessagePack {
    fn name(&self) -> &str {
        BuiltIn::MessagePack.name()
    }

    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = out.len();
        write(value, out).map_err(|error| {
            out.truncate(start);
            error.into()
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<Value, CodecError> {
        check(MessagePackSource::new(bytes))?;
        Ok(read(bytes)?)
    }

    fn built_in(&self, _: Hidden) -> Option<BuiltIn> {
        Some(BuiltIn::MessagePack)
    }
}

/// Appends a content. After an error a part of it may be there.
pub(super) fn write<T: Serialize + ?Sized>(content: &T, out: &mut Vec<u8>) -> Result<(), ContentError> {
    encode(content, &mut MessagePackSink::new(out))
}

/// Reads a content, and nothing behind it.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ContentError> {
    let mut source = MessagePackSource::new(bytes);
    let content = decode(&mut source)?;
    source.end()?;
    Ok(content)
}
