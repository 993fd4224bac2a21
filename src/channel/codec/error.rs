//! What can go wrong with a frame, and with a content.

use std::error::Error;
use std::fmt;

use super::{BuiltIn, Id};

/// A codec could not encode a value, or bytes are not what the codec writes.
///
/// On receipt this ends the connection, since nothing that follows can be trusted. Codecs of your own make
/// their errors by [`new`](Self::new) and [`with_source`](Self::with_source).
///
/// # Examples
///
/// ```
/// use foreground::channel::{Codec, Json};
///
/// let error = Json.decode(b"[1, 2").unwrap_err();
/// assert_eq!(error.to_string(), "no JSON at byte 5: the text ends too early");
/// ```
#[derive(Debug)]
pub struct CodecError {
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    peer_speaks: Option<BuiltIn>,
    asked_as: Option<Id>,
}

impl CodecError {
    /// Makes an error from a text that tells what was wrong, without a full stop.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = foreground::channel::CodecError::new("the checksum does not match");
    /// assert_eq!(error.to_string(), "the checksum does not match");
    /// ```
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), source: None, peer_speaks: None, asked_as: None }
    }

    /// Makes an error from a text and the error behind it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error;
    ///
    /// let cause = "twelve".parse::<u8>().unwrap_err();
    /// let error = foreground::channel::CodecError::with_source("the header is no number", cause);
    /// assert!(error.source().is_some());
    /// ```
    pub fn with_source(text: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..Self::new(text) }
    }

    /// The peer's frame is none of `ours`, and looks like one of `theirs`; read as such, it is a request with the id `asked_as`.
    pub(super) fn mismatch(ours: &str, theirs: BuiltIn, asked_as: Option<Id>) -> Self {
        let text = format!(
            "the peer seems to speak {}, and this channel {ours}; choose the same codec on both sides",
            theirs.name()
        );
        Self { peer_speaks: Some(theirs), asked_as, ..Self::new(text) }
    }

    /// The built-in codec that the peer seems to speak in place of ours.
    pub(crate) fn peer_speaks(&self) -> Option<BuiltIn> {
        self.peer_speaks
    }

    /// The id of the request that the peer made in its codec.
    pub(crate) fn asked_as(&self) -> Option<&Id> {
        self.asked_as.as_ref()
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for CodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<ContentError> for CodecError {
    fn from(error: ContentError) -> Self {
        Self::new(error.text)
    }
}

/// A content is not of the type that was asked for, or a value of that type cannot be a content.
///
/// It harms the one message only. The text says what was expected and what was there.
///
/// # Examples
///
/// ```
/// use foreground::channel::Value;
///
/// let error = Value::from("seven").to_content::<u32>().unwrap_err();
/// assert_eq!(error.to_string(), "invalid type: string \"seven\", expected u32");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentError {
    text: Box<str>, // two words, so that results travel in registers
}

impl ContentError {
    pub(in crate::channel) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into().into_boxed_str() }
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for ContentError {}

impl serde::ser::Error for ContentError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}

impl serde::de::Error for ContentError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}
