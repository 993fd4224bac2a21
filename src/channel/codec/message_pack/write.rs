//! Writes MessagePack: each head in its shortest form, text as str, bytes as bin.

use crate::channel::ContentError;
use crate::channel::codec::encoder::Sink;

type Written = Result<(), ContentError>;

/// Appends MessagePack to a buffer.
#[derive(Debug)]
pub(super) struct MessagePackSink<'o> {
    out: &'o mut Vec<u8>,
}

/// Where the head of an array or a map stands, and what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    start: usize,
    end: usize,
    len: usize,
}

/// How the length of something is written.
struct Head {
    /// The marker that holds a length below `short_end` itself.
    short: u8,
    short_end: usize,
    /// The marker before a length of one byte, if there is one.
    one: Option<u8>,
    /// The marker before a length of two bytes; the next one is that before a length of four.
    two: u8,
}

const STR: Head = Head { short: 0xa0, short_end: 32, one: Some(0xd9), two: 0xda };
const BIN: Head = Head { short: 0, short_end: 0, one: Some(0xc4), two: 0xc5 };
const EXT: Head = Head { short: 0, short_end: 0, one: Some(0xc7), two: 0xc8 };
const ARRAY: Head = Head { short: 0x90, short_end: 16, one: None, two: 0xdc };
const MAP: Head = Head { short: 0x80, short_end: 16, one: None, two: 0xde };

impl<'o> MessagePackSink<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    fn marked(&mut self, marker: u8, data: &[u8]) -> Written {
        self.out.push(marker);
        self.out.extend_from_slice(data);
        Ok(())
    }

    fn head(&mut self, len: usize, head: &Head) -> Written {
        if len < head.short_end {
            self.out.push(head.short | len as u8);
            return Ok(());
        }
        match (head.one, u8::try_from(len), u16::try_from(len), u32::try_from(len)) {
            (Some(marker), Ok(len), ..) => self.marked(marker, &[len]),
            (_, _, Ok(len), _) => self.marked(head.two, &len.to_be_bytes()),
            (_, _, _, Ok(len)) => self.marked(head.two + 1, &len.to_be_bytes()),
            _ => Err(ContentError::new(format!("a length of {len} is more than MessagePack can hold"))),
        }
    }

    fn open(&mut self, len: Option<usize>, head: &Head) -> Result<Open, ContentError> {
        let (start, len) = (self.out.len(), len.unwrap_or(0));
        self.head(len, head)?;
        Ok(Open { start, end: self.out.len(), len })
    }

    /// Writes the head anew if a type did not tell the length beforehand, or told a wrong one.
    fn close(&mut self, open: Open, len: usize, head: &Head) -> Written {
        if open.len != len {
            let items = self.out.split_off(open.end);
            self.out.truncate(open.start);
            self.head(len, head)?;
            self.out.extend_from_slice(&items);
        }
        Ok(())
    }
}

impl Sink for MessagePackSink<'_> {
    type Open = Open;

    #[inline]
    fn null(&mut self) -> Written {
        self.marked(0xc0, &[])
    }

    #[inline]
    fn bool(&mut self, value: bool) -> Written {
        self.marked(0xc2 | u8::from(value), &[])
    }

    #[inline]
    fn int(&mut self, value: i64) -> Written {
        if let Ok(value) = u64::try_from(value) {
            return self.uint(value);
        }
        match (i8::try_from(value), i16::try_from(value), i32::try_from(value)) {
            (Ok(value @ -32..), ..) => self.marked(value as u8, &[]),
            (Ok(value), ..) => self.marked(0xd0, &value.to_be_bytes()),
            (_, Ok(value), _) => self.marked(0xd1, &value.to_be_bytes()),
            (_, _, Ok(value)) => self.marked(0xd2, &value.to_be_bytes()),
            _ => self.marked(0xd3, &value.to_be_bytes()),
        }
    }

    #[inline]
    fn uint(&mut self, value: u64) -> Written {
        match (u8::try_from(value), u16::try_from(value), u32::try_from(value)) {
            (Ok(value @ ..128), ..) => self.marked(value, &[]),
            (Ok(value), ..) => self.marked(0xcc, &value.to_be_bytes()),
            (_, Ok(value), _) => self.marked(0xcd, &value.to_be_bytes()),
            (_, _, Ok(value)) => self.marked(0xce, &value.to_be_bytes()),
            _ => self.marked(0xcf, &value.to_be_bytes()),
        }
    }

    #[inline]
    fn f32(&mut self, value: f32) -> Written {
        self.marked(0xca, &value.to_be_bytes())
    }

    #[inline]
    fn f64(&mut self, value: f64) -> Written {
        self.marked(0xcb, &value.to_be_bytes())
    }

    #[inline]
    fn str(&mut self, value: &str) -> Written {
        self.head(value.len(), &STR)?;
        self.out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    #[inline]
    fn bytes(&mut self, value: &[u8]) -> Written {
        self.head(value.len(), &BIN)?;
        self.out.extend_from_slice(value);
        Ok(())
    }

    fn extension(&mut self, kind: i8, data: &[u8]) -> Written {
        match data.len() {
            len @ (1 | 2 | 4 | 8 | 16) => self.out.push(0xd4 + len.ilog2() as u8),
            len => self.head(len, &EXT)?,
        }
        self.marked(kind as u8, data)
    }

    #[inline]
    fn open_array(&mut self, len: Option<usize>) -> Result<Open, ContentError> {
        self.open(len, &ARRAY)
    }

    #[inline]
    fn close_array(&mut self, open: Open, len: usize) -> Written {
        self.close(open, len, &ARRAY)
    }

    #[inline]
    fn open_map(&mut self, len: Option<usize>) -> Result<Open, ContentError> {
        self.open(len, &MAP)
    }

    #[inline]
    fn close_map(&mut self, open: Open, len: usize) -> Written {
        self.close(open, len, &MAP)
    }
}
