//! How messages become bytes between processes.

mod guard;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::guard::Guard;
use crate::channel::json;

/// How a sender in another process writes its messages. The receiver reads any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// [postcard](https://docs.rs/postcard): the shortest and the quickest. It holds no names, so both sides must be built
    /// from the same type, and types that describe themselves, as `serde_json::Value`, cannot be read. Values may be nested 256
    /// levels deep, where a struct, an option, a list and so on each is a level.
    #[default]
    Postcard,
    /// JSON, which every language has: as [`channel::Json`](crate::channel::Json) reads it, up to 128 levels deep.
    Json,
}

impl Codec {
    pub(super) const ALL: [Self; 2] = [Self::Postcard, Self::Json];

    /// The name on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postcard => "postcard",
            Self::Json => "json",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Appends a message. After an error a part of it may be there.
    pub(super) fn write<T: Serialize + ?Sized>(
        self,
        message: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        match self {
            Self::Postcard => postcard::to_io(message, out).map(drop).map_err(CodecError::new),
            Self::Json => json::write(message, out).map_err(CodecError::new),
        }
    }

    /// Reads a message, and nothing behind it.
    pub(super) fn read<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T, CodecError> {
        match self {
            Self::Postcard => {
                let guard = Guard::new(bytes.len());
                let mut reader = postcard::Deserializer::from_bytes(bytes);
                let message =
                    T::deserialize(guard.watch(&mut reader)).map_err(|error| match guard.exceeded() {
                        Some(what) => CodecError::new(what),
                        None => CodecError::new(error),
                    })?;
                match reader.finalize().map_err(CodecError::new)? {
                    [] => Ok(message),
                    rest => Err(CodecError::new(format!("{} bytes too many", rest.len()))),
                }
            }
            Self::Json => {
                let text = std::str::from_utf8(bytes).map_err(CodecError::new)?;
                json::read(text).map_err(CodecError::new)
            }
        }
    }
}

/// What a codec cannot write, or read.
#[derive(Debug)]
pub(super) struct CodecError(Box<dyn std::error::Error + Send + Sync>);

impl CodecError {
    pub(super) fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    pub(super) fn into_source(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
