use std::sync::Arc;

use super::{BuiltIn, Codec, CodecError, Content, Envelope, Id, Json, Kind, Wire};
use crate::channel::{Serializers, Value};

fn wires() -> Vec<Wire> {
    vec![
        Wire::Json,
        #[cfg(feature = "msgpack")]
        Wire::MessagePack,
        Wire::new(Reversed),
    ]
}

/// JSON from back to front.
struct Reversed;

impl Codec for Reversed {
    fn name(&self) -> &str {
        "reversed JSON"
    }

    fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = out.len();
        Json.encode(value, out)?;
        out[start..].reverse();
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Value, CodecError> {
        if bytes == b"panic" {
            panic!("a codec that panics");
        }
        Json.decode(&bytes.iter().rev().copied().collect::<Vec<u8>>())
    }
}

fn none() -> Serializers {
    Serializers::new()
}

fn decode(wire: &Wire, frame: &[u8]) -> Result<Envelope, String> {
    wire.decode(frame.to_vec()).map_err(|error| error.to_string())
}

fn content(content: &Content) -> Value {
    content.to(&none()).unwrap()
}

#[test]
fn a_message_comes_back() {
    let ids = [
        Id::Number(0),
        Id::Number(u64::MAX),
        Id::Other("x".into()),
        Id::Other(Value::Null),
        Id::Other((-1).into()),
        Id::Other(1.5.into()),
        Id::Other(vec![1, 2].into()),
        Id::Other([("k", 1)].into()),
    ];
    for wire in wires() {
        for kind in [Kind::Request, Kind::Result, Kind::Exception] {
            for id in &ids {
                let mut frame = b"before".to_vec();
                let sent = ("text", [1.5, -2.0], Some(7));
                wire.encode(kind, id, &sent, &none(), &mut frame).unwrap();
                let message = decode(&wire, &frame[6..]).unwrap();
                assert_eq!((message.kind, &message.id), (kind, id), "{wire:?}");
                let (text, floats, number): (String, Vec<f64>, Option<i8>) =
                    message.content.to(&none()).unwrap();
                assert_eq!((&text[..], &floats[..], number), ("text", &[1.5, -2.0][..], Some(7)));
            }
        }
    }
}

#[test]
fn the_originals_json_is_taken() {
    let message = decode(&Wire::Json, b"[0, 0, \"ohai\"]").unwrap();
    assert_eq!((message.kind, message.id), (Kind::Request, Id::Number(0)));
    assert_eq!(content(&message.content), "ohai".into());
    for (frame, id) in [
        (&b"[1, \"x\", null]"[..], Id::Other("x".into())),
        (b"[1, null, null]", Id::Other(Value::Null)),
        (b"[1, -1, null]", Id::Other((-1).into())),
        (b"[1, 1.5, null]", Id::Other(1.5.into())),
        (b"[1, [1, 2], null]", Id::Other(vec![1, 2].into())),
        (b"[1, {\"k\": 1}, null]", Id::Other([("k", 1)].into())),
        (b"[1, true, null]", Id::Other(true.into())),
    ] {
        assert_eq!(decode(&Wire::Json, frame).unwrap().id, id);
    }
}

#[cfg(feature = "msgpack")]
#[test]
fn the_originals_message_pack_is_taken() {
    let message = decode(&Wire::MessagePack, b"\x93\x00\x00\xa4ohai").unwrap();
    assert_eq!((message.kind, message.id), (Kind::Request, Id::Number(0)));
    assert_eq!(content(&message.content), "ohai".into());
    let message = decode(&Wire::MessagePack, b"\x93\x02\x03\xafValueError: no\n").unwrap();
    assert_eq!((message.kind, message.id), (Kind::Exception, Id::Number(3)));
    assert_eq!(content(&message.content), "ValueError: no\n".into());
    for (frame, id) in [
        (&b"\x93\x01\xa1x\xc0"[..], Id::Other("x".into())),
        (b"\x93\x01\xc0\xc0", Id::Other(Value::Null)),
        (b"\x93\x01\xff\xc0", Id::Other((-1).into())),
        (b"\x93\x01\xcb?\xf8\x00\x00\x00\x00\x00\x00\xc0", Id::Other(1.5.into())),
        (b"\x93\x01\x92\x01\x02\xc0", Id::Other(vec![1, 2].into())),
        (b"\x93\x01\x81\xa1k\x01\xc0", Id::Other([("k", 1)].into())),
        (b"\x93\x01\xc3\xc0", Id::Other(true.into())),
        (b"\xdd\x00\x00\x00\x03\x01\x00\xc0", Id::Number(0)),
    ] {
        assert_eq!(decode(&Wire::MessagePack, frame).unwrap().id, id);
    }
}

#[test]
fn a_content_may_have_what_only_its_reader_refuses() {
    // Half a surrogate pair.
    let message = decode(&Wire::Json, br#"[0, 7, {"a": "\ud800", "b": 1}]"#).unwrap();
    let error = message.content.to::<Value>(&none()).unwrap_err();
    assert!(error.to_string().ends_with("half a surrogate pair, which is not Unicode"), "{error}");
    assert!(message.content.to::<u8>(&none()).is_err());
    // Whoever does not ask for the text does not mind it.
    #[derive(serde::Deserialize)]
    struct Second {
        b: u8,
    }
    assert_eq!(message.content.to::<Second>(&none()).unwrap().b, 1);
}

#[test]
fn json_contents_have_nan() {
    let mut frame = Vec::new();
    let sent = vec![Some(f64::NAN), None, Some(f64::NEG_INFINITY)];
    Wire::Json.encode(Kind::Request, &Id::Number(1), &sent, &none(), &mut frame).unwrap();
    assert_eq!(frame, b"[0,1,[NaN,null,-Infinity]]");
    let got: Vec<Option<f64>> = decode(&Wire::Json, &frame).unwrap().content.to(&none()).unwrap();
    assert!(got[0].unwrap().is_nan());
    assert_eq!(got[1..], [None, Some(f64::NEG_INFINITY)]);
}

#[test]
fn what_is_no_message_is_refused() {
    const NOT_THREE: &str = "the message is no array of a type, an id and a content";
    const UNKNOWN: &str = "the type of the message is none of 0 (request), 1 (result) and 2 (exception)";
    for (frame, error) in [
        (&b"[0, 0]"[..], NOT_THREE),
        (b"[0, 0, 0, 0]", NOT_THREE),
        (b"[]", NOT_THREE),
        (b"{}", NOT_THREE),
        (b"3", NOT_THREE),
        (b"[3, 0, 0]", UNKNOWN),
        (b"[-1, 0, 0]", UNKNOWN),
        (b"[\"0\", 0, 0]", UNKNOWN),
        (b"[0.0, 0, 0]", UNKNOWN),
        (b"[0, 0, 0] 1", "more text follows the value"),
        (b"[0, 0, [1}]", "expected a comma, or the end of the array or map"),
        (b"[0, \"\\ud800\", 0]", "half a surrogate pair, which is not Unicode"),
    ] {
        let got = decode(&Wire::Json, frame).unwrap_err();
        assert!(got.starts_with("no JSON at byte ") && got.ends_with(error), "{got}");
    }
    let reversed = |text: &str| text.bytes().rev().collect::<Vec<u8>>();
    assert_eq!(decode(&Wire::new(Reversed), &reversed("[0, 0]")).unwrap_err(), NOT_THREE);
    assert_eq!(decode(&Wire::new(Reversed), &reversed("[7, 0, 0]")).unwrap_err(), UNKNOWN);
}

#[test]
fn an_id_is_not_endless() {
    let frame = |len: usize| format!("[0, \"{}\", 1]", "x".repeat(len)).into_bytes();
    decode(&Wire::Json, &frame(4000)).unwrap();
    let error = decode(&Wire::Json, &frame(5000)).unwrap_err();
    assert!(error.ends_with("the id is longer than 4096 bytes"), "{error}");
}

#[test]
fn nesting_is_counted_from_the_content() {
    let frame = |levels: usize| format!("[0, 0, {}{}]", "[".repeat(levels), "]".repeat(levels)).into_bytes();
    let message = decode(&Wire::Json, &frame(128)).unwrap();
    let deep = content(&message.content);
    for wire in wires() {
        let mut out = Vec::new();
        let written = wire.encode(Kind::Result, &message.id, &deep, &none(), &mut out);
        if let Wire::Custom(_) = wire {
            // JSON inside counts the message too.
            assert!(written.is_err());
            continue;
        }
        written.unwrap();
        assert_eq!(content(&decode(&wire, &out).unwrap().content), deep);
    }
    assert!(decode(&Wire::Json, &frame(129)).unwrap_err().ends_with("nested deeper than 128 levels"));
}

#[test]
fn a_content_that_fails_leaves_nothing_behind() {
    for wire in wires() {
        let mut out = b"before".to_vec();
        let error =
            wire.encode(Kind::Request, &Id::Number(0), &(1, u128::MAX), &none(), &mut out).unwrap_err();
        assert!(error.to_string().ends_with("does not fit into 64 bits"), "{error}");
        assert_eq!(out, b"before");
    }
}

#[test]
fn another_codec_is_told_by_its_name() {
    let error = Wire::Json.decode(b"\x93\x00\x00\xa4ohai".to_vec()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the peer seems to speak MessagePack, and this channel JSON; choose the same codec on both sides"
    );
    assert_eq!(error.peer_speaks(), Some(BuiltIn::MessagePack));
    let error = Wire::new(Reversed).decode(b"[0, 0, 1]".to_vec()).unwrap_err();
    assert_eq!(error.peer_speaks(), Some(BuiltIn::Json));
    // A frame of the same codec that is bad is just that.
    let error = Wire::Json.decode(b" [0, 0, ".to_vec()).unwrap_err();
    assert_eq!(error.peer_speaks(), None);
    assert_eq!(Wire::Json.decode(b"GET / HTTP/1.1".to_vec()).unwrap_err().peer_speaks(), None);
    assert!(Wire::built_in(BuiltIn::Json).is_some());
    assert_eq!(Wire::built_in(BuiltIn::MessagePack).is_some(), cfg!(feature = "msgpack"));
}

#[cfg(feature = "msgpack")]
#[test]
fn json_is_told_to_a_message_pack_channel() {
    let error = Wire::MessagePack.decode(b"[0, 0, \"ohai\"]".to_vec()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the peer seems to speak JSON, and this channel MessagePack; choose the same codec on both sides"
    );
    assert_eq!(error.peer_speaks(), Some(BuiltIn::Json));
    for frame in [&b"\xdc\x00\x03\x00\x00\xc0"[..], b"\xdd\x00\x00\x00\x03\x00\x00\xc0"] {
        assert_eq!(BuiltIn::looks_like(frame), Some(BuiltIn::MessagePack));
    }
    assert_eq!(BuiltIn::looks_like(b""), None);
}

#[test]
fn a_codec_that_panics_ends_its_connection_only() {
    let error = decode(&Wire::new(Reversed), b"panic").unwrap_err();
    assert_eq!(error, "the codec reversed JSON panicked");
}

#[test]
fn the_built_in_codecs_need_no_value() {
    assert!(matches!(Wire::new(Json), Wire::Json));
    #[cfg(feature = "msgpack")]
    assert!(matches!(Wire::new(super::MessagePack), Wire::MessagePack));
    let wire = Wire::Custom(Arc::new(Reversed));
    assert_eq!((wire.name(), format!("{wire:?}")), ("reversed JSON", "reversed JSON".to_owned()));
}
