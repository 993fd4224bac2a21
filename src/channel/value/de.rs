//! Values from serde, and serde from values.

use std::borrow::Cow;
use std::fmt;
use std::slice::Iter;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Value;
use crate::channel::codec::{Event, Items, Source};
use crate::channel::{Bytes, ContentError};

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

/// Of what a peer claims to send, no more than this is allocated before it is there.
const MAX_RESERVED: usize = 1024;

macro_rules! visit {
    ($($method:ident: $T:ty;)*) => {$(
        fn $method<E>(self, value: $T) -> Result<Value, E> {
            Ok(value.into())
        }
    )*};
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    visit! {
        visit_bool: bool;
        visit_i64: i64;
        visit_u64: u64;
        visit_f64: f64;
        visit_str: &str;
        visit_string: String;
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Value, E> {
        if let Ok(value) = i64::try_from(value) {
            return Ok(value.into());
        }
        u64::try_from(value).map(Value::from).map_err(|_| E::custom("an integer does not fit into 64 bits"))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Value, E> {
        u64::try_from(value).map(Value::from).map_err(|_| E::custom("an integer does not fit into 64 bits"))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(bytes))
    }

    /// In the codecs of this crate, a newtype that names itself is an extension: bytes, the type first.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match Bytes::deserialize(deserializer)?.0.split_first() {
            Some((kind, data)) => Ok(Value::Extension(*kind as i8, data.to_vec())),
            None => Err(D::Error::custom("an extension has no type")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut elements = Vec::with_capacity(sequence.size_hint().unwrap_or(0).min(MAX_RESERVED));
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0).min(MAX_RESERVED));
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

/// A value, and what of it is still to be read.
#[derive(Debug)]
pub(super) struct ValueSource<'v> {
    /// The arrays and maps around the place where it is, the innermost last.
    around: Vec<Around<'v>>,
}

#[derive(Debug)]
enum Around<'v> {
    Array(Iter<'v, Value>),
    /// The entries that follow, and the value of the entry whose key was read.
    Map(Iter<'v, (Value, Value)>, Option<&'v Value>),
}

impl<'v> Around<'v> {
    fn peek(&self) -> Option<&'v Value> {
        match self {
            Self::Array(elements) => elements.as_slice().first(),
            Self::Map(_, Some(value)) => Some(value),
            Self::Map(entries, None) => entries.as_slice().first().map(|(key, _)| key),
        }
    }

    fn advance(&mut self) {
        match self {
            Self::Array(elements) => drop(elements.next()),
            Self::Map(_, value @ Some(_)) => *value = None,
            Self::Map(entries, value) => *value = entries.next().map(|(_, value)| value),
        }
    }
}

impl<'v> ValueSource<'v> {
    pub(super) fn new(value: &'v Value) -> Self {
        Self { around: vec![Around::Array(std::slice::from_ref(value).iter())] }
    }

    /// What comes next. Arrays and maps that were read to their end are left behind.
    fn peek(&mut self) -> Result<&'v Value, ContentError> {
        while let Some(around) = self.around.last() {
            if let Some(value) = around.peek() {
                return Ok(value);
            }
            self.around.pop();
        }
        Err(ContentError::new("the value ends too early"))
    }

    fn next(&mut self) -> Result<&'v Value, ContentError> {
        let value = self.peek()?;
        if let Some(around) = self.around.last_mut() {
            around.advance();
        }
        Ok(value)
    }
}

impl<'v> Source<'v> for ValueSource<'v> {
    fn event(&mut self) -> Result<Event<'v>, ContentError> {
        Ok(match self.next()? {
            Value::Null => Event::Null,
            Value::Bool(value) => Event::Bool(*value),
            Value::Int(value) => Event::Int(*value),
            Value::UInt(value) => Event::UInt(*value),
            Value::Float(value) => Event::Float(*value),
            Value::String(text) => Event::Str(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Event::Bytes(bytes),
            Value::Extension(kind, data) => Event::Extension(*kind, data),
            Value::Array(elements) => {
                self.around.push(Around::Array(elements.iter()));
                Event::Array(Items::counted(elements.len()))
            }
            Value::Map(entries) => {
                self.around.push(Around::Map(entries.iter(), None));
                Event::Map(Items::counted(entries.len()))
            }
        })
    }

    fn null(&mut self) -> Result<bool, ContentError> {
        let is_null = self.peek()?.is_null();
        if is_null {
            self.next()?;
        }
        Ok(is_null)
    }

    fn more(&mut self, items: &mut Items) -> Result<bool, ContentError> {
        Ok(items.count_down())
    }

    fn value(&mut self) -> Result<(), ContentError> {
        Ok(())
    }

    fn skip(&mut self, _depth: usize) -> Result<(), ContentError> {
        self.next().map(drop)
    }
}
