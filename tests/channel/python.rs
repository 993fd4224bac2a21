//! Bytes that Python 3.11 wrote, by `json.dumps(..).encode()` and by `msgpack.packb(.., use_bin_type=True)` of msgpack
//! 1.1, as the original does.

use foreground::channel::{Codec, Json, MessagePack, Value};

fn json(bytes: &[u8]) -> Value {
    Json.decode(bytes).unwrap()
}

fn message_pack(bytes: &[u8]) -> Value {
    MessagePack.decode(bytes).unwrap()
}

fn array<const N: usize>(elements: [Value; N]) -> Value {
    elements.into_iter().collect()
}

#[test]
fn words() {
    assert_eq!(json(b"null"), Value::Null);
    assert_eq!(message_pack(b"\xc0"), Value::Null);
    let expected = array([true.into(), false.into()]);
    assert_eq!(json(b"[true, false]"), expected);
    assert_eq!(message_pack(b"\x92\xc3\xc2"), expected);
}

#[test]
fn integers_of_every_size() {
    let expected: Value = [
        0,
        1,
        127,
        128,
        255,
        256,
        65535,
        65536,
        4294967295,
        4294967296,
        9223372036854775807,
        9223372036854775808,
        18446744073709551615_u64,
    ]
    .into_iter()
    .collect();
    assert_eq!(expected.get_index(11), Some(&Value::UInt(1 << 63)));
    assert_eq!(
        json(
            b"[0, 1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 9223372036854775807, \
              9223372036854775808, 18446744073709551615]"
        ),
        expected
    );
    let bytes = b"\x9d\x00\x01\x7f\xcc\x80\xcc\xff\xcd\x01\x00\xcd\xff\xff\xce\x00\x01\x00\x00\xce\xff\xff\xff\xff\
        \xcf\x00\x00\x00\x01\x00\x00\x00\x00\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\xcf\x80\x00\x00\x00\x00\x00\x00\x00\
        \xcf\xff\xff\xff\xff\xff\xff\xff\xff";
    assert_eq!(message_pack(bytes), expected);
    assert_eq!(packed(&expected), bytes);

    let expected: Value =
        [-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, i64::MIN].into_iter().collect();
    assert_eq!(
        json(b"[-1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -9223372036854775808]"),
        expected
    );
    let bytes =
        b"\x9a\xff\xe0\xd0\xdf\xd0\x80\xd1\xff\x7f\xd1\x80\x00\xd2\xff\xff\x7f\xff\xd2\x80\x00\x00\x00\
        \xd3\xff\xff\xff\xff\x7f\xff\xff\xff\xd3\x80\x00\x00\x00\x00\x00\x00\x00";
    assert_eq!(message_pack(bytes), expected);
    assert_eq!(packed(&expected), bytes);
}

/// What we write in MessagePack; Python chooses the same heads.
fn packed(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    MessagePack.encode(value, &mut out).unwrap();
    out
}

#[test]
fn integers_that_64_bits_cannot_hold_are_floats_in_json() {
    let expected = array([(2_f64.powi(64)).into(), (-(2_f64.powi(63))).into(), f64::INFINITY.into()]);
    let text = format!("[18446744073709551616, -9223372036854775809, 1{}]", "0".repeat(400));
    assert_eq!(json(text.as_bytes()), expected);
}

#[test]
fn floats() {
    let expected: Value = [0.0, -0.0, 1.5, -2.25, 1e100, 1e-07, 5e-324, f64::MAX].into_iter().collect();
    assert_eq!(json(b"[0.0, -0.0, 1.5, -2.25, 1e+100, 1e-07, 5e-324, 1.7976931348623157e+308]"), expected);
    let bytes = b"\x98\xcb\x00\x00\x00\x00\x00\x00\x00\x00\xcb\x80\x00\x00\x00\x00\x00\x00\x00\
        \xcb?\xf8\x00\x00\x00\x00\x00\x00\xcb\xc0\x02\x00\x00\x00\x00\x00\x00\xcbT\xb2I\xad%\x94\xc3}\
        \xcb>z\xd7\xf2\x9a\xbc\xafH\xcb\x00\x00\x00\x00\x00\x00\x00\x01\xcb\x7f\xef\xff\xff\xff\xff\xff\xff";
    assert_eq!(message_pack(bytes), expected);
    assert_eq!(packed(&expected), bytes);
    // With use_single_float.
    assert_eq!(
        message_pack(b"\x92\xca?\x00\x00\x00\xca=\xcc\xcc\xcd").to_string(),
        "[0.5, 0.10000000149011612]"
    );
}

#[test]
fn what_is_no_number() {
    for value in [
        json(b"[NaN, Infinity, -Infinity]"),
        message_pack(
            b"\x93\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00\
              \xcb\xff\xf0\x00\x00\x00\x00\x00\x00",
        ),
    ] {
        let floats: [f64; 3] = value.to_content().unwrap();
        assert!(floats[0].is_nan());
        assert_eq!(floats[1..], [f64::INFINITY, f64::NEG_INFINITY]);
    }
}

#[test]
fn texts() {
    let expected: Value = ["", "a", &"x".repeat(32), "äöü", "☃", "😀", "\"\\/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}"]
        .into_iter()
        .collect();
    assert_eq!(
        json(
            br#"["", "a", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "\u00e4\u00f6\u00fc", "\u2603", "\ud83d\ude00", "\"\\/\b\f\n\r\t\u0000\u001f\u007f"]"#
        ),
        expected
    );
    let bytes =
        b"\x97\xa0\xa1a\xd9 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xa6\xc3\xa4\xc3\xb6\xc3\xbc\xa3\xe2\x98\x83\
        \xa4\xf0\x9f\x98\x80\xab\"\\/\x08\x0c\n\r\t\x00\x1f\x7f";
    assert_eq!(message_pack(bytes), expected);
    assert_eq!(packed(&expected), bytes);
}

#[test]
fn arrays_and_maps() {
    let expected = Value::from([
        ("a", array([1.into(), Value::from([("b", Value::Null)])])),
        ("c", Value::Map(vec![])),
        ("d", Value::Array(vec![])),
    ]);
    assert_eq!(json(br#"{"a": [1, {"b": null}], "c": {}, "d": []}"#), expected);
    let bytes = b"\x83\xa1a\x92\x01\x81\xa1b\xc0\xa1c\x80\xa1d\x90";
    assert_eq!(message_pack(bytes), expected);
    assert_eq!(packed(&expected), bytes);

    // A tuple.
    let expected = array([1.into(), "two".into(), array([3.into()])]);
    assert_eq!(json(b"[1, \"two\", [3]]"), expected);
    assert_eq!(message_pack(b"\x93\x01\xa3two\x91\x03"), expected);
}

#[test]
fn long_arrays_and_maps() {
    let mut bytes = vec![0x93, 0xda, 0x01, 0x2c];
    bytes.extend([b's'; 300]);
    bytes.extend([0xdc, 0x00, 0x11]);
    bytes.extend(0..17);
    bytes.extend([0xde, 0x00, 0x10]);
    bytes.extend((0..16).flat_map(|number| [number, number]));
    let expected = array([
        "s".repeat(300).into(),
        (0..17).collect(),
        (0..16).map(|number| (number, number)).collect::<Value>(),
    ]);
    assert_eq!(message_pack(&bytes), expected);
    assert_eq!(packed(&expected), bytes);
}

#[test]
fn keys_that_are_no_text() {
    let expected = Value::from([("1", "b"), ("null", "c"), ("1.5", "d"), ("NaN", "e")]);
    assert_eq!(json(br#"{"1": "b", "null": "c", "1.5": "d", "NaN": "e"}"#), expected);

    let expected = Value::Map(vec![
        (1.into(), "b".into()),
        (Value::Null, "c".into()),
        (1.5.into(), "d".into()),
        (Value::Bytes(b"x".to_vec()), "e".into()),
        (array([1.into(), 2.into()]), "f".into()),
        ((-7).into(), "g".into()),
    ]);
    let bytes = b"\x86\x01\xa1b\xc0\xa1c\xcb?\xf8\x00\x00\x00\x00\x00\x00\xa1d\xc4\x01x\xa1e\x92\x01\x02\xa1f\xf9\xa1g";
    assert_eq!(message_pack(bytes), expected);
    assert_eq!(packed(&expected), bytes);
}

#[test]
fn bytes_and_extensions() {
    let mut bytes = b"\x93\xc4\x00\xc4\x02\x00\xff\xc5\x01\x00".to_vec();
    bytes.extend([b'z'; 256]);
    let expected = array([Value::Bytes(vec![]), Value::Bytes(vec![0, 255]), Value::Bytes(b"z".repeat(256))]);
    assert_eq!(message_pack(&bytes), expected);
    assert_eq!(packed(&expected), bytes);

    // The last one is a timestamp.
    let bytes =
        b"\x94\xd4\x05x\xc7\x03\x03abc\xd8\x011234567812345678\xd7\xff\x00\x00\x00\x08\x00\x00\x00\x01";
    let expected = array([
        Value::Extension(5, b"x".to_vec()),
        Value::Extension(3, b"abc".to_vec()),
        Value::Extension(1, b"1234567812345678".to_vec()),
        Value::Extension(-1, b"\x00\x00\x00\x08\x00\x00\x00\x01".to_vec()),
    ]);
    assert_eq!(message_pack(bytes), expected);
    assert_eq!(packed(&expected), bytes);
}

#[test]
fn objects_that_name_their_type() {
    for value in [
        json(br#"[{"__type__": [0, {"x": 1, "y": 2.5}]}]"#),
        message_pack(b"\x91\x81\xa8__type__\x92\x00\x82\xa1x\x01\xa1y\xcb@\x04\x00\x00\x00\x00\x00\x00"),
    ] {
        let (id, data) = value.get_index(0).unwrap().extra_type().unwrap();
        assert_eq!(id, 0);
        assert_eq!(*data, Value::from([("x", Value::from(1)), ("y", 2.5.into())]));
    }
}
