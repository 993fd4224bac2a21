//! Values through the codecs, and what the codecs refuse.

use foreground::channel::{Codec, CodecError, Json, MessagePack, Value};
use proptest::prelude::*;

pub fn encoded(codec: &dyn Codec, value: &Value) -> Vec<u8> {
    let mut out = b"before".to_vec();
    codec.encode(value, &mut out).unwrap();
    assert!(out.starts_with(b"before"));
    out.split_off(6)
}

fn refused(codec: &dyn Codec, bytes: &[u8]) -> String {
    codec.decode(bytes).unwrap_err().to_string()
}

fn json_leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        // Long enough for every head.
        prop::collection::vec(any::<u8>(), 15..18).prop_map(Value::from),
        (15..18).prop_map(|len| (0..len).map(|number| (number.to_string(), number)).collect()),
        prop_oneof![30..34_usize, 254..258_usize].prop_map(|len| "x".repeat(len).into()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    "[\\x00-\\x22\\\\a-zß😀]{0,20}"
}

/// Any value that JSON has.
pub fn any_json() -> impl Strategy<Value = Value> {
    json_leaf().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..5).prop_map(Value::from_iter),
        ]
    })
}

/// Any value at all.
pub fn any_value() -> impl Strategy<Value = Value> {
    let bytes = || prop_oneof![0..20_usize, 254..258_usize].prop_map(|len| vec![0xa5; len]);
    let leaf = prop_oneof![
        4 => json_leaf(),
        1 => bytes().prop_map(Value::Bytes),
        1 => (any::<i8>(), bytes()).prop_map(|(kind, data)| Value::Extension(kind, data)),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((inner.clone(), inner), 0..5).prop_map(Value::Map),
        ]
    })
}

proptest! {
    #[test]
    fn what_json_has_comes_back(value in any_json()) {
        prop_assert_eq!(Json.decode(&encoded(&Json, &value)).unwrap(), value);
    }

    #[test]
    fn every_value_comes_back_by_message_pack(value in any_value()) {
        prop_assert_eq!(MessagePack.decode(&encoded(&MessagePack, &value)).unwrap(), value);
    }

    #[test]
    fn serde_json_reads_what_we_write(value in any_json()) {
        let text = encoded(&Json, &value);
        let theirs: serde_json::Value = serde_json::from_slice(&text).unwrap();
        // By way of our own reader, which has no finer floats than theirs.
        prop_assert_eq!(serde_json::to_value(&value).unwrap(), serde_json::to_value(Json.decode(&text).unwrap()).unwrap());
        prop_assert_eq!(theirs.is_object(), value.as_map().is_some());
    }

    #[test]
    fn we_read_what_serde_json_writes(value in any_json()) {
        let compact = serde_json::to_vec(&value).unwrap();
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(Json.decode(&compact).unwrap(), Json.decode(&pretty).unwrap());
        prop_assert_eq!(Json.decode(&compact).unwrap(), value);
    }

    #[test]
    fn rmp_serde_reads_what_we_write(value in any_value()) {
        let bytes = encoded(&MessagePack, &value);
        rmp_serde::from_slice::<serde::de::IgnoredAny>(&bytes).unwrap();
    }

    #[test]
    fn we_read_what_rmp_serde_writes(value in any_json()) {
        let bytes = rmp_serde::to_vec_named(&value).unwrap();
        prop_assert_eq!(MessagePack.decode(&bytes).unwrap(), value);
    }
}

#[test]
fn json_writes_what_is_no_number_as_python_does() {
    let value = Value::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, -0.0, 1e300]);
    assert_eq!(encoded(&Json, &value), b"[NaN,Infinity,-Infinity,1.0,-0.0,1e300]");
}

#[test]
fn json_writes_keys_as_python_does() {
    let value = Value::Map(vec![
        (1.into(), 1.into()),
        (u64::MAX.into(), 2.into()),
        (true.into(), 3.into()),
        (Value::Null, 4.into()),
        (1.5.into(), 5.into()),
        (f64::NAN.into(), 6.into()),
        ("\"".into(), 7.into()),
    ]);
    assert_eq!(
        String::from_utf8(encoded(&Json, &value)).unwrap(),
        r#"{"1":1,"18446744073709551615":2,"true":3,"null":4,"1.5":5,"NaN":6,"\"":7}"#
    );
}

#[test]
fn json_refuses_to_write_what_it_has_not() {
    let refused = |value: Value| {
        let mut out = b"before".to_vec();
        let error = Json.encode(&value, &mut out).unwrap_err();
        assert_eq!(out, b"before");
        error.to_string()
    };
    let map = |key: Value| Value::Array(vec![1.into(), Value::Map(vec![(key, 1.into())])]);
    assert_eq!(refused(map(Value::Array(vec![]))), "JSON has no arrays as keys of a map");
    assert_eq!(refused(map(Value::Map(vec![]))), "JSON has no maps as keys of a map");
    assert_eq!(refused(map(Value::Bytes(vec![]))), "JSON has no bytes as keys of a map");
    assert_eq!(refused(Value::Extension(5, vec![])), "JSON has no extensions, such as this one of type 5");
}

#[test]
fn bytes_are_numbers_in_json() {
    assert_eq!(encoded(&Json, &Value::Bytes(vec![0, 255])), b"[0,255]");
    assert_eq!(encoded(&Json, &Value::Bytes(vec![])), b"[]");
}

#[test]
fn json_takes_space_everywhere() {
    let value = Json.decode(b" \n{ \"a\" :\t[ 1 , 2 ]\r, \"b\" : { } , \"c\" : [ ] } ").unwrap();
    assert_eq!(value.to_string(), r#"{"a": [1, 2], "b": {}, "c": []}"#);
}

#[test]
fn json_that_is_none() {
    let texts: &[(&[u8], &str)] = &[
        (b"", "no JSON at byte 0: the text ends too early"),
        (b"[1, 2", "no JSON at byte 5: the text ends too early"),
        (b"[1 2]", "no JSON at byte 3: expected a comma, or the end of the array or map"),
        (b"[1,]", "no JSON at byte 3: expected a value"),
        (b"[,]", "no JSON at byte 1: expected a value"),
        (b"{,}", "no JSON at byte 1: expected a key"),
        (b"{\"a\":1,}", "no JSON at byte 7: expected a key"),
        (b"{1:2}", "no JSON at byte 1: expected a key"),
        (b"{\"a\" 1}", "no JSON at byte 5: expected a colon"),
        (b"[1}", "no JSON at byte 2: expected a comma, or the end of the array or map"),
        (b"1 2", "no JSON at byte 2: more text follows the value"),
        (b"01", "no JSON at byte 1: more text follows the value"),
        (b"1.", "no JSON at byte 2: the text ends too early"),
        (b"1.e5", "no JSON at byte 2: expected a digit"),
        (b".5", "no JSON at byte 0: expected a value"),
        (b"-", "no JSON at byte 1: the text ends too early"),
        (b"+1", "no JSON at byte 0: expected a value"),
        (b"1e+", "no JSON at byte 3: the text ends too early"),
        (b"-NaN", "no JSON at byte 1: expected a digit"),
        (b"-Inf", "no JSON at byte 0: expected a value"),
        (b"nul", "no JSON at byte 0: expected a value"),
        (b"nan", "no JSON at byte 0: expected a value"),
        (b"True", "no JSON at byte 0: expected a value"),
        (b"'a'", "no JSON at byte 0: expected a value"),
        (b"\"a", "no JSON at byte 2: the text ends too early"),
        (b"\"a\nb\"", "no JSON at byte 2: expected no control character in a text"),
        (b"\"\\x\"", "no JSON at byte 2: expected an escape"),
        (b"\"\\u12g4\"", "no JSON at byte 5: expected a hexadecimal digit"),
        (b"\"\\u12", "no JSON at byte 5: the text ends too early"),
        (b"\"\\ud800\\", "no JSON at byte 8: the text ends too early"),
        (b"[\"a\xff\"]", "no JSON at byte 3: the text is not UTF-8"),
        (b"\xef\xbb\xbf1", "no JSON at byte 0: expected a value"),
    ];
    for (text, error) in texts {
        assert_eq!(refused(&Json, text), *error, "{}", text.escape_ascii());
    }
}

#[test]
fn half_a_surrogate_pair_is_no_text() {
    for text in
        [&br#""\ud800""#[..], br#""a\udc00b""#, br#""\udc00\ud800""#, br#""\ud800\n""#, br#""\ud800\u0041""#]
    {
        let error = refused(&Json, text);
        assert!(error.ends_with("half a surrogate pair, which is not Unicode"), "{error}");
    }
    assert_eq!(Json.decode(br#""\uD83D\uDE00\u00E4""#).unwrap(), "😀ä".into());
}

#[test]
fn message_pack_that_is_none() {
    let frames: &[(&[u8], &str)] = &[
        (b"", "no MessagePack at byte 0: the frame ends too early"),
        (b"\xc1", "no MessagePack at byte 0: 0xc1 is never used"),
        (b"\x01\x02", "no MessagePack at byte 1: 1 bytes follow the value"),
        (b"\xcd\x01", "no MessagePack at byte 1: the frame ends too early"),
        (b"\xa3ab", "no MessagePack at byte 1: the frame ends too early"),
        (b"\xa3a\xffb", "no MessagePack at byte 2: a text is not UTF-8"),
        (b"\xc4\x02a", "no MessagePack at byte 2: the frame ends too early"),
        (b"\xd4\x01", "no MessagePack at byte 2: the frame ends too early"),
        (b"\x92\x01", "no MessagePack at byte 1: 2 items cannot be in the 1 bytes that follow"),
        (b"\x81\x01", "no MessagePack at byte 1: 1 items cannot be in the 1 bytes that follow"),
    ];
    for (frame, error) in frames {
        assert_eq!(refused(&MessagePack, frame), *error, "{}", frame.escape_ascii());
    }
}

#[test]
fn message_pack_takes_longer_heads_than_it_writes() {
    let value = |bytes: &[u8]| MessagePack.decode(bytes).unwrap();
    assert_eq!(value(b"\xcf\x00\x00\x00\x00\x00\x00\x00\x05"), Value::Int(5));
    assert_eq!(value(b"\xd3\x00\x00\x00\x00\x00\x00\x00\x05"), Value::Int(5));
    assert_eq!(value(b"\xdb\x00\x00\x00\x01a"), "a".into());
    assert_eq!(value(b"\xc6\x00\x00\x00\x01a"), Value::Bytes(b"a".to_vec()));
    assert_eq!(value(b"\xc9\x00\x00\x00\x01\xfea"), Value::Extension(-2, b"a".to_vec()));
    assert_eq!(value(b"\xdd\x00\x00\x00\x01\x07"), vec![7].into());
    assert_eq!(value(b"\xdf\x00\x00\x00\x01\x07\x08"), [(7, 8)].into());
}

#[test]
fn nesting_has_a_limit() {
    let nested = |levels: usize| (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    for codec in [&Json as &dyn Codec, &MessagePack] {
        assert_eq!(codec.decode(&encoded(codec, &nested(128))).unwrap(), nested(128));
        let error = codec.encode(&nested(129), &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "the content is nested deeper than 128 levels");
    }
    let levels = 1_000_000;
    assert_eq!(refused(&Json, &b"[".repeat(levels)), "no JSON at byte 129: nested deeper than 128 levels");
    assert!(refused(&Json, &b"{\"a\":".repeat(levels)).ends_with("nested deeper than 128 levels"));
    assert!(refused(&MessagePack, &b"\x91".repeat(levels)).ends_with("nested deeper than 128 levels"));
    assert!(refused(&MessagePack, &b"\x81\x01".repeat(levels)).ends_with("nested deeper than 128 levels"));
    assert!(refused(&MessagePack, &b"\x81".repeat(levels)).ends_with("nested deeper than 128 levels"));
}

#[test]
fn errors_of_own_codecs_have_a_text_and_a_source() {
    use std::error::Error;

    let error = CodecError::new("no checksum");
    assert!(error.source().is_none());
    let error = CodecError::with_source("no length", "x".parse::<u8>().unwrap_err());
    assert_eq!(error.to_string(), "no length");
    assert_eq!(error.source().unwrap().to_string(), "invalid digit found in string");
    let error = CodecError::with_source("no length", "a plain text");
    assert_eq!(error.source().unwrap().to_string(), "a plain text");
}

#[test]
fn the_codecs_have_names() {
    assert_eq!((Json.name(), MessagePack.name()), ("JSON", "MessagePack"));
}
