//! Limits for what postcard reads: how deep it is nested, and how many elements come of how many bytes.
//!
//! postcard has neither. A few thousand bytes could then nest a type that contains itself until the stack overflows, which no program survives;
//! and a length of ten bytes could stand for 2^60 elements that take no bytes each, such as those of a `Vec<()>`.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// How deep values may be nested in each other: structs, sequences, options and so on each count as one.
pub(super) const MAX_DEPTH: usize = 256;

/// So many elements may take no bytes.
pub(super) const MAX_EMPTY: usize = 1 << 16;

/// What is left of the limits while a message is read.
pub(super) struct Guard {
    depth: Cell<usize>,
    elements: Cell<usize>,
    /// Which was exceeded: postcard's own error has no room for it.
    exceeded: Cell<Option<&'static str>>,
}

impl Guard {
    /// For a message of so many bytes. Every element of a sequence or a map takes a byte of its own, or none at all.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            depth: Cell::new(MAX_DEPTH),
            elements: Cell::new(bytes.saturating_add(MAX_EMPTY)),
            exceeded: Cell::new(None),
        }
    }

    /// Returns what was too much, if a limit was exceeded.
    pub(super) fn exceeded(&self) -> Option<&'static str> {
        self.exceeded.get()
    }

    /// Watches over what a deserializer reads.
    pub(super) fn watch<D>(&self, inner: D) -> Watched<'_, D> {
        Watched { guard: self, inner, is_counted: false }
    }

    /// Takes one of what is left.
    #[inline]
    fn take<E: Error>(&self, left: &Cell<usize>, what: &'static str) -> Result<(), E> {
        let rest = left.get().checked_sub(1);
        left.set(rest.ok_or_else(|| self.exceed(what))?);
        Ok(())
    }

    #[cold]
    fn exceed<E: Error>(&self, what: &'static str) -> E {
        self.exceeded.set(Some(what));
        E::custom(what)
    }

    /// Reads what is one level deeper.
    #[inline]
    fn deeper<R, E: Error>(&self, read: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
        self.take(&self.depth, "it is nested deeper than 256 levels")?;
        let result = read();
        self.depth.set(self.depth.get() + 1);
        result
    }

    /// Counts an element of a sequence or a map, if there is one.
    #[inline]
    fn count<T, E: Error>(&self, element: Option<T>) -> Result<Option<T>, E> {
        if element.is_some() {
            self.take(&self.elements, "it has more elements than its bytes can hold")?;
        }
        Ok(element)
    }
}

/// What is read under watch: a deserializer, or what serde hands on within one.
pub(super) struct Watched<'g, I> {
    guard: &'g Guard,
    inner: I,
    /// The number of its elements was told by the sender, and is not that of a type.
    is_counted: bool,
}

impl<'g, I> Watched<'g, I> {
    fn hand_on<J>(&self, inner: J) -> Watched<'g, J> {
        Watched { guard: self.guard, inner, is_counted: self.is_counted }
    }
}

/// What holds no other value is read as it is.
macro_rules! forward {
    ($($method:ident)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Watched<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit
        deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.hand_on(visitor);
        self.guard.deeper(|| self.inner.deserialize_option(visitor))
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.hand_on(visitor);
        self.guard.deeper(|| self.inner.deserialize_newtype_struct(name, visitor))
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = Watched { guard: self.guard, inner: visitor, is_counted: true };
        self.guard.deeper(|| self.inner.deserialize_seq(visitor))
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = Watched { guard: self.guard, inner: visitor, is_counted: true };
        self.guard.deeper(|| self.inner.deserialize_map(visitor))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.hand_on(visitor);
        self.guard.deeper(|| self.inner.deserialize_tuple(len, visitor))
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.hand_on(visitor);
        self.guard.deeper(|| self.inner.deserialize_tuple_struct(name, len, visitor))
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.hand_on(visitor);
        self.guard.deeper(|| self.inner.deserialize_struct(name, fields, visitor))
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.hand_on(visitor);
        self.guard.deeper(|| self.inner.deserialize_enum(name, variants, visitor))
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// A scalar for the type's own visitor.
macro_rules! visit {
    ($($method:ident($value:ty))*) => {
        $(#[inline]
        fn $method<E: Error>(self, value: $value) -> Result<V::Value, E> {
            self.inner.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watched<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128) visit_f32(f32) visit_f64(f64)
        visit_char(char) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(self.guard.watch(deserializer))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(self.guard.watch(deserializer))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.hand_on(access);
        self.inner.visit_seq(access)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.hand_on(access);
        self.inner.visit_map(access)
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.hand_on(access);
        self.inner.visit_enum(access)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Watched<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(self.guard.watch(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Watched<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.hand_on(seed);
        let element = self.inner.next_element_seed(seed)?;
        if self.is_counted { self.guard.count(element) } else { Ok(element) }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|hint| hint.min(self.guard.elements.get()))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Watched<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let seed = self.hand_on(seed);
        let key = self.inner.next_key_seed(seed)?;
        if self.is_counted { self.guard.count(key) } else { Ok(key) }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.hand_on(seed);
        self.inner.next_value_seed(seed)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|hint| hint.min(self.guard.elements.get()))
    }
}

impl<'de, 'g, A: EnumAccess<'de>> EnumAccess<'de> for Watched<'g, A> {
    type Error = A::Error;
    type Variant = Watched<'g, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let guard = self.guard;
        let (value, variant) = self.inner.variant_seed(guard.watch(seed))?;
        Ok((value, guard.watch(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Watched<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.hand_on(seed);
        self.inner.newtype_variant_seed(seed)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.hand_on(visitor);
        self.inner.tuple_variant(len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.hand_on(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}
