//! A content of any shape.

mod bytes;
mod convert;
mod de;
mod display;
mod ser;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::bytes::Bytes;
use self::de::ValueSource;
use self::ser::ValueSink;
use super::ContentError;
use super::codec::{decode, encode};

/// A content of any shape, for when its type is not known beforehand.
///
/// It is what JSON and MessagePack can say between them. Where the type is known, ask for that type at once: it is
/// read without the detour.
///
/// Two maps are equal if they have the same entries in the same order. Formatted, a value is text in the manner of
/// JSON.
///
/// A value that was received is nested at most 128 levels deep, and one that is nested deeper cannot be sent. One
/// that a program nests ever deeper by itself is dropped, cloned and compared recursively, as other trees are.
///
/// # Examples
///
/// ```
/// use foreground::channel::Value;
///
/// let value = Value::from([("name", Value::from("probe")), ("limits", Value::from(vec![0.5, 8.0]))]);
/// assert_eq!(value.get("name").and_then(Value::as_str), Some("probe"));
/// assert_eq!(value.get("limits").and_then(|limits| limits.get_index(1)), Some(&Value::Float(8.0)));
/// assert_eq!(value.to_string(), r#"{"name": "probe", "limits": [0.5, 8.0]}"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing: Python's `None`, Rust's `None` and `()`.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above [`i64::MAX`]. What is received holds smaller ones as [`Int`](Self::Int), and so do the
    /// conversions from Rust's integers.
    UInt(u64),
    /// A float; NaN and the infinities too.
    Float(f64),
    /// Text.
    String(String),
    /// Bytes. JSON has none: it writes an array of numbers, and reads an [`Array`](Self::Array).
    Bytes(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Keys with their values, in the order in which they came. The keys may be anything in MessagePack, and are text
    /// in JSON.
    Map(Vec<(Value, Value)>),
    /// An extension of MessagePack: its type, and its data. JSON has none.
    Extension(i8, Vec<u8>),
}

impl Value {
    /// Turns a content into a value, as if it were sent and received, but for what only a codec changes: numbers as
    /// keys stay numbers.
    ///
    /// Structs become maps, and enums what `serde_json` makes of them: a variant without fields is its name, and
    /// others are maps of one entry from that name to the fields.
    ///
    /// # Errors
    ///
    /// The type's own `Serialize` failed, it is nested deeper than 128 levels, or it has an integer that does not fit
    /// into 64 bits.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::channel::Value;
    ///
    /// #[derive(serde::Serialize)]
    /// enum Shape {
    ///     Point,
    ///     Circle { radius: u32 },
    /// }
    ///
    /// let value = Value::from_content(&[Shape::Point, Shape::Circle { radius: 3 }])?;
    /// assert_eq!(value.to_string(), r#"["Point", {"Circle": {"radius": 3}}]"#);
    /// # Ok::<(), foreground::channel::ContentError>(())
    /// ```
    pub fn from_content<T: Serialize + ?Sized>(content: &T) -> Result<Self, ContentError> {
        let mut sink = ValueSink::default();
        encode(content, &mut sink)?;
        sink.into_value()
    }

    /// Turns the value into a type of your own, as if it were received.
    ///
    /// # Errors
    ///
    /// The value is not of that type. The error says what was expected.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::channel::Value;
    ///
    /// #[derive(serde::Deserialize, PartialEq, Debug)]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// let value = Value::from([("x", 1), ("y", -2)]);
    /// assert_eq!(value.to_content::<Point>()?, Point { x: 1, y: -2 });
    ///
    /// let error = Value::from([("x", 1)]).to_content::<Point>().unwrap_err();
    /// assert_eq!(error.to_string(), "missing field `y`");
    /// # Ok::<(), foreground::channel::ContentError>(())
    /// ```
    pub fn to_content<T: DeserializeOwned>(&self) -> Result<T, ContentError> {
        decode(&mut ValueSource::new(self))
    }

    /// Whether this is null.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Value;
    /// assert!(Value::from(None::<i32>).is_null());
    /// ```
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// The bool, if this is one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Value;
    /// assert_eq!(Value::from(true).as_bool(), Some(true));
    /// assert_eq!(Value::from(1).as_bool(), None);
    /// ```
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The integer, if this is one that fits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Value;
    /// assert_eq!(Value::from(-1).as_i64(), Some(-1));
    /// assert_eq!(Value::from(u64::MAX).as_i64(), None);
    /// assert_eq!(Value::from(1.0).as_i64(), None);
    /// ```
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Int(value) => Some(value),
            Self::UInt(value) => value.try_into().ok(),
            _ => None,
        }
    }

    /// The integer, if this is one that is not negative.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Value;
    /// assert_eq!(Value::from(u64::MAX).as_u64(), Some(u64::MAX));
    /// assert_eq!(Value::from(-1).as_u64(), None);
    /// ```
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::Int(value) => value.try_into().ok(),
            Self::UInt(value) => Some(value),
            _ => None,
        }
    }

    /// The number, if this is one; a large integer is rounded.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Value;
    /// assert_eq!(Value::from(0.5).as_f64(), Some(0.5));
    /// assert_eq!(Value::from(2).as_f64(), Some(2.0));
    /// assert_eq!(Value::from("2").as_f64(), None);
    /// ```
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Float(value) => Some(value),
            Self::Int(value) => Some(value as f64),
            Self::UInt(value) => Some(value as f64),
            _ => None,
        }
    }

    /// The text, if this is one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Value;
    /// assert_eq!(Value::from("text").as_str(), Some("text"));
    /// ```
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(value) => Some(value),
            _ => None,
        }
    }

    /// The bytes, if this is bytes. What came by JSON is an array; `to_content::<Bytes>()` takes both.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::channel::{Bytes, Value};
    ///
    /// assert_eq!(Value::Bytes(vec![1, 2]).as_bytes(), Some(&[1, 2][..]));
    /// assert_eq!(Value::from(vec![1, 2]).as_bytes(), None);
    /// assert_eq!(Value::from(vec![1, 2]).to_content::<Bytes>(), Ok(Bytes(vec![1, 2])));
    /// ```
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(value) => Some(value),
            _ => None,
        }
    }

    /// The elements, if this is an array.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Value;
    /// assert_eq!(Value::from(vec![1, 2]).as_array().map(<[Value]>::len), Some(2));
    /// ```
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(value) => Some(value),
            _ => None,
        }
    }

    /// The entries in their order, if this is a map.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Value;
    /// let value = Value::from([("b", 1), ("a", 2)]);
    /// let keys: Vec<_> = value.as_map().unwrap().iter().map(|(key, _)| key.as_str().unwrap()).collect();
    /// assert_eq!(keys, ["b", "a"]);
    /// ```
    pub fn as_map(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::Map(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a key, if this is a map that has it. Should it be there twice, the last one counts, as in Python.
    ///
    /// It looks at one entry after the other. For large maps ask for a `HashMap` by
    /// [`to_content`](Self::to_content).
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Value;
    /// let value = Value::Map(vec![("one".into(), 1.into()), (2.into(), "two".into())]);
    /// assert_eq!(value.get("one"), Some(&Value::Int(1)));
    /// assert_eq!(value.get(2), Some(&Value::from("two")));
    /// assert_eq!(value.get("two"), None);
    /// ```
    pub fn get(&self, key: impl Into<Value>) -> Option<&Value> {
        let key = key.into();
        self.as_map()?.iter().rev().find(|(other, _)| *other == key).map(|(_, value)| value)
    }

    /// The element at a place, if this is an array that is long enough.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::Value;
    /// assert_eq!(Value::from(vec!["a", "b"]).get_index(1), Some(&Value::from("b")));
    /// ```
    pub fn get_index(&self, index: usize) -> Option<&Value> {
        self.as_array()?.get(index)
    }

    /// The id and the data of an object that an extra serializer wrote: a map that has
    /// `"__type__": [id, data]`, and nothing else.
    ///
    /// For objects whose type is known there is [`Extra`](super::Extra).
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::channel::{Codec, Json};
    ///
    /// let value = Json.decode(br#"{"__type__": [0, {"x": 1}]}"#)?;
    /// let (id, data) = value.extra_type().unwrap();
    /// assert_eq!((id, data.to_string()), (0, r#"{"x": 1}"#.to_owned()));
    ///
    /// let value = Json.decode(br#"{"__type__": [0, 1], "other": 2}"#)?;
    /// assert_eq!(value.extra_type(), None);
    /// # Ok::<(), foreground::channel::CodecError>(())
    /// ```
    pub fn extra_type(&self) -> Option<(u64, &Value)> {
        match self.as_map()? {
            [(Self::String(key), Self::Array(parts))] if key == super::serializers::KEY => match &parts[..] {
                [id, data] => Some((id.as_u64()?, data)),
                _ => None,
            },
            _ => None,
        }
    }
}
