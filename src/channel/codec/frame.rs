//! A frame is an array of three: the type of the message, its id, its content.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decoder::{ByteSource, Event, decode};
#[cfg(feature = "msgpack")]
use super::message_pack;
use super::{BuiltIn, Codec, CodecError, ContentError, Hidden, json};
use crate::channel::{Serializers, Value};

/// An id is sent back with the reply, and until then kept; more than this many bytes of it are refused.
const MAX_ID: usize = 4096;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request = 0,
    Result = 1,
    Exception = 2,
}

impl Kind {
    fn from_number(number: i64) -> Option<Self> {
        [Self::Request, Self::Result, Self::Exception].into_iter().find(|kind| *kind as i64 == number)
    }
}

/// What tells a request, and the reply to it, from others. Ours are numbers; the peer may choose anything.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Id {
    Number(u64),
    Other(Value),
}

impl From<Value> for Id {
    fn from(value: Value) -> Self {
        value.as_u64().map_or(Self::Other(value), Self::Number)
    }
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Other(value) => value.serialize(serializer),
        }
    }
}

/// A message as it came. Its content is known to be well-formed, and not yet read.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) kind: Kind,
    pub(crate) id: Id,
    pub(crate) content: Content,
}

/// The content of a message, which its consumer turns into a type of his own.
#[derive(Clone)]
pub(crate) enum Content {
    Json(String, Range<usize>),
    #[cfg(feature = "msgpack")]
    MessagePack(Vec<u8>, Range<usize>),
    Value(Value),
}

impl Content {
    pub(crate) fn to<T: DeserializeOwned>(&self, serializers: &Serializers) -> Result<T, ContentError> {
        serializers.while_in_force(|| match self {
            Self::Json(frame, range) => json::read(&frame[range.clone()]),
            #[cfg(feature = "msgpack")]
            Self::MessagePack(frame, range) => message_pack::read(&frame[range.clone()]),
            Self::Value(value) => value.to_content(),
        })
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(frame, range) => f.write_str(&frame[range.clone()]),
            #[cfg(feature = "msgpack")]
            Self::MessagePack(frame, range) => write!(f, "b\"{}\"", frame[range.clone()].escape_ascii()),
            Self::Value(value) => value.fmt(f),
        }
    }
}

/// The codec of a connection.
#[derive(Clone)]
pub(crate) enum Wire {
    Json,
    #[cfg(feature = "msgpack")]
    MessagePack,
    Custom(Arc<dyn Codec>),
}

impl Wire {
    pub(crate) fn new(codec: impl Codec) -> Self {
        match codec.built_in(Hidden).and_then(Self::built_in) {
            Some(wire) => wire,
            None => Self::Custom(Arc::new(codec)),
        }
    }

    /// A built-in codec, if the crate was built with it.
    pub(crate) fn built_in(codec: BuiltIn) -> Option<Self> {
        match codec {
            BuiltIn::Json => Some(Self::Json),
            #[cfg(feature = "msgpack")]
            BuiltIn::MessagePack => Some(Self::MessagePack),
            #[cfg(not(feature = "msgpack"))]
            BuiltIn::MessagePack => None,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Json => BuiltIn::Json.name(),
            #[cfg(feature = "msgpack")]
            Self::MessagePack => BuiltIn::MessagePack.name(),
            Self::Custom(codec) => codec.name(),
        }
    }

    /// Appends a message to `out`, which an error leaves as it was.
    pub(crate) fn encode<T: Serialize + ?Sized>(
        &self,
        kind: Kind,
        id: &Id,
        content: &T,
        serializers: &Serializers,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let start = out.len();
        let written = serializers.while_in_force(|| self.write(kind, id, content, out));
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn write<T: Serialize + ?Sized>(
        &self,
        kind: Kind,
        id: &Id,
        content: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        match self {
            Self::Json => {
                out.extend_from_slice(&[b'[', b'0' + kind as u8, b',']);
                json::write(id, out)?;
                out.push(b',');
                json::write(content, out)?;
                out.push(b']');
            }
            #[cfg(feature = "msgpack")]
            Self::MessagePack => {
                out.extend_from_slice(&[0x93, kind as u8]);
                message_pack::write(id, out)?;
                message_pack::write(content, out)?;
            }
            Self::Custom(codec) => {
                let id = Value::from_content(id)?;
                let content = Value::from_content(content)?;
                codec.encode(&Value::Array(vec![Value::Int(kind as i64), id, content]), out)?;
            }
        }
        Ok(())
    }

    /// Takes a frame apart, and makes sure that all of it is well-formed.
    pub(crate) fn decode(&self, frame: Vec<u8>) -> Result<Envelope, CodecError> {
        let theirs = BuiltIn::looks_like(&frame).filter(|theirs| theirs.name() != self.name());
        let Some(theirs) = theirs else { return self.read(frame) };
        if let Self::Custom(_) = self {
            // It may look like that by chance.
            return self.read(frame).map_err(|_| CodecError::mismatch(self.name(), theirs, None));
        }
        // What one of the built-in codecs begins an array with is none in the other.
        let envelope = Self::built_in(theirs).and_then(|wire| wire.read(frame).ok());
        let asked_as = envelope.filter(|envelope| envelope.kind == Kind::Request).map(|envelope| envelope.id);
        Err(CodecError::mismatch(self.name(), theirs, asked_as))
    }

    fn read(&self, frame: Vec<u8>) -> Result<Envelope, CodecError> {
        match self {
            Self::Json => {
                let text = String::from_utf8(frame).map_err(|error| json::not_utf8(error.utf8_error()))?;
                let (kind, id, range) = read_frame(json::JsonSource::new(&text))?;
                Ok(Envelope { kind, id, content: Content::Json(text, range) })
            }
            #[cfg(feature = "msgpack")]
            Self::MessagePack => {
                let (kind, id, range) = read_frame(message_pack::MessagePackSource::new(&frame))?;
                Ok(Envelope { kind, id, content: Content::MessagePack(frame, range) })
            }
            Self::Custom(codec) => {
                let value =
                    catch_unwind(AssertUnwindSafe(|| codec.decode(&frame))).unwrap_or_else(|payload| {
                        // Its destructor may panic too, and this thread serves other connections.
                        std::mem::forget(payload);
                        Err(CodecError::new(format!("the codec {} panicked", self.name())))
                    })?;
                let parts = match value {
                    Value::Array(parts) => <[Value; 3]>::try_from(parts).ok(),
                    _ => None,
                };
                let Some([kind, id, content]) = parts else {
                    return Err(CodecError::new("the message is no array of a type, an id and a content"));
                };
                let kind = kind.as_i64().and_then(Kind::from_number);
                let kind = kind.ok_or_else(|| CodecError::new(UNKNOWN_KIND))?;
                Ok(Envelope { kind, id: id.into(), content: Content::Value(content) })
            }
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const UNKNOWN_KIND: &str = "the type of the message is none of 0 (request), 1 (result) and 2 (exception)";

/// Reads a type and an id, and finds where the content is.
fn read_frame<'de, S: ByteSource<'de> + Clone>(
    mut source: S,
) -> Result<(Kind, Id, Range<usize>), ContentError> {
    const NOT_THREE: &str = "the message is no array of a type, an id and a content";
    let Event::Array(mut parts) = source.event()? else { return Err(source.error(NOT_THREE)) };
    let next = |source: &mut S, parts: &mut _| match source.more(parts)? {
        true => Ok(()),
        false => Err(source.error(NOT_THREE)),
    };

    next(&mut source, &mut parts)?;
    let kind = match source.event()? {
        Event::Int(number) => Kind::from_number(number),
        _ => None,
    };
    let kind = kind.ok_or_else(|| source.error(UNKNOWN_KIND))?;

    next(&mut source, &mut parts)?;
    let mut id = source.clone();
    source.skip(0)?;
    if source.position() - id.position() > MAX_ID {
        return Err(source.error(format_args!("the id is longer than {MAX_ID} bytes")));
    }
    let id = Id::from(decode::<Value>(&mut id)?);

    next(&mut source, &mut parts)?;
    let start = source.position();
    source.skip(0)?;
    let content = start..source.position();
    if source.more(&mut parts)? {
        return Err(source.error(NOT_THREE));
    }
    source.end()?;
    Ok((kind, id, content))
}
