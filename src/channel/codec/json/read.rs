//! Reads JSON as Python's `json` module writes it: with the bare words NaN, Infinity and -Infinity.

use std::borrow::Cow;

use super::plain_len;
use crate::channel::ContentError;
use crate::channel::codec::decoder::{ByteSource, Event, Items, Source, descend};

/// A text, and how far it was read.
#[derive(Clone, Debug)]
pub(in crate::channel::codec) struct JsonSource<'de> {
    text: &'de str,
    position: usize,
}

/// A number that was passed over, and what it is made of.
struct Number {
    is_negative: bool,
    /// The digits, if they are all there is and do not overflow.
    integer: Option<u64>,
}

impl<'de> JsonSource<'de> {
    pub(in crate::channel::codec) fn new(text: &'de str) -> Self {
        Self { text, position: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn skip_space(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.position += 1,
                next => return next,
            }
        }
    }

    /// The error at this place, where something else was expected.
    fn expected(&self, what: &str) -> ContentError {
        match self.peek() {
            Some(_) => self.error(format_args!("expected {what}")),
            None => self.error("the text ends too early"),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), ContentError> {
        if !self.text.as_bytes()[self.position..].starts_with(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.position += word.len();
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ContentError> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.expected("a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.position += 1;
        }
        Ok(())
    }

    /// Passes over a number. JSON has no leading zeros and no bare points.
    fn number(&mut self) -> Result<Number, ContentError> {
        let is_negative = self.peek() == Some(b'-');
        self.position += usize::from(is_negative);
        let start = self.position;
        if self.peek() == Some(b'0') {
            self.position += 1;
        } else {
            self.digits()?;
        }
        let digits = start..self.position;
        let mut is_integer = true;
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits()?;
            is_integer = false;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.position += 1;
            self.position += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
            is_integer = false;
        }
        let integer = if is_integer { self.text[digits].parse().ok() } else { None };
        Ok(Number { is_negative, integer })
    }

    /// Reads a number; as a float, if it is an integer that 64 bits cannot hold.
    fn number_event(&mut self) -> Result<Event<'de>, ContentError> {
        let start = self.position;
        if self.text.as_bytes()[start..].starts_with(b"-I") {
            self.word("-Infinity")?;
            return Ok(Event::Float(f64::NEG_INFINITY));
        }
        let number = self.number()?;
        if let Some(integer) = number.integer {
            if !number.is_negative {
                return Ok(i64::try_from(integer).map_or(Event::UInt(integer), Event::Int));
            }
            if let Some(integer) = 0_i64.checked_sub_unsigned(integer) {
                return Ok(Event::Int(integer));
            }
        }
        let float = self.text[start..self.position].parse().map_err(|error| self.error(error))?;
        Ok(Event::Float(float))
    }

    /// Passes over the characters of a text that mean themselves.
    fn plain(&mut self) -> &'de str {
        let len = plain_len(&self.text.as_bytes()[self.position..]);
        let start = self.position;
        self.position += len;
        &self.text[start..self.position]
    }

    fn hex(&mut self) -> Result<u16, ContentError> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.expected("a hexadecimal digit")) };
            value = value << 4 | digit as u16;
            self.position += 1;
        }
        Ok(value)
    }

    /// Reads what follows a backslash; none if it is one half of a surrogate pair, which is no character.
    fn escape(&mut self) -> Result<Option<char>, ContentError> {
        let short = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.position += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.expected("an escape")),
        };
        self.position += 1;
        Ok(Some(char::from(short)))
    }

    fn unicode_escape(&mut self) -> Result<Option<char>, ContentError> {
        let first = self.hex()?;
        let after_first = self.position;
        if (0xd800..0xdc00).contains(&first) && self.text.as_bytes()[self.position..].starts_with(b"\\u") {
            self.position += 2;
            let second = self.hex()?;
            if let Some(Ok(char)) = char::decode_utf16([first, second]).next() {
                return Ok(Some(char));
            }
            self.position = after_first; // The second escape stands for itself.
        }
        Ok(char::from_u32(first.into()))
    }

    /// Reads the rest of a text, after its quote. Most have no escapes, and are borrowed.
    fn text_event(&mut self) -> Result<Event<'de>, ContentError> {
        let plain = self.plain();
        if self.peek() == Some(b'"') {
            self.position += 1;
            return Ok(Event::Str(Cow::Borrowed(plain)));
        }
        let mut text = plain.to_owned();
        while self.has_escape()? {
            let Some(char) = self.escape()? else {
                return Err(self.error("a text with half a surrogate pair, which is not Unicode"));
            };
            text.push(char);
            text.push_str(self.plain());
        }
        Ok(Event::Str(Cow::Owned(text)))
    }

    /// After plain characters: passes over a backslash, or over the quote at the end.
    fn has_escape(&mut self) -> Result<bool, ContentError> {
        let has_escape = match self.peek() {
            Some(b'"') => false,
            Some(b'\\') => true,
            _ => return Err(self.expected("no control character in a text")),
        };
        self.position += 1;
        Ok(has_escape)
    }

    fn skip_text(&mut self) -> Result<(), ContentError> {
        self.plain();
        while self.has_escape()? {
            self.escape()?;
            self.plain();
        }
        Ok(())
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), ContentError> {
        if self.skip_space() != Some(byte) {
            return Err(self.expected(what));
        }
        self.position += 1;
        Ok(())
    }
}

impl<'de> ByteSource<'de> for JsonSource<'de> {
    fn position(&self) -> usize {
        self.position
    }

    fn end(&mut self) -> Result<(), ContentError> {
        match self.skip_space() {
            None => Ok(()),
            Some(_) => Err(self.error("more text follows the value")),
        }
    }

    fn error(&self, what: impl std::fmt::Display) -> ContentError {
        ContentError::new(format!("no JSON at byte {}: {what}", self.position))
    }
}

impl<'de> Source<'de> for JsonSource<'de> {
    #[inline]
    fn event(&mut self) -> Result<Event<'de>, ContentError> {
        let (word, event) = match self.skip_space() {
            Some(b'"') => {
                self.position += 1;
                return self.text_event();
            }
            Some(b'-' | b'0'..=b'9') => return self.number_event(),
            Some(b'[') => ("[", Event::Array(Items::closed_by(b']'))),
            Some(b'{') => ("{", Event::Map(Items::closed_by(b'}'))),
            Some(b'n') => ("null", Event::Null),
            Some(b't') => ("true", Event::Bool(true)),
            Some(b'f') => ("false", Event::Bool(false)),
            Some(b'N') => ("NaN", Event::Float(f64::NAN)),
            Some(b'I') => ("Infinity", Event::Float(f64::INFINITY)),
            _ => return Err(self.expected("a value")),
        };
        self.word(word)?;
        Ok(event)
    }

    #[inline]
    fn null(&mut self) -> Result<bool, ContentError> {
        let is_null = self.skip_space() == Some(b'n');
        if is_null {
            self.word("null")?;
        }
        Ok(is_null)
    }

    #[inline]
    fn more(&mut self, items: &mut Items) -> Result<bool, ContentError> {
        if items.left == Some(0) {
            return Ok(false);
        }
        if self.skip_space() == Some(items.close) {
            self.position += 1;
            items.left = Some(0);
            return Ok(false);
        }
        if !std::mem::take(&mut items.is_first) {
            self.expect(b',', "a comma, or the end of the array or map")?;
        }
        if items.close == b'}' && self.skip_space() != Some(b'"') {
            return Err(self.expected("a key"));
        }
        Ok(true)
    }

    #[inline]
    fn value(&mut self) -> Result<(), ContentError> {
        self.expect(b':', "a colon")
    }

    fn skip(&mut self, depth: usize) -> Result<(), ContentError> {
        match self.skip_space() {
            Some(b'"') => {
                self.position += 1;
                return self.skip_text();
            }
            Some(b'0'..=b'9') => return self.number().map(drop),
            _ => {}
        }
        let (mut items, is_map) = match self.event()? {
            Event::Array(items) => (items, false),
            Event::Map(items) => (items, true),
            _ => return Ok(()),
        };
        let depth = descend(depth).map_err(|error| self.error(error))?;
        while self.more(&mut items)? {
            if is_map {
                self.expect(b'"', "a key")?;
                self.skip_text()?;
                self.value()?;
            }
            self.skip(depth)?;
        }
        Ok(())
    }
}
