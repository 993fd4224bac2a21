//! What crosses the socket, and its bytes.

use std::error::Error;
use std::fmt;

use super::options::Limits;

/// A body and its attachments: what a request or a response is on its way through a socket.
///
/// # Examples
///
/// ```
/// use foreground::bus::socket::Message;
///
/// let message = Message::new("rotate by 90").attach(b"a picture".to_vec());
/// assert_eq!(message.body, b"rotate by 90");
/// assert_eq!(message.attachments, [b"a picture"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Message {
    /// The first part.
    pub body: Vec<u8>,
    /// The other parts.
    pub attachments: Vec<Vec<u8>>,
}

impl Message {
    /// Makes a message of a body without attachments.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus::socket::Message;
    ///
    /// assert_eq!(Message::new("text"), Message { body: b"text".to_vec(), attachments: vec![] });
    /// ```
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), attachments: Vec::new() }
    }

    /// Adds an attachment after those that are there.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus::socket::Message;
    ///
    /// let message = Message::new("two files").attach("one").attach("two");
    /// assert_eq!(message.attachments.len(), 2);
    /// ```
    #[must_use = "the message with the attachment is returned"]
    pub fn attach(mut self, attachment: impl Into<Vec<u8>>) -> Self {
        self.attachments.push(attachment.into());
        self
    }

    /// Returns the body as a text.
    ///
    /// # Errors
    /// The standard library's, if it is no UTF-8.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::bus::socket::Message;
    ///
    /// assert_eq!(Message::new("text").text(), Ok("text"));
    /// assert!(Message::new([0xff]).text().is_err());
    /// ```
    pub fn text(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.body)
    }

    fn parts(&self) -> impl Iterator<Item = &Vec<u8>> {
        [&self.body].into_iter().chain(&self.attachments)
    }
}

impl From<Vec<u8>> for Message {
    fn from(body: Vec<u8>) -> Self {
        Self::new(body)
    }
}

impl From<String> for Message {
    fn from(body: String) -> Self {
        Self::new(body)
    }
}

impl From<&str> for Message {
    fn from(body: &str) -> Self {
        Self::new(body)
    }
}

/// Shows how long the parts are: they may be millions of bytes.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attachments: Vec<_> = self.attachments.iter().map(Vec::len).collect();
        f.debug_struct("Message").field("body", &self.body.len()).field("attachments", &attachments).finish()
    }
}

/// A request or a response that cannot become a message, or one that cannot be sent. Nothing of it was written.
#[derive(Debug)]
#[non_exhaustive]
pub enum MessageError {
    /// The function that makes a message of it failed.
    Convert(Box<dyn Error + Send + Sync>),
    /// It has more parts than the limit, or than the two bytes of their number can tell.
    #[non_exhaustive]
    TooManyParts {
        /// The body and the attachments.
        parts: usize,
        /// See [`Options::part_limit`](super::Options::part_limit).
        limit: usize,
    },
    /// It is longer than the limit; or one of its parts is longer than the four bytes of its length can tell.
    #[non_exhaustive]
    TooLarge {
        /// Its length in bytes, with what tells its parts apart.
        length: usize,
        /// See [`Options::message_limit`](super::Options::message_limit).
        limit: usize,
    },
    /// Its last part is empty, and that is [refused](super::Options::refuse_empty_last_part).
    EmptyLastPart,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Convert(error) => write!(f, "it cannot be made a message: {error}"),
            Self::TooManyParts { parts, limit } => {
                write!(f, "the message has {parts} parts, and the limit is {limit}")
            }
            Self::TooLarge { length, limit } => {
                write!(f, "the message is {length} bytes long, and the limit is {limit}")
            }
            Self::EmptyLastPart => f.write_str(
                "the last part of the message is empty, and an original server would take it twice",
            ),
        }
    }
}

impl Error for MessageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Convert(error) => Some(&**error),
            _ => None,
        }
    }
}

/// How long the number of parts is, and the length of each.
pub(super) const COUNT: usize = 2;
pub(super) const LENGTH: usize = 4;

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Request,
    Response,
}

/// Writes a message.
///
/// A request without any content is sent as no parts: as one that is empty, an original server would take it twice. A response
/// without content is sent as one empty part: of none, an original client makes no body at all.
pub(crate) fn encode(message: &Message, purpose: Purpose, limits: &Limits) -> Result<Vec<u8>, MessageError> {
    let has_no_parts =
        purpose == Purpose::Request && message.body.is_empty() && message.attachments.is_empty();
    let parts = if has_no_parts { 0 } else { 1 + message.attachments.len() };
    let limit = limits.parts.min(usize::from(u16::MAX));
    let count = u16::try_from(parts).ok().filter(|_| parts <= limit);
    let count = count.ok_or(MessageError::TooManyParts { parts, limit })?;
    if limits.refuse_empty_last_part
        && purpose == Purpose::Request
        && message.attachments.last().is_some_and(Vec::is_empty)
    {
        return Err(MessageError::EmptyLastPart);
    }
    let mut length = COUNT;
    for part in message.parts().take(parts) {
        if u32::try_from(part.len()).is_err() {
            return Err(MessageError::TooLarge { length: part.len(), limit: u32::MAX as usize });
        }
        // All of it is in memory already, so that the sum is no larger than that.
        length += LENGTH + part.len();
    }
    if length > limits.bytes {
        return Err(MessageError::TooLarge { length, limit: limits.bytes });
    }
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&count.to_be_bytes());
    for part in message.parts().take(parts) {
        bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    Ok(bytes)
}
