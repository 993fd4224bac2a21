//! The one serde serializer behind both codecs and [`Value`](crate::channel::Value), so that a type means the
//! same in all three.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{ContentError, EXTENSION, MAX_DEPTH};

type Written = Result<(), ContentError>;

/// Where the parts of a value are written to.
///
/// Before each element of an array comes `element`, before each key of a map `key`, and before its value `value`.
pub(in crate::channel) trait Sink {
    /// What must be known of an array or a map in order to close it.
    type Open;

    fn null(&mut self) -> Written;
    fn bool(&mut self, value: bool) -> Written;
    fn int(&mut self, value: i64) -> Written;
    fn uint(&mut self, value: u64) -> Written;
    fn f32(&mut self, value: f32) -> Written;
    fn f64(&mut self, value: f64) -> Written;
    fn str(&mut self, value: &str) -> Written;
    fn bytes(&mut self, value: &[u8]) -> Written;
    fn extension(&mut self, kind: i8, data: &[u8]) -> Written;

    /// `len` is what the type claims. It may be wrong; what counts is the number given at the close.
    fn open_array(&mut self, len: Option<usize>) -> Result<Self::Open, ContentError>;
    fn close_array(&mut self, open: Self::Open, len: usize) -> Written;
    fn open_map(&mut self, len: Option<usize>) -> Result<Self::Open, ContentError>;
    fn close_map(&mut self, open: Self::Open, len: usize) -> Written;

    fn element(&mut self, _index: usize) {}
    fn key(&mut self, _index: usize) {}
    fn value(&mut self) {}
}

/// Writes `content` to `sink`. After an error the sink may hold a part of it.
pub(in crate::channel) fn encode<T: Serialize + ?Sized>(content: &T, sink: &mut impl Sink) -> Written {
    let mut encoder = Encoder { sink, depth: 0, is_extension: false, has_failed: false };
    content.serialize(&mut encoder)?;
    if encoder.has_failed {
        return Err(ContentError::new("a part of the content failed to be encoded"));
    }
    Ok(())
}

pub(in crate::channel) struct Encoder<'s, S> {
    sink: &'s mut S,
    depth: usize,
    /// The bytes that come next are an extension: its type, then its data.
    is_extension: bool,
    /// A part failed. A type may swallow that error, but what was written then is not to be trusted.
    has_failed: bool,
}

impl<S: Sink> Encoder<'_, S> {
    fn descend(&mut self) -> Written {
        if self.depth == MAX_DEPTH {
            return Err(ContentError::new(format!("the content is nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        Ok(())
    }

    fn part<T: Serialize + ?Sized>(&mut self, part: &T) -> Written {
        let written = part.serialize(&mut *self);
        self.has_failed |= written.is_err();
        written
    }

    fn array(&mut self, len: Option<usize>) -> Result<S::Open, ContentError> {
        self.descend()?;
        self.sink.open_array(len)
    }

    fn map(&mut self, len: Option<usize>) -> Result<S::Open, ContentError> {
        self.descend()?;
        self.sink.open_map(len)
    }

    /// Begins `{"variant": `.
    fn variant(&mut self, variant: &str) -> Result<S::Open, ContentError> {
        let open = self.map(Some(1))?;
        self.sink.key(0);
        self.sink.str(variant)?;
        self.sink.value();
        Ok(open)
    }

    fn close_variant(&mut self, open: S::Open) -> Written {
        self.depth -= 1;
        self.sink.close_map(open, 1)
    }
}

/// An array or a map whose parts are being written.
pub(in crate::channel) struct Compound<'e, 's, S: Sink> {
    encoder: &'e mut Encoder<'s, S>,
    open: S::Open,
    /// The map with one entry around the fields of an enum's variant.
    variant: Option<S::Open>,
    len: usize,
    lacks_value: bool,
}

impl<'e, 's, S: Sink> Compound<'e, 's, S> {
    fn new(encoder: &'e mut Encoder<'s, S>, open: S::Open, variant: Option<S::Open>) -> Self {
        Self { encoder, open, variant, len: 0, lacks_value: false }
    }

    fn element<T: Serialize + ?Sized>(&mut self, element: &T) -> Written {
        self.encoder.sink.element(self.len);
        self.len += 1;
        self.encoder.part(element)
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        if self.lacks_value {
            self.encoder.has_failed = true;
            return Err(ContentError::new("a key of a map has no value"));
        }
        self.encoder.sink.key(self.len);
        self.len += 1;
        self.lacks_value = true;
        self.encoder.part(key)
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        if !self.lacks_value {
            self.encoder.has_failed = true;
            return Err(ContentError::new("a value of a map has no key"));
        }
        self.encoder.sink.value();
        self.lacks_value = false;
        self.encoder.part(value)
    }

    fn end_array(self) -> Written {
        self.encoder.sink.close_array(self.open, self.len)?;
        self.encoder.depth -= 1;
        self.variant.map_or(Ok(()), |open| self.encoder.close_variant(open))
    }

    fn end_map(self) -> Written {
        if self.lacks_value {
            return Err(ContentError::new("a key of a map has no value"));
        }
        self.encoder.sink.close_map(self.open, self.len)?;
        self.encoder.depth -= 1;
        self.variant.map_or(Ok(()), |open| self.encoder.close_variant(open))
    }
}

impl<'e, 's, S: Sink> Serializer for &'e mut Encoder<'s, S> {
    type Ok = ();
    type Error = ContentError;
    type SerializeSeq = Compound<'e, 's, S>;
    type SerializeTuple = Compound<'e, 's, S>;
    type SerializeTupleStruct = Compound<'e, 's, S>;
    type SerializeTupleVariant = Compound<'e, 's, S>;
    type SerializeMap = Compound<'e, 's, S>;
    type SerializeStruct = Compound<'e, 's, S>;
    type SerializeStructVariant = Compound<'e, 's, S>;

    fn serialize_bool(self, v: bool) -> Written {
        self.sink.bool(v)
    }

    fn serialize_i8(self, v: i8) -> Written {
        self.sink.int(v.into())
    }

    fn serialize_i16(self, v: i16) -> Written {
        self.sink.int(v.into())
    }

    fn serialize_i32(self, v: i32) -> Written {
        self.sink.int(v.into())
    }

    fn serialize_i64(self, v: i64) -> Written {
        self.sink.int(v)
    }

    fn serialize_i128(self, v: i128) -> Written {
        if let Ok(v) = i64::try_from(v) {
            self.sink.int(v)
        } else if let Ok(v) = u64::try_from(v) {
            self.sink.uint(v)
        } else {
            Err(ContentError::new(format!("the integer {v} does not fit into 64 bits")))
        }
    }

    fn serialize_u8(self, v: u8) -> Written {
        self.sink.uint(v.into())
    }

    fn serialize_u16(self, v: u16) -> Written {
        self.sink.uint(v.into())
    }

    fn serialize_u32(self, v: u32) -> Written {
        self.sink.uint(v.into())
    }

    fn serialize_u64(self, v: u64) -> Written {
        self.sink.uint(v)
    }

    fn serialize_u128(self, v: u128) -> Written {
        match u64::try_from(v) {
            Ok(v) => self.sink.uint(v),
            Err(_) => Err(ContentError::new(format!("the integer {v} does not fit into 64 bits"))),
        }
    }

    fn serialize_f32(self, v: f32) -> Written {
        self.sink.f32(v)
    }

    fn serialize_f64(self, v: f64) -> Written {
        self.sink.f64(v)
    }

    fn serialize_char(self, v: char) -> Written {
        self.sink.str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Written {
        self.sink.str(v)
    }

    fn serialize_bytes(self, v: &[u8]) -> Written {
        match v {
            [kind, data @ ..] if self.is_extension => {
                self.is_extension = false;
                self.sink.extension(*kind as i8, data)
            }
            _ => {
                // JSON writes an array, which the reader counts as a level; the limit is the same everywhere.
                self.descend()?;
                self.depth -= 1;
                self.sink.bytes(v)
            }
        }
    }

    fn serialize_none(self) -> Written {
        self.sink.null()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.sink.null()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Written {
        self.sink.null()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Written {
        self.sink.str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Written {
        self.is_extension = name == EXTENSION;
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        let open = self.variant(variant)?;
        self.part(value)?;
        self.close_variant(open)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, ContentError> {
        let open = self.array(len)?;
        Ok(Compound::new(self, open, None))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, ContentError> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleStruct, ContentError> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, ContentError> {
        let variant = self.variant(variant)?;
        let open = self.array(Some(len))?;
        Ok(Compound::new(self, open, Some(variant)))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, ContentError> {
        let open = self.map(len)?;
        Ok(Compound::new(self, open, None))
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, ContentError> {
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, ContentError> {
        let variant = self.variant(variant)?;
        let open = self.map(Some(len))?;
        Ok(Compound::new(self, open, Some(variant)))
    }
}

macro_rules! write_as_array {
    ($($Trait:ident :: $part:ident),*) => {$(
        impl<S: Sink> $Trait for Compound<'_, '_, S> {
            type Ok = ();
            type Error = ContentError;

            fn $part<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                self.element(value)
            }

            fn end(self) -> Written {
                self.end_array()
            }
        }
    )*};
}

write_as_array!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! write_as_map {
    ($($Trait:ident),*) => {$(
        impl<S: Sink> $Trait for Compound<'_, '_, S> {
            type Ok = ();
            type Error = ContentError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
                self.key(key)?;
                self.value(value)
            }

            fn end(self) -> Written {
                self.end_map()
            }
        }
    )*};
}

write_as_map!(SerializeStruct, SerializeStructVariant);

impl<S: Sink> SerializeMap for Compound<'_, '_, S> {
    type Ok = ();
    type Error = ContentError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.value(value)
    }

    fn end(self) -> Written {
        self.end_map()
    }
}
