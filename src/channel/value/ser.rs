//! Values to serde, and serde to values.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Value;
use crate::channel::codec::{EXTENSION, Sink};
use crate::channel::{Bytes, ContentError};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::UInt(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::String(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_bytes(value),
            Self::Array(elements) => serializer.collect_seq(elements),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            Self::Extension(kind, data) => {
                let bytes = Bytes([&[*kind as u8], &data[..]].concat());
                serializer.serialize_newtype_struct(EXTENSION, &bytes)
            }
        }
    }
}

type Written = Result<(), ContentError>;

/// Collects values: those of the innermost array or map that is open are the last ones.
#[derive(Debug, Default)]
pub(super) struct ValueSink {
    values: Vec<Value>,
}

impl ValueSink {
    pub(super) fn into_value(mut self) -> Result<Value, ContentError> {
        self.values.pop().ok_or_else(|| ContentError::new("the content is empty"))
    }

    fn push(&mut self, value: impl Into<Value>) -> Written {
        self.values.push(value.into());
        Ok(())
    }
}

impl Sink for ValueSink {
    /// Where the items begin.
    type Open = usize;

    fn null(&mut self) -> Written {
        self.push(Value::Null)
    }

    fn bool(&mut self, value: bool) -> Written {
        self.push(value)
    }

    fn int(&mut self, value: i64) -> Written {
        self.push(value)
    }

    fn uint(&mut self, value: u64) -> Written {
        self.push(value)
    }

    fn f32(&mut self, value: f32) -> Written {
        self.push(value)
    }

    fn f64(&mut self, value: f64) -> Written {
        self.push(value)
    }

    fn str(&mut self, value: &str) -> Written {
        self.push(value)
    }

    fn bytes(&mut self, value: &[u8]) -> Written {
        self.push(Value::Bytes(value.to_vec()))
    }

    fn extension(&mut self, kind: i8, data: &[u8]) -> Written {
        self.push(Value::Extension(kind, data.to_vec()))
    }

    fn open_array(&mut self, _len: Option<usize>) -> Result<usize, ContentError> {
        Ok(self.values.len())
    }

    fn close_array(&mut self, open: usize, _len: usize) -> Written {
        let elements = self.values.split_off(open);
        self.push(Value::Array(elements))
    }

    fn open_map(&mut self, _len: Option<usize>) -> Result<usize, ContentError> {
        Ok(self.values.len())
    }

    fn close_map(&mut self, open: usize, len: usize) -> Written {
        let mut entries = Vec::with_capacity(len);
        let mut parts = self.values.drain(open..);
        while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            entries.push((key, value));
        }
        drop(parts);
        self.push(Value::Map(entries))
    }
}
