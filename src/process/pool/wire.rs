//! The frames between an executor and its workers. Both are built from one foreground, so what they hold is postcard, and no other
//! language need know it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::codec::Codec;
use super::super::wire;
use crate::net::Disconnect;
use crate::tasks::PanicLocation;
use crate::tasks::remote::Caught;

/// What a frame is, by its first byte. `wire::kind` has others.
pub(super) mod kind {
    /// To the worker: run a function. The [`Head`](super::Head), then its arguments.
    pub(crate) const CALL: u8 = b'c';
    /// To the worker: cancel the call of this number.
    pub(crate) const CANCEL: u8 = b'k';
    /// To the worker: the newest value has come. The number of the call.
    pub(crate) const CAME: u8 = b'n';
    /// To the worker: an answer. The number of the call, that of the question, then the answer if there is one.
    pub(crate) const ANSWER: u8 = b'a';

    /// From the worker: it waits for calls.
    pub(crate) const READY: u8 = b'r';
    /// From the worker: the call is about to begin.
    pub(crate) const BEGUN: u8 = b'b';
    /// From the worker: what the function sends.
    pub(crate) const MESSAGE: u8 = b'm';
    /// From the worker: what the function sends, and of which the newest counts.
    pub(crate) const LATEST: u8 = b'l';
    /// From the worker: a question. Its number, its type, then itself.
    pub(crate) const QUESTION: u8 = b'q';
    /// From the worker: it has a question of a type that was not registered.
    pub(crate) const STRANGE_QUESTION: u8 = b's';
    /// From the worker: what the function returned.
    pub(crate) const RETURNED: u8 = b'o';
    /// From the worker: the error that it returned.
    pub(crate) const RAISED: u8 = b'e';
    /// From the worker: it panicked.
    pub(crate) const PANICKED: u8 = b'p';
    /// From the worker: the call failed by no fault of the function's. A [`Failure`](super::Failure).
    pub(crate) const FAILED: u8 = b'f';

    /// Whether nothing of the call follows.
    pub(crate) fn is_end(kind: u8) -> bool {
        matches!(kind, RETURNED | RAISED | PANICKED | FAILED)
    }
}

/// How much longer than the longest message a frame may be: for its head, and for what is told in the place of a message.
pub(super) const SLACK: usize = 64 * 1024;

/// Texts that are longer are cut.
const LONGEST_TEXT: usize = 16 * 1024;

/// What stands before the arguments of a call.
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) function: String,
    pub(super) signature: String,
}

/// Why a call failed in the worker, other than by the function itself.
pub(super) enum Failure {
    UnknownFunction,
    /// What its signature is there.
    Signature(String),
    /// What could not be written, or read, and why.
    Codec(String),
    TooLarge(u64),
    /// It was cancelled before it began.
    Cancelled,
}

/// Begins a frame of any length.
pub(super) fn open(kind: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::begin(kind, &mut bytes);
    bytes
}

/// Begins a frame with a head of its own.
pub(super) fn begin<T: Serialize>(kind: u8, head: &T) -> Vec<u8> {
    let mut bytes = open(kind);
    // Numbers and texts, which can always be written.
    let _ = Codec::Postcard.write(head, &mut bytes);
    bytes
}

/// Makes a short frame.
pub(super) fn short<T: Serialize>(kind: u8, content: &T) -> Vec<u8> {
    let mut bytes = begin(kind, content);
    let _ = wire::end(&mut bytes, usize::MAX);
    bytes
}

/// Reads the head of a frame; what follows is returned too.
pub(super) fn split<'a, T: serde::Deserialize<'a>>(payload: &'a [u8]) -> Result<(T, &'a [u8]), Disconnect> {
    postcard::take_from_bytes(payload).map_err(|_| wire::malformed("a frame that cannot be read"))
}

/// Reads all of a frame.
pub(super) fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Disconnect> {
    Codec::Postcard.read(payload).map_err(|_| wire::malformed("a frame that cannot be read"))
}

impl Head {
    pub(super) fn begin(&self) -> Vec<u8> {
        begin(kind::CALL, &(self.number, &self.function, &self.signature))
    }

    pub(super) fn split(payload: &[u8]) -> Result<(Self, &[u8]), Disconnect> {
        let ((number, function, signature), arguments) = split(payload)?;
        Ok((Self { number, function, signature }, arguments))
    }
}

impl Failure {
    pub(super) fn to_frame(&self) -> Vec<u8> {
        let (code, text, number) = match self {
            Self::UnknownFunction => (0_u8, "", 0),
            Self::Signature(text) => (1, cut(text), 0),
            Self::Codec(text) => (2, cut(text), 0),
            Self::TooLarge(bytes) => (3, "", *bytes),
            Self::Cancelled => (4, "", 0),
        };
        short(kind::FAILED, &(code, text, number))
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, Disconnect> {
        let (code, text, number): (u8, String, u64) = read(payload)?;
        Ok(match code {
            0 => Self::UnknownFunction,
            1 => Self::Signature(text),
            2 => Self::Codec(text),
            3 => Self::TooLarge(number),
            4 => Self::Cancelled,
            _ => return Err(wire::malformed("a failure that is none")),
        })
    }
}

pub(super) fn panicked(caught: &Caught) -> Vec<u8> {
    let place = caught.location.as_ref().map(|at| (&at.file, at.line, at.column));
    short(kind::PANICKED, &(cut(&caught.message), place))
}

pub(super) fn read_panicked(payload: &[u8]) -> Result<Caught, Disconnect> {
    let (message, place): (String, Option<(String, u32, u32)>) = read(payload)?;
    let location = place.map(|(file, line, column)| PanicLocation { file, line, column });
    Ok(Caught { message, location })
}

fn cut(text: &str) -> &str {
    let mut length = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    &text[..length]
}
