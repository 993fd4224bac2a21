//! A value as text for people.

use std::fmt::{self, Write as _};

use super::Value;
use crate::channel::codec::{MAX_DEPTH, write_text};

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self, f, 0)
    }
}

fn write(value: &Value, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
    match value {
        Value::Null => f.write_str("null"),
        Value::Bool(value) => write!(f, "{value}"),
        Value::Int(value) => write!(f, "{value}"),
        Value::UInt(value) => write!(f, "{value}"),
        Value::Float(value) if value.is_infinite() => {
            f.write_str(if *value < 0.0 { "-Infinity" } else { "Infinity" })
        }
        Value::Float(value) => write!(f, "{value:?}"),
        Value::String(value) => {
            let mut text = Vec::with_capacity(value.len() + 2);
            write_text(value, &mut text);
            f.write_str(&String::from_utf8_lossy(&text))
        }
        Value::Bytes(value) => write!(f, "b\"{}\"", value.escape_ascii()),
        Value::Extension(kind, data) => write!(f, "extension({kind}, b\"{}\")", data.escape_ascii()),
        Value::Array(_) | Value::Map(_) if depth == MAX_DEPTH => f.write_str("..."),
        Value::Array(elements) => {
            f.write_char('[')?;
            for (index, element) in elements.iter().enumerate() {
                f.write_str(if index > 0 { ", " } else { "" })?;
                write(element, f, depth + 1)?;
            }
            f.write_char(']')
        }
        Value::Map(entries) => {
            f.write_char('{')?;
            for (index, (key, value)) in entries.iter().enumerate() {
                f.write_str(if index > 0 { ", " } else { "" })?;
                write(key, f, depth + 1)?;
                f.write_str(": ")?;
                write(value, f, depth + 1)?;
            }
            f.write_char('}')
        }
    }
}
