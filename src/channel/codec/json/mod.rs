//! The JSON codec.

mod read;
mod write;

use serde::Serialize;

pub(super) use self::read::JsonSource;
use self::write::JsonSink;
use super::decoder::{ByteSource, check, decode};
use super::encoder::encode;
use super::{BuiltIn, Codec, CodecError, Hidden};
use crate::channel::{ContentError, Value};

pub(in crate::channel) use self::write::write_text;

/// The JSON codec, which is the default.
///
/// It reads and writes what Python's `json` module does:
///
/// - NaN and the infinities are the bare words `NaN`, `Infinity` and `-Infinity`, which no other JSON has.
/// - Integers that do not fit into 64 bits are read as floats, and those too large for a float as infinity.
/// - Keys of a map that are numbers, bools or null become text; where a number or a bool is asked for, it is read
///   from that text. Arrays, maps and bytes as keys are errors.
/// - Bytes become an array of numbers, and are read from one. There are no extensions.
/// - Python can send half a surrogate pair in a text. No Rust text can hold it: whoever asks for that content
///   gets an error, and the connection goes on. In the id of a message it ends the connection.
/// - Where a map has a key twice, both are kept; [`Value::get`] finds the last, as in Python.
///
/// # Examples
///
/// ```
/// use foreground::channel::{Codec, Json, Value};
///
/// let value = Json.decode(br#"{"pair": "\ud83d\ude00", "limit": -Infinity}"#)?;
/// assert_eq!(value.get("pair").and_then(Value::as_str), Some("😀"));
/// assert_eq!(value.get("limit").and_then(Value::as_f64), Some(f64::NEG_INFINITY));
///
/// let mut out = Vec::new();
/// Json.encode(&value, &mut out)?;
/// assert_eq!(out, r#"{"pair":"😀","limit":-Infinity}"#.as_bytes());
/// # Ok::<(), foreground::channel::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Json;

impl Codec for Json {
    fn name(&self) -> &str {
        BuiltIn::Json.name()
    }

    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = out.len();
        write(value, out).map_err(|error| {
            out.truncate(start);
            error.into()
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<Value, CodecError> {
        let text = text(bytes)?;
        check(JsonSource::new(text))?;
        Ok(read(text)?)
    }

    fn built_in(&self, _: Hidden) -> Option<BuiltIn> {
        Some(BuiltIn::Json)
    }
}

/// Appends a content. After an error a part of it may be there.
pub(crate) fn write<T: Serialize + ?Sized>(content: &T, out: &mut Vec<u8>) -> Result<(), ContentError> {
    encode(content, &mut JsonSink::new(out))
}

/// Reads a content, and nothing behind it.
pub(crate) fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ContentError> {
    let mut source = JsonSource::new(text);
    let content = decode(&mut source)?;
    source.end()?;
    Ok(content)
}

fn text(bytes: &[u8]) -> Result<&str, CodecError> {
    std::str::from_utf8(bytes).map_err(not_utf8)
}

pub(super) fn not_utf8(error: std::str::Utf8Error) -> CodecError {
    CodecError::new(format!("no JSON at byte {}: the text is not UTF-8", error.valid_up_to()))
}

/// How many bytes at the beginning mean themselves in a text: no quote, no backslash, no control character.
///
/// It looks at eight bytes at once. A byte has its high bit set in `special` if it is special; above the first such
/// byte other bits may be set by borrows, which does no harm as only the first one counts.
fn plain_len(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equal = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);

    let mut words = bytes.chunks_exact(8);
    let mut len = 0;
    for word in &mut words {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        let special = (below(word, 0x20) | equal(word, b'"') | equal(word, b'\\')) & HIGH;
        if special != 0 {
            return len + special.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    let rest = words.remainder();
    len + rest.iter().position(is_special).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::plain_len;

    #[test]
    fn what_is_special_is_found_wherever_it_stands() {
        for special in 0..=255_u8 {
            let is_special = special < 0x20 || special == b'"' || special == b'\\';
            for filler in [b'a', b' ', b'!', 0x7f, 0x80, 0xff, b'#', b'[', b']'] {
                for place in 0..20 {
                    let mut bytes = [filler; 20];
                    bytes[place] = special;
                    assert_eq!(
                        plain_len(&bytes),
                        if is_special { place } else { 20 },
                        "{special} at {place}"
                    );
                }
            }
        }
    }
}
