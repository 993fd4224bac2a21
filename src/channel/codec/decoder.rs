//! The one serde deserializer behind both codecs and [`Value`](crate::channel::Value), so that a type means the
//! same in all three.

use std::borrow::Cow;

use serde::de::value::{BytesDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::{ContentError, MAX_DEPTH};

/// How many options and newtypes may be around a value, wherever they are. They take no bytes, so that a type which contains itself by
/// nothing else would be read until the stack overflows.
const MAX_WRAPS: usize = 4 * MAX_DEPTH;

/// What is read next: a scalar, or the head of an array or a map.
pub(in crate::channel) enum Event<'de> {
    Null,
    Bool(bool),
    Int(i64),
    /// Only above `i64::MAX`.
    UInt(u64),
    Float(f64),
    Str(Cow<'de, str>),
    Bytes(&'de [u8]),
    Extension(i8, &'de [u8]),
    Array(Items),
    Map(Items),
}

/// The elements of an array or the entries of a map that are still to be read.
#[derive(Clone, Copy, Debug)]
pub(in crate::channel) struct Items {
    /// How many are left, where the format tells.
    pub(in crate::channel) left: Option<usize>,
    /// What ends them, where the format does not tell how many there are.
    pub(in crate::channel) close: u8,
    pub(in crate::channel) is_first: bool,
}

/// Makes sure that `source` holds one value and nothing else.
pub(in crate::channel) fn check<'de>(mut source: impl ByteSource<'de>) -> Result<(), ContentError> {
    source.skip(0)?;
    source.end()
}

impl Items {
    pub(in crate::channel) fn closed_by(close: u8) -> Self {
        Self { left: None, close, is_first: true }
    }

    pub(in crate::channel) fn counted(left: usize) -> Self {
        Self { left: Some(left), close: 0, is_first: true }
    }

    /// For formats that count: whether there is one more, which then is taken off.
    pub(in crate::channel) fn count_down(&mut self) -> bool {
        match self.left.as_mut() {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

/// Where the parts of a value are read from.
pub(in crate::channel) trait Source<'de> {
    /// Reads a scalar, or the head of an array or a map, whose items then follow.
    fn event(&mut self) -> Result<Event<'de>, ContentError>;

    /// Reads a null if that is what comes next.
    fn null(&mut self) -> Result<bool, ContentError>;

    /// Goes on to the next item, or past the end of the array or the map.
    fn more(&mut self, items: &mut Items) -> Result<bool, ContentError>;

    /// Goes from a key to its value.
    fn value(&mut self) -> Result<(), ContentError>;

    /// Passes over a value; `depth` is the number of arrays and maps around it.
    fn skip(&mut self, depth: usize) -> Result<(), ContentError>;
}

/// A source of bytes, which knows where it is.
pub(in crate::channel) trait ByteSource<'de>: Source<'de> {
    /// The number of bytes that were read.
    fn position(&self) -> usize;

    /// Makes sure that nothing follows.
    fn end(&mut self) -> Result<(), ContentError>;

    /// An error at this place.
    fn error(&self, what: impl std::fmt::Display) -> ContentError;
}

/// Reads a `T`. What follows it in the source is left there.
pub(in crate::channel) fn decode<'de, T: Deserialize<'de>>(
    source: &mut impl Source<'de>,
) -> Result<T, ContentError> {
    T::deserialize(&mut Decoder { source, depth: 0, wraps: 0 })
}

/// One more level of arrays and maps, if that is not too deep.
pub(in crate::channel) fn descend(depth: usize) -> Result<usize, ContentError> {
    if depth == MAX_DEPTH {
        return Err(ContentError::new(format!("nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(depth + 1)
}

struct Decoder<'s, S> {
    source: &'s mut S,
    /// The arrays and maps around.
    depth: usize,
    /// The options and newtypes around.
    wraps: usize,
}

impl<'de, S: Source<'de>> Decoder<'_, S> {
    fn any<V: Visitor<'de>>(&mut self, visitor: V, wants_items: bool) -> Result<V::Value, ContentError> {
        match self.source.event()? {
            Event::Null => visitor.visit_unit(),
            Event::Bool(value) => visitor.visit_bool(value),
            Event::Int(value) => visitor.visit_i64(value),
            Event::UInt(value) => visitor.visit_u64(value),
            Event::Float(value) => visitor.visit_f64(value),
            Event::Str(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Event::Str(Cow::Owned(text)) => visitor.visit_string(text),
            // An array of small numbers may be sent as bytes, and is read from them.
            Event::Bytes(bytes) if wants_items => {
                visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied()))
            }
            Event::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Event::Extension(kind, data) => {
                let bytes = [&[kind as u8], data].concat();
                visitor.visit_newtype_struct(BytesDeserializer::new(&bytes))
            }
            Event::Array(items) => self.items(items, |items| visitor.visit_seq(items)),
            Event::Map(items) => self.items(items, |items| visitor.visit_map(items)),
        }
    }

    /// One more option or newtype around, if those are not too many. It is taken off when that has been read; after an error nothing is.
    fn wrap(&mut self) -> Result<(), ContentError> {
        if self.wraps == MAX_WRAPS {
            return Err(ContentError::new(format!(
                "nested deeper than {MAX_WRAPS} levels of options and newtypes"
            )));
        }
        self.wraps += 1;
        Ok(())
    }

    /// Reads an array or a map, all of it.
    fn items<R>(
        &mut self,
        items: Items,
        read: impl FnOnce(&mut Reading<'_, S>) -> Result<R, ContentError>,
    ) -> Result<R, ContentError> {
        let depth = descend(self.depth)?;
        let mut reading =
            Reading { decoder: Decoder { source: &mut *self.source, depth, wraps: self.wraps }, items };
        let value = read(&mut reading)?;
        if reading.more()? {
            return Err(ContentError::new("an array or a map has more items than expected"));
        }
        Ok(value)
    }
}

macro_rules! forward {
    ($self:ident, $visitor:ident, $wants_items:expr => $($method:ident($($arg:ident: $Arg:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>($self, $($arg: $Arg,)* $visitor: V) -> Result<V::Value, ContentError> {
            $self.any($visitor, $wants_items)
        }
    )*};
}

impl<'de, S: Source<'de>> Deserializer<'de> for &mut Decoder<'_, S> {
    type Error = ContentError;

    forward!(self, visitor, false => deserialize_any());
    forward!(self, visitor, true =>
        deserialize_seq()
        deserialize_tuple(_len: usize)
        deserialize_tuple_struct(_name: &'static str, _len: usize));
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        map struct identifier
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ContentError> {
        if self.source.null()? {
            return visitor.visit_none();
        }
        self.wrap()?;
        let value = visitor.visit_some(&mut *self)?;
        self.wraps -= 1;
        Ok(value)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ContentError> {
        self.wrap()?;
        let value = visitor.visit_newtype_struct(&mut *self)?;
        self.wraps -= 1;
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ContentError> {
        match self.source.event()? {
            Event::Str(text) => visitor.visit_enum(text.into_deserializer()),
            Event::Map(items) => self.items(items, |items| {
                if !items.more()? {
                    return Err(ContentError::new("a map with one entry, the variant, was expected"));
                }
                visitor.visit_enum(items)
            }),
            other => Err(ContentError::invalid_type(other.unexpected(), &"a variant, or a map from it")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ContentError> {
        self.source.skip(self.depth)?;
        visitor.visit_unit()
    }
}

impl Event<'_> {
    fn unexpected(&self) -> Unexpected<'_> {
        match self {
            Self::Null => Unexpected::Unit,
            Self::Bool(value) => Unexpected::Bool(*value),
            Self::Int(value) => Unexpected::Signed(*value),
            Self::UInt(value) => Unexpected::Unsigned(*value),
            Self::Float(value) => Unexpected::Float(*value),
            Self::Str(text) => Unexpected::Str(text),
            Self::Bytes(bytes) => Unexpected::Bytes(bytes),
            Self::Extension(..) => Unexpected::Other("an extension"),
            Self::Array(_) => Unexpected::Seq,
            Self::Map(_) => Unexpected::Map,
        }
    }
}

/// The items of an array or a map, being read.
struct Reading<'s, S> {
    decoder: Decoder<'s, S>,
    items: Items,
}

impl<'de, S: Source<'de>> Reading<'_, S> {
    fn more(&mut self) -> Result<bool, ContentError> {
        self.decoder.source.more(&mut self.items)
    }
}

impl<'de, S: Source<'de>> SeqAccess<'de> for &mut Reading<'_, S> {
    type Error = ContentError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ContentError> {
        if !self.more()? {
            return Ok(None);
        }
        seed.deserialize(&mut self.decoder).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.items.left
    }
}

impl<'de, S: Source<'de>> MapAccess<'de> for &mut Reading<'_, S> {
    type Error = ContentError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ContentError> {
        if !self.more()? {
            return Ok(None);
        }
        seed.deserialize(Key(&mut self.decoder)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ContentError> {
        self.decoder.source.value()?;
        seed.deserialize(&mut self.decoder)
    }

    fn size_hint(&self) -> Option<usize> {
        self.items.left
    }
}

/// The one entry of a map is a variant and its fields.
impl<'de, S: Source<'de>> EnumAccess<'de> for &mut Reading<'_, S> {
    type Error = ContentError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ContentError> {
        let variant = seed.deserialize(&mut self.decoder)?;
        self.decoder.source.value()?;
        Ok((variant, self))
    }
}

impl<'de, S: Source<'de>> VariantAccess<'de> for &mut Reading<'_, S> {
    type Error = ContentError;

    fn unit_variant(self) -> Result<(), ContentError> {
        <()>::deserialize(&mut self.decoder)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ContentError> {
        seed.deserialize(&mut self.decoder)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ContentError> {
        self.decoder.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ContentError> {
        self.decoder.deserialize_struct("", fields, visitor)
    }
}

/// A key of a map. JSON has text only, so where a number or a bool is asked for, it is read from text.
struct Key<'d, 's, S>(&'d mut Decoder<'s, S>);

macro_rules! from_text {
    ($($method:ident, $visit:ident, $T:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ContentError> {
            match self.0.source.event()? {
                Event::Str(text) => match text.parse::<$T>() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => Err(ContentError::invalid_type(Unexpected::Str(&text), &visitor)),
                },
                other => other.visit_key(visitor),
            }
        }
    )*};
}

impl<'de> Event<'de> {
    fn visit_key<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ContentError> {
        match self {
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Int(value) => visitor.visit_i64(value),
            Self::UInt(value) => visitor.visit_u64(value),
            Self::Float(value) => visitor.visit_f64(value),
            other => Err(ContentError::invalid_type(other.unexpected(), &visitor)),
        }
    }
}

impl<'de, S: Source<'de>> Deserializer<'de> for Key<'_, '_, S> {
    type Error = ContentError;

    from_text! {
        deserialize_bool, visit_bool, bool;
        deserialize_i8, visit_i64, i64;
        deserialize_i16, visit_i64, i64;
        deserialize_i32, visit_i64, i64;
        deserialize_i64, visit_i64, i64;
        deserialize_i128, visit_i128, i128;
        deserialize_u8, visit_u64, u64;
        deserialize_u16, visit_u64, u64;
        deserialize_u32, visit_u64, u64;
        deserialize_u64, visit_u64, u64;
        deserialize_u128, visit_u128, u128;
        deserialize_f32, visit_f64, f64;
        deserialize_f64, visit_f64, f64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ContentError> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ContentError> {
        if self.0.source.null()? {
            return visitor.visit_none();
        }
        self.0.wrap()?;
        let value = visitor.visit_some(Key(&mut *self.0))?;
        self.0.wraps -= 1;
        Ok(value)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ContentError> {
        self.0.wrap()?;
        let value = visitor.visit_newtype_struct(Key(&mut *self.0))?;
        self.0.wraps -= 1;
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ContentError> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ContentError> {
        self.0.deserialize_seq(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ContentError> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ContentError> {
        self.0.deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ContentError> {
        self.0.deserialize_ignored_any(visitor)
    }

    forward_to_deserialize_any! { char str string bytes byte_buf unit unit_struct map struct identifier }
}
