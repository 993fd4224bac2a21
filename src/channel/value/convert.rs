//! Values from Rust's own types.

use super::{Bytes, Value};

macro_rules! from {
    ($($T:ty, $value:ident => $made:expr;)*) => {$(
        impl From<$T> for Value {
            fn from($value: $T) -> Self {
                $made
            }
        }
    )*};
}

from! {
    (), _value => Self::Null;
    bool, value => Self::Bool(value);
    i8, value => Self::Int(value.into());
    i16, value => Self::Int(value.into());
    i32, value => Self::Int(value.into());
    i64, value => Self::Int(value);
    u8, value => Self::Int(value.into());
    u16, value => Self::Int(value.into());
    u32, value => Self::Int(value.into());
    u64, value => i64::try_from(value).map_or(Self::UInt(value), Self::Int);
    f32, value => Self::Float(value.into());
    f64, value => Self::Float(value);
    char, value => Self::String(value.into());
    &str, value => Self::String(value.to_owned());
    String, value => Self::String(value);
    Bytes, value => Self::Bytes(value.0);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(elements: Vec<T>) -> Self {
        elements.into_iter().collect()
    }
}

impl<K: Into<Value>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Value {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self::Array(elements.into_iter().map(Into::into).collect())
    }
}

impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for Value {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}
