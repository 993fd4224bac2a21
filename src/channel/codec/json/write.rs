//! Writes JSON as Python's `json` module reads it: NaN and the infinities are bare words.

use std::io::Write as _;

use super::plain_len;
use crate::channel::ContentError;
use crate::channel::codec::encoder::Sink;

type Written = Result<(), ContentError>;

/// Appends JSON to a buffer.
#[derive(Debug)]
pub(super) struct JsonSink<'o> {
    out: &'o mut Vec<u8>,
    /// What is written next is a key, which in JSON is always text.
    is_key: bool,
}

impl<'o> JsonSink<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, is_key: false }
    }

    /// Writes a number or a word, in quotes where it is a key, as Python's `json.dumps` does.
    fn bare(&mut self, text: std::fmt::Arguments<'_>) -> Written {
        let quote: &[u8] = if self.is_key { b"\"" } else { b"" };
        self.out.extend_from_slice(quote);
        self.out.write_fmt(text).map_err(|error| ContentError::new(error.to_string()))?;
        self.out.extend_from_slice(quote);
        Ok(())
    }

    fn not_a_key(&self, what: &str) -> Written {
        if self.is_key {
            return Err(ContentError::new(format!("JSON has no {what} as keys of a map")));
        }
        Ok(())
    }
}

/// Writes `text` as JSON has it, quotes included.
pub(in crate::channel) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_len(rest));
        out.extend_from_slice(plain);
        let Some((&byte, behind)) = special.split_first() else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
        }
        rest = behind;
    }
    out.push(b'"');
}

/// A float in JSON as Python has it; `{:?}` gives the shortest digits that mean the same float.
macro_rules! float {
    ($self:ident, $value:ident) => {
        if $value.is_nan() {
            $self.bare(format_args!("NaN"))
        } else if $value.is_infinite() {
            $self.bare(format_args!("{}Infinity", if $value < 0.0 { "-" } else { "" }))
        } else {
            $self.bare(format_args!("{:?}", $value))
        }
    };
}

impl Sink for JsonSink<'_> {
    type Open = ();

    #[inline]
    fn null(&mut self) -> Written {
        self.bare(format_args!("null"))
    }

    #[inline]
    fn bool(&mut self, value: bool) -> Written {
        self.bare(format_args!("{value}"))
    }

    #[inline]
    fn int(&mut self, value: i64) -> Written {
        self.bare(format_args!("{value}"))
    }

    #[inline]
    fn uint(&mut self, value: u64) -> Written {
        self.bare(format_args!("{value}"))
    }

    #[inline]
    fn f32(&mut self, value: f32) -> Written {
        float!(self, value)
    }

    #[inline]
    fn f64(&mut self, value: f64) -> Written {
        float!(self, value)
    }

    #[inline]
    fn str(&mut self, value: &str) -> Written {
        write_text(value, self.out);
        Ok(())
    }

    #[inline]
    fn bytes(&mut self, value: &[u8]) -> Written {
        self.not_a_key("bytes")?;
        self.out.push(b'[');
        for (index, byte) in value.iter().enumerate() {
            self.element(index);
            self.uint((*byte).into())?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn extension(&mut self, kind: i8, _data: &[u8]) -> Written {
        Err(ContentError::new(format!("JSON has no extensions, such as this one of type {kind}")))
    }

    #[inline]
    fn open_array(&mut self, _len: Option<usize>) -> Written {
        self.not_a_key("arrays")?;
        self.out.push(b'[');
        Ok(())
    }

    #[inline]
    fn close_array(&mut self, (): (), _len: usize) -> Written {
        self.out.push(b']');
        Ok(())
    }

    #[inline]
    fn open_map(&mut self, _len: Option<usize>) -> Written {
        self.not_a_key("maps")?;
        self.out.push(b'{');
        Ok(())
    }

    #[inline]
    fn close_map(&mut self, (): (), _len: usize) -> Written {
        self.out.push(b'}');
        Ok(())
    }

    #[inline]
    fn element(&mut self, index: usize) {
        if index > 0 {
            self.out.push(b',');
        }
    }

    #[inline]
    fn key(&mut self, index: usize) {
        self.element(index);
        self.is_key = true;
    }

    #[inline]
    fn value(&mut self) {
        self.is_key = false;
        self.out.push(b':');
    }
}
