//! The bytes of a remote pipe; `docs/process_wire.md` describes them for other languages.
//!
//! Frames as those of [`channel`](crate::channel): a length, then so many bytes. The first of them says what the rest is.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ticket::Secret;
use crate::channel::frame::{self, FrameDecoder};
use crate::net::{Collector, Decode, Disconnect, DisconnectKind};

/// The version of all that follows the version.
pub(super) const VERSION: u16 = 1;

/// The longest frame of a stranger.
pub(super) const GREETING_LIMIT: usize = 4096;

/// What a frame is, by its first byte.
pub(super) mod kind {
    /// To the router: who comes, with what ticket.
    pub(crate) const HELLO: u8 = b'H';
    /// From the router: come in.
    pub(crate) const WELCOME: u8 = b'W';
    /// From the router: why not.
    pub(crate) const DENIED: u8 = b'D';
    /// To the router: the sender has started.
    pub(crate) const START: u8 = b'S';
    /// To the router: a message.
    pub(crate) const MESSAGE: u8 = b'M';
    /// To the router: no more messages, and why.
    pub(crate) const END: u8 = b'E';
    /// From the router: room for so many more messages.
    pub(crate) const CREDIT: u8 = b'C';
    /// From the router: nothing more is wanted.
    pub(crate) const CLOSED: u8 = b'X';
}

/// Makes a frame of what `fill` writes.
pub(super) fn frame(kind: u8, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    begin(kind, &mut bytes);
    fill(&mut bytes);
    // What comes from here and is not a message is short.
    let _ = frame::end(&mut bytes, usize::MAX);
    bytes
}

/// Begins a frame of unknown length.
pub(super) fn begin(kind: u8, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend(frame::HEADER);
    bytes.push(kind);
}

/// Ends it, or tells the length that is above the limit.
pub(super) fn end(bytes: &mut [u8], limit: usize) -> Result<(), usize> {
    frame::end(bytes, limit)
}

/// Finds frames. How long they may be is told from outside.
pub(super) struct Decoder {
    frames: FrameDecoder,
    limit: Arc<AtomicUsize>,
}

impl Decoder {
    pub(super) fn new(limit: &Arc<AtomicUsize>) -> Self {
        Self { frames: FrameDecoder::new(GREETING_LIMIT), limit: Arc::clone(limit) }
    }
}

impl Decode for Decoder {
    type Message<'a> = Cow<'a, [u8]>;

    fn decode<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, Disconnect> {
        // Relaxed: set by what handled the frame before, on this thread or before the decoder came here.
        self.frames.set_limit(self.limit.load(Ordering::Relaxed));
        self.frames.next(input)
    }

    fn collector(&mut self) -> Option<&mut Collector> {
        self.frames.collector()
    }

    fn is_midway(&self) -> bool {
        self.frames.is_midway()
    }
}

/// Says that bytes are not what they should be.
pub(super) fn malformed(what: &str) -> Disconnect {
    Disconnect::new(DisconnectKind::Malformed, format!("the peer sent {what}"))
}

/// Who comes.
#[derive(Clone, Debug)]
pub(super) struct Hello {
    pub(super) version: u16,
    pub(super) number: u64,
    pub(super) secret: [u8; Secret::BYTES],
    pub(super) codec: String,
    /// The type of the messages.
    pub(super) type_name: String,
}

impl Hello {
    pub(super) fn to_frame(&self) -> Vec<u8> {
        frame(kind::HELLO, |bytes| {
            bytes.extend(self.version.to_be_bytes());
            bytes.extend(self.number.to_be_bytes());
            bytes.extend(self.secret);
            push_text(bytes, &self.codec);
            push_text(bytes, &self.type_name);
        })
    }

    /// Reads what follows the first byte. Of another version only the version, the number and the secret are read, which
    /// stand there in all of them.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Disconnect> {
        let mut fields = Fields(payload);
        let read = |fields: &mut Fields<'_>| {
            let version = u16::from_be_bytes(fields.array()?);
            let number = u64::from_be_bytes(fields.array()?);
            let secret = fields.array()?;
            let (codec, type_name) =
                if version == VERSION { (fields.text()?, fields.text()?) } else { Default::default() };
            Some(Self { version, number, secret, codec, type_name })
        };
        let hello = read(&mut fields).ok_or_else(|| malformed("a greeting that is none"))?;
        if hello.version == VERSION && !fields.0.is_empty() {
            return Err(malformed("a greeting with something behind it"));
        }
        Ok(hello)
    }
}

/// How many messages may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capacity {
    Any,
    Bounded(u32),
    /// Of each value the router says that it has come, and then the newest follows.
    Latest,
}

/// Come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Welcome {
    pub(super) capacity: Capacity,
    /// The longest frame, without its length.
    pub(super) limit: u32,
}

impl Welcome {
    pub(super) fn to_frame(self) -> Vec<u8> {
        let (code, capacity) = match self.capacity {
            Capacity::Any => (0, 0),
            Capacity::Bounded(capacity) => (1, capacity),
            Capacity::Latest => (2, 1),
        };
        frame(kind::WELCOME, |bytes| {
            bytes.extend(VERSION.to_be_bytes());
            bytes.push(code);
            bytes.extend(capacity.to_be_bytes());
            bytes.extend(self.limit.to_be_bytes());
        })
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, Disconnect> {
        let read = |fields: &mut Fields<'_>| {
            let _version: [u8; 2] = fields.array()?;
            let [code] = fields.array()?;
            let capacity = u32::from_be_bytes(fields.array()?);
            let capacity = match code {
                0 => Capacity::Any,
                1 => Capacity::Bounded(capacity),
                2 => Capacity::Latest,
                _ => return None,
            };
            Some(Self { capacity, limit: u32::from_be_bytes(fields.array()?) })
        };
        read(&mut Fields(payload)).ok_or_else(|| malformed("a welcome that is none"))
    }
}

/// Why somebody does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Denial {
    Version = 1,
    Unknown = 2,
    Used = 3,
    Expired = 4,
    Type = 5,
    Codec = 6,
}

impl Denial {
    const ALL: [Self; 6] = [Self::Version, Self::Unknown, Self::Used, Self::Expired, Self::Type, Self::Codec];

    pub(super) fn to_frame(self, text: &str) -> Vec<u8> {
        frame(kind::DENIED, |bytes| {
            bytes.push(self as u8);
            bytes.extend(text.bytes());
        })
    }

    /// What is new to us is as if the ticket were unknown, and its text says more.
    pub(super) fn read(payload: &[u8]) -> Result<(Self, String), Disconnect> {
        let (&code, text) = payload.split_first().ok_or_else(|| malformed("a refusal that is none"))?;
        let denial = Self::ALL.into_iter().find(|denial| *denial as u8 == code).unwrap_or(Self::Unknown);
        Ok((denial, String::from_utf8_lossy(text).into_owned()))
    }
}

/// Why no more messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum EndCode {
    Stopped = 0,
    Panicked = 1,
    NeverStarted = 2,
}

impl EndCode {
    pub(super) fn to_frame(self) -> Vec<u8> {
        frame(kind::END, |bytes| bytes.push(self as u8))
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, Disconnect> {
        match payload {
            [0] => Ok(Self::Stopped),
            [1] => Ok(Self::Panicked),
            [2] => Ok(Self::NeverStarted),
            _ => Err(malformed("an end that is none")),
        }
    }
}

pub(super) fn credit(messages: u32) -> Vec<u8> {
    frame(kind::CREDIT, |bytes| bytes.extend(messages.to_be_bytes()))
}

pub(super) fn read_credit(payload: &[u8]) -> Result<u32, Disconnect> {
    payload.try_into().map(u32::from_be_bytes).map_err(|_| malformed("room that is none"))
}

/// As much of a text as a greeting takes of it.
pub(super) fn short(text: &str) -> &str {
    let mut length = text.len().min(1000);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    &text[..length]
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let text = short(text);
    bytes.extend((text.len() as u16).to_be_bytes());
    bytes.extend(text.as_bytes());
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn text(&mut self) -> Option<String> {
        let length = u16::from_be_bytes(self.array()?);
        let (text, rest) = self.0.split_at_checked(length.into())?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}
