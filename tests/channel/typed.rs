//! Types of a user's own mean the same by either codec and by way of a value, as `serde_json` has it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;

use foreground::channel::{Bytes, Codec, Json, MessagePack, Value};
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

use crate::codec::encoded;

/// Sends a content by each codec. By `serde_json` it must be the same.
#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(content: T) {
    let value = Value::from_content(&content).unwrap();
    assert_eq!(value.to_content::<T>().unwrap(), content);
    let by_json = Json.decode(&encoded(&Json, &value)).unwrap();
    assert_eq!(by_json.to_content::<T>().unwrap(), content, "{by_json}");
    let by_message_pack = MessagePack.decode(&encoded(&MessagePack, &value)).unwrap();
    assert_eq!(by_message_pack, value);
    assert_eq!(serde_json::to_value(&content).unwrap(), serde_json::to_value(&by_json).unwrap());
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
struct Id(u32);

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Unit;

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
enum Level {
    Low,
    High,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(i32, i32),
    Rectangle { width: u8, height: u8 },
    Group(Vec<Shape>),
    Nothing(()),
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type")]
enum Tagged {
    A { x: i32 },
    B { text: String, shapes: Vec<Shape> },
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    Many(Vec<Untagged>),
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    more: BTreeMap<String, i32>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Everything {
    flag: bool,
    small: i8,
    large: u64,
    float: f32,
    letter: char,
    text: String,
    some: Option<Id>,
    none: Option<Id>,
    unit: Unit,
    pair: (u8, String),
    array: [i16; 3],
    by_number: BTreeMap<i32, Level>,
    by_id: BTreeMap<Id, u8>,
    by_level: BTreeMap<Level, u8>,
    by_bool: BTreeMap<bool, u8>,
    by_letter: BTreeMap<char, u8>,
    shapes: Vec<Shape>,
    address: IpAddr,
    wide: i128,
    any: Value,
    rename: HashMap<String, Vec<Option<u8>>>,
}

#[test]
fn a_struct_of_everything() {
    comes_back(Everything {
        flag: true,
        small: -7,
        large: u64::MAX,
        float: 0.1,
        letter: 'ß',
        text: "text\n".into(),
        some: Some(Id(4)),
        none: None,
        unit: Unit,
        pair: (1, "one".into()),
        array: [1, -300, 3],
        by_number: [(-1, Level::Low), (2, Level::High)].into(),
        by_id: [(Id(9), 1)].into(),
        by_level: [(Level::High, 1)].into(),
        by_bool: [(true, 1), (false, 0)].into(),
        by_letter: [('x', 1)].into(),
        shapes: vec![
            Shape::Point,
            Shape::Circle(1.5),
            Shape::Line(-1, 1),
            Shape::Rectangle { width: 1, height: 2 },
            Shape::Group(vec![Shape::Point, Shape::Group(vec![])]),
            Shape::Nothing(()),
        ],
        address: "127.0.0.1".parse().unwrap(),
        wide: -5,
        any: Value::from([("a", Value::from(vec![1, 2])), ("b", Value::Null)]),
        rename: [("k".to_owned(), vec![None, Some(3)])].into(),
    });
}

#[test]
fn enums_of_every_form() {
    comes_back(vec![
        Tagged::A { x: 1 },
        Tagged::B { text: "t".into(), shapes: vec![Shape::Line(1, 2), Shape::Point] },
    ]);
    comes_back(vec![
        Untagged::Number(1),
        Untagged::Text("t".into()),
        Untagged::Many(vec![Untagged::Number(-1)]),
    ]);
    comes_back(Flat { name: "n".into(), more: [("a".to_owned(), 1), ("b".to_owned(), -2)].into() });
    comes_back(vec![Ok::<u8, String>(1), Err("no".into())]);
}

#[test]
fn what_stands_for_nothing_is_null() {
    assert_eq!(Value::from_content(&Unit).unwrap(), Value::Null);
    assert_eq!(Value::from_content(&()).unwrap(), Value::Null);
    assert_eq!(Value::from_content(&None::<u8>).unwrap(), Value::Null);
}

proptest! {
    #[test]
    fn random_structs(
        shapes in prop::collection::vec(
            prop_oneof![
                Just(Shape::Point).boxed(),
                any::<f64>().prop_map(Shape::Circle).boxed(),
                (any::<i32>(), any::<i32>()).prop_map(|(a, b)| Shape::Line(a, b)).boxed(),
                (any::<u8>(), any::<u8>()).prop_map(|(width, height)| Shape::Rectangle { width, height }).boxed(),
            ],
            0..20,
        ),
        numbers in prop::collection::btree_map(any::<i64>(), (any::<Option<f32>>(), ".{0,5}"), 0..20),
        words in prop::collection::btree_map(".{0,5}", prop::collection::vec(any::<u64>(), 0..5), 0..20),
    ) {
        comes_back((shapes, numbers, words));
    }
}

#[test]
fn bytes_are_read_from_whatever_holds_them() {
    let (bytes, numbers) = (Value::Bytes(vec![1, 255]), Value::from(vec![1, 255]));
    assert_eq!(bytes.to_content::<Bytes>().unwrap(), Bytes(vec![1, 255]));
    assert_eq!(numbers.to_content::<Bytes>().unwrap(), Bytes(vec![1, 255]));
    assert_eq!(bytes.to_content::<Vec<u8>>().unwrap(), [1, 255]);
    assert_eq!(numbers.to_content::<Vec<u8>>().unwrap(), [1, 255]);
    assert_eq!(bytes.to_content::<(u8, u8)>().unwrap(), (1, 255));
    comes_back((Bytes(vec![0; 300]), Bytes(vec![])));
    assert_eq!(
        Value::from("text").to_content::<Bytes>().unwrap_err().to_string(),
        "invalid type: string \"text\", expected bytes"
    );
    assert_eq!(
        Value::from(vec![256]).to_content::<Bytes>().unwrap_err().to_string(),
        "invalid value: integer `256`, expected u8"
    );
}

#[test]
fn an_extension_may_stand_anywhere() {
    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
        Other(Value),
    }

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Around {
        option: Option<Value>,
        list: Vec<Value>,
        either: Either,
    }

    let extension = Value::Extension(-128, vec![1, 2, 3]);
    let around = Around {
        option: Some(extension.clone()),
        list: vec![extension.clone(), Value::Extension(127, vec![])],
        either: Either::Other(extension),
    };
    let value = Value::from_content(&around).unwrap();
    let value = MessagePack.decode(&encoded(&MessagePack, &value)).unwrap();
    assert_eq!(value.to_content::<Around>().unwrap(), around);
    assert!(Value::Extension(1, vec![]).to_content::<Vec<u8>>().is_err());
    assert!(Value::Extension(1, vec![]).to_content::<String>().is_err());
    assert!(Value::Extension(1, vec![]).to_content::<Shape>().is_err());
}

#[test]
fn errors_tell_what_was_expected() {
    #[track_caller]
    fn refused<T: DeserializeOwned>(value: impl Into<Value>) -> String {
        value.into().to_content::<T>().err().expect("it is not of that type").to_string()
    }

    assert_eq!(refused::<u32>(-1), "invalid value: integer `-1`, expected u32");
    assert_eq!(refused::<u32>(1.0), "invalid type: floating point `1.0`, expected u32");
    assert_eq!(refused::<bool>(0), "invalid type: integer `0`, expected a boolean");
    assert_eq!(refused::<String>(vec![1]), "invalid type: sequence, expected a string");
    assert_eq!(refused::<(u8, u8)>(vec![1]), "invalid length 1, expected a tuple of size 2");
    assert_eq!(refused::<(u8, u8)>(vec![1, 2, 3]), "an array or a map has more items than expected");
    assert_eq!(refused::<Level>("Middle"), "unknown variant `Middle`, expected `Low` or `High`");
    assert_eq!(refused::<Level>(3), "invalid type: integer `3`, expected a variant, or a map from it");
    assert_eq!(refused::<Shape>(Value::Map(vec![])), "a map with one entry, the variant, was expected");
    assert_eq!(
        refused::<Shape>([("Circle", 1), ("Point", 2)]),
        "an array or a map has more items than expected"
    );
    assert_eq!(refused::<Shape>("Circle"), "invalid type: unit variant, expected newtype variant");
    assert_eq!(refused::<BTreeMap<u8, u8>>([("x", 1)]), "invalid type: string \"x\", expected u8");
    assert_eq!(refused::<BTreeMap<u8, u8>>([(Value::Null, 1)]), "invalid type: unit value, expected u8");
    for (wide, text) in [(i128::MIN, "-"), (i128::MAX, "1")] {
        let error = Value::from_content(&wide).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the integer {text}")) && error.ends_with("64 bits"), "{error}");
    }
    assert!(Value::from_content(&u128::MAX).is_err());
}

#[test]
fn what_is_ignored_is_passed_over() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Some {
        a: u8,
        z: u8,
    }

    let value = Value::from([
        ("b", Value::from(vec![vec![1, 2], vec![]])),
        ("a", 1.into()),
        ("c", Value::from([("x", Value::from([("y", 1)]))])),
        ("z", 2.into()),
        ("d", Value::Extension(1, vec![])),
    ]);
    assert_eq!(value.to_content::<Some>().unwrap(), Some { a: 1, z: 2 });
    value.to_content::<IgnoredAny>().unwrap();
    let keys_only: BTreeMap<String, IgnoredAny> = value.to_content().unwrap();
    assert_eq!(keys_only.len(), 5);
}

/// Tells a length that is not the true one, or none.
struct Lies(Option<usize>, usize);

impl Serialize for Lies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(self.0)?;
        for number in 0..self.1 {
            sequence.serialize_element(&[number])?;
        }
        sequence.end()
    }
}

struct MapOfLies(Option<usize>, usize);

impl Serialize for MapOfLies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(self.0)?;
        for number in 0..self.1 {
            map.serialize_entry(&number, &Lies(None, 2))?;
        }
        map.end()
    }
}

/// Swallows the error of a part that fails in the middle.
struct Swallows;

impl Serialize for Swallows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Fails;

        impl Serialize for Fails {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_seq(None)?.serialize_element(&1)?;
                Err(S::Error::custom("in the middle"))
            }
        }

        let mut sequence = serializer.serialize_seq(None)?;
        let _ = sequence.serialize_element(&Fails);
        sequence.end()
    }
}

/// A key without a value.
struct Half;

impl Serialize for Half {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_key("key")?;
        map.end()
    }
}

#[test]
fn lengths_are_counted_and_not_believed() {
    for true_len in [0, 1, 15, 16, 17, 70_000] {
        for told in [None, Some(0), Some(15), Some(16), Some(true_len), Some(70_000)] {
            let value = Value::from_content(&Lies(told, true_len)).unwrap();
            assert_eq!(value.as_array().unwrap().len(), true_len);
            let map = Value::from_content(&MapOfLies(told, true_len)).unwrap();
            assert_eq!(map.as_map().unwrap().len(), true_len);
        }
    }
}

#[test]
fn half_a_content_is_not_sent() {
    let error = Value::from_content(&Swallows).unwrap_err();
    assert_eq!(error.to_string(), "a part of the content failed to be encoded");
    assert_eq!(Value::from_content(&Half).unwrap_err().to_string(), "a key of a map has no value");
}
