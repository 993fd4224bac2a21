//! Reads MessagePack. A length that is claimed is compared with the bytes that are there before anything follows
//! from it.

use std::borrow::Cow;

use crate::channel::ContentError;
use crate::channel::codec::decoder::{ByteSource, Event, Items, Source, descend};

/// A frame, and how far it was read.
#[derive(Clone, Debug)]
pub(in crate::channel::codec) struct MessagePackSource<'de> {
    bytes: &'de [u8],
    position: usize,
}

impl<'de> MessagePackSource<'de> {
    pub(in crate::channel::codec) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    fn take(&mut self, len: usize) -> Result<&'de [u8], ContentError> {
        let taken =
            self.bytes[self.position..].get(..len).ok_or_else(|| self.error("the frame ends too early"))?;
        self.position += len;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ContentError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    /// Reads a length of `1 << power` bytes.
    fn len(&mut self, power: u8) -> Result<usize, ContentError> {
        let len = match power {
            0 => u64::from(u8::from_be_bytes(self.fixed()?)),
            1 => u64::from(u16::from_be_bytes(self.fixed()?)),
            _ => u64::from(u32::from_be_bytes(self.fixed()?)),
        };
        usize::try_from(len).map_err(|_| self.error("the frame ends too early"))
    }

    fn text(&mut self, len: usize) -> Result<Event<'de>, ContentError> {
        let start = self.position;
        match std::str::from_utf8(self.take(len)?) {
            Ok(text) => Ok(Event::Str(Cow::Borrowed(text))),
            Err(error) => {
                self.position = start + error.valid_up_to();
                Err(self.error("a text is not UTF-8"))
            }
        }
    }

    /// The items of an array or a map. Each needs `parts` bytes at least, so there cannot be more than fit.
    fn items(&mut self, len: usize, parts: usize) -> Result<Items, ContentError> {
        let left = self.bytes.len() - self.position;
        if len > left / parts {
            return Err(self.error(format!("{len} items cannot be in the {left} bytes that follow")));
        }
        Ok(Items::counted(len))
    }

    fn array(&mut self, len: usize) -> Result<Event<'de>, ContentError> {
        self.items(len, 1).map(Event::Array)
    }

    fn map(&mut self, len: usize) -> Result<Event<'de>, ContentError> {
        self.items(len, 2).map(Event::Map)
    }

    fn extension(&mut self, len: usize) -> Result<Event<'de>, ContentError> {
        let kind = i8::from_be_bytes(self.fixed()?);
        Ok(Event::Extension(kind, self.take(len)?))
    }
}

impl<'de> ByteSource<'de> for MessagePackSource<'de> {
    fn position(&self) -> usize {
        self.position
    }

    fn end(&mut self) -> Result<(), ContentError> {
        match self.bytes.len() - self.position {
            0 => Ok(()),
            left => Err(self.error(format!("{left} bytes follow the value"))),
        }
    }

    fn error(&self, what: impl std::fmt::Display) -> ContentError {
        ContentError::new(format!("no MessagePack at byte {}: {what}", self.position))
    }
}

impl<'de> Source<'de> for MessagePackSource<'de> {
    #[inline]
    fn event(&mut self) -> Result<Event<'de>, ContentError> {
        let [marker] = self.fixed()?;
        Ok(match marker {
            0x00..=0x7f => Event::Int(marker.into()),
            0x80..=0x8f => self.map(usize::from(marker & 0x0f))?,
            0x90..=0x9f => self.array(usize::from(marker & 0x0f))?,
            0xa0..=0xbf => self.text(usize::from(marker & 0x1f))?,
            0xc0 => Event::Null,
            0xc1 => {
                self.position -= 1;
                return Err(self.error("0xc1 is never used"));
            }
            0xc2 | 0xc3 => Event::Bool(marker == 0xc3),
            0xc4..=0xc6 => {
                let len = self.len(marker - 0xc4)?;
                Event::Bytes(self.take(len)?)
            }
            0xc7..=0xc9 => {
                let len = self.len(marker - 0xc7)?;
                self.extension(len)?
            }
            0xca => Event::Float(f32::from_be_bytes(self.fixed()?).into()),
            0xcb => Event::Float(f64::from_be_bytes(self.fixed()?)),
            0xcc => Event::Int(u8::from_be_bytes(self.fixed()?).into()),
            0xcd => Event::Int(u16::from_be_bytes(self.fixed()?).into()),
            0xce => Event::Int(u32::from_be_bytes(self.fixed()?).into()),
            0xcf => {
                let value = u64::from_be_bytes(self.fixed()?);
                i64::try_from(value).map_or(Event::UInt(value), Event::Int)
            }
            0xd0 => Event::Int(i8::from_be_bytes(self.fixed()?).into()),
            0xd1 => Event::Int(i16::from_be_bytes(self.fixed()?).into()),
            0xd2 => Event::Int(i32::from_be_bytes(self.fixed()?).into()),
            0xd3 => Event::Int(i64::from_be_bytes(self.fixed()?)),
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4))?,
            0xd9..=0xdb => {
                let len = self.len(marker - 0xd9)?;
                self.text(len)?
            }
            0xdc | 0xdd => {
                let len = self.len(marker - 0xdc + 1)?;
                self.array(len)?
            }
            0xde | 0xdf => {
                let len = self.len(marker - 0xde + 1)?;
                self.map(len)?
            }
            0xe0..=0xff => Event::Int((marker as i8).into()),
        })
    }

    #[inline]
    fn null(&mut self) -> Result<bool, ContentError> {
        let is_null = self.bytes.get(self.position) == Some(&0xc0);
        self.position += usize::from(is_null);
        Ok(is_null)
    }

    #[inline]
    fn more(&mut self, items: &mut Items) -> Result<bool, ContentError> {
        Ok(items.count_down())
    }

    #[inline]
    fn value(&mut self) -> Result<(), ContentError> {
        Ok(())
    }

    fn skip(&mut self, depth: usize) -> Result<(), ContentError> {
        let (mut items, parts) = match self.event()? {
            Event::Array(items) => (items, 1),
            Event::Map(items) => (items, 2),
            _ => return Ok(()),
        };
        let depth = descend(depth).map_err(|error| self.error(error))?;
        while items.count_down() {
            for _ in 0..parts {
                self.skip(depth)?;
            }
        }
        Ok(())
    }
}
