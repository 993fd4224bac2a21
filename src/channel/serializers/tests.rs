use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Extra, Serializers};
use crate::channel::codec::{Envelope, Id, Kind, Wire};
use crate::channel::{ContentError, Value};

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Point {
    x: i32,
    y: f64,
}

/// A polygon of points, which are objects too.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Polygon {
    points: Vec<Extra<Point>>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Drawing {
    title: String,
    polygons: Vec<Extra<Polygon>>,
    shown_for: Option<Extra<Duration>>,
}

fn serializers() -> Serializers {
    Serializers::new()
        .add::<Point>()
        .unwrap()
        .add::<Polygon>()
        .unwrap()
        .add_with(
            |duration: &Duration| duration.as_secs_f64(),
            |seconds: f64| Duration::try_from_secs_f64(seconds),
        )
        .unwrap()
}

fn wires() -> Vec<Wire> {
    vec![
        Wire::Json,
        #[cfg(feature = "msgpack")]
        Wire::MessagePack,
    ]
}

fn sent<T: Serialize>(wire: &Wire, content: &T, serializers: &Serializers) -> Envelope {
    let mut frame = Vec::new();
    wire.encode(Kind::Request, &Id::Number(0), content, serializers, &mut frame).unwrap();
    wire.decode(frame).unwrap()
}

fn unsent<T: Serialize>(content: &T, serializers: &Serializers) -> String {
    let result = Wire::Json.encode(Kind::Request, &Id::Number(0), content, serializers, &mut Vec::new());
    result.unwrap_err().to_string()
}

fn drawing() -> Drawing {
    Drawing {
        title: "two".into(),
        polygons: vec![
            Extra(Polygon { points: vec![Extra(Point { x: 1, y: 2.5 }), Extra(Point { x: -1, y: 0.0 })] }),
            Extra(Polygon { points: vec![] }),
        ],
        shown_for: Some(Extra(Duration::from_millis(1500))),
    }
}

#[test]
fn objects_inside_of_objects_come_back() {
    for wire in wires() {
        let message = sent(&wire, &drawing(), &serializers());
        assert_eq!(message.content.to::<Drawing>(&serializers()).unwrap(), drawing());
        let value: Value = message.content.to(&Serializers::new()).unwrap();
        assert_eq!(
            value.to_string(),
            r#"{"title": "two", "polygons": [{"__type__": [1, {"points": [{"__type__": [0, {"x": 1, "y": 2.5}]}, {"__type__": [0, {"x": -1, "y": 0.0}]}]}]}, {"__type__": [1, {"points": []}]}], "shown_for": {"__type__": [2, 1.5]}}"#
        );
    }
}

#[test]
fn an_object_may_be_the_content() {
    for wire in wires() {
        let message = sent(&wire, &Extra(Point { x: 1, y: 2.5 }), &serializers());
        assert_eq!(message.content.to::<Extra<Point>>(&serializers()).unwrap().0, Point { x: 1, y: 2.5 });
    }
}

#[test]
fn objects_reach_codecs_of_ones_own() {
    struct Plain;

    impl crate::channel::Codec for Plain {
        fn name(&self) -> &str {
            "plain"
        }

        fn encode(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), crate::channel::CodecError> {
            crate::channel::Json.encode(value, out)
        }

        fn decode(&self, bytes: &[u8]) -> Result<Value, crate::channel::CodecError> {
            crate::channel::Json.decode(bytes)
        }
    }

    let message = sent(&Wire::new(Plain), &drawing(), &serializers());
    assert_eq!(message.content.to::<Drawing>(&serializers()).unwrap(), drawing());
}

#[test]
fn an_object_that_is_not_registered_is_an_error() {
    assert_eq!(
        unsent(&Extra(7_u8), &Serializers::new()),
        "no extra serializer is registered for u8; registered here: none"
    );
    let one = Serializers::new().add::<u16>().unwrap().add::<u32>().unwrap();
    assert_eq!(
        unsent(&Extra(7_u8), &one),
        "no extra serializer is registered for u8; registered here: 0 = u16, 1 = u32"
    );
    let message = sent(&Wire::Json, &Extra(7_u16), &one);
    assert_eq!(
        message.content.to::<Extra<u8>>(&one).unwrap_err().to_string(),
        "no extra serializer is registered for u8; registered here: 0 = u16, 1 = u32"
    );
}

#[test]
fn another_id_is_an_error_that_tells_what_is_known() {
    let one = Serializers::new().add::<u16>().unwrap().add::<u32>().unwrap();
    let read = |frame: &[u8]| -> ContentError {
        Wire::Json.decode(frame.to_vec()).unwrap().content.to::<Extra<u16>>(&one).unwrap_err()
    };
    assert_eq!(
        read(br#"[0, 0, {"__type__": [1, 7]}]"#).to_string(),
        "expected an object of the type 0, u16, and it has the type 1, which is u32; registered here: 0 = u16, 1 = u32"
    );
    assert_eq!(
        read(br#"[0, 0, {"__type__": [5, 7]}]"#).to_string(),
        "expected an object of the type 0, u16, and it has the type 5, which is not registered; registered here: \
         0 = u16, 1 = u32"
    );
    assert_eq!(
        read(b"[0, 0, 7]").to_string(),
        r#"expected an object of the type 0, u16, as {"__type__": [0, data]}"#
    );
    assert_eq!(
        read(br#"[0, 0, {"__type__": [0, "seven"]}]"#).to_string(),
        "invalid type: string \"seven\", expected u16"
    );
}

#[test]
fn what_a_conversion_refuses_is_an_error() {
    let message = Wire::Json.decode(br#"[0, 0, {"__type__": [2, -1.5]}]"#.to_vec()).unwrap();
    let error = message.content.to::<Extra<Duration>>(&serializers()).unwrap_err();
    assert!(error.to_string().contains("negative"), "{error}");
}

#[test]
fn serializers_are_in_force_only_while_a_content_is_converted() {
    let object = Extra(Point { x: 1, y: 1.0 });
    assert!(Value::from_content(&object).is_err());
    sent(&Wire::Json, &object, &serializers());
    assert!(Value::from_content(&object).is_err());

    // The conversions of one connection may use those of another, and then go on with their own.
    let inner = Serializers::new().add::<u8>().unwrap();
    let outer = Serializers::new()
        .add_with(
            move |_: &Point| {
                let inside = sent(&Wire::Json, &Extra(7_u8), &inner).content.to::<Value>(&inner).unwrap();
                (inside, Extra(8_u16))
            },
            |(_, _): (Value, Extra<u16>)| Ok::<_, String>(Point { x: 9, y: 9.0 }),
        )
        .unwrap()
        .add::<u16>()
        .unwrap();
    let message = sent(&Wire::Json, &object, &outer);
    assert_eq!(
        message.content.to::<Value>(&outer).unwrap().to_string(),
        r#"{"__type__": [0, [{"__type__": [0, 7]}, {"__type__": [1, 8]}]]}"#
    );
    assert_eq!(message.content.to::<Extra<Point>>(&outer).unwrap().0.x, 9);
}

#[test]
fn a_conversion_that_panics_leaves_no_serializers_in_force() {
    let panicking =
        Serializers::new().add_with(|_: &u8| -> u8 { panic!("a conversion") }, Ok::<u8, String>).unwrap();
    for _ in 0..200 {
        let panicked = catch_unwind(AssertUnwindSafe(|| unsent(&Extra(7_u8), &panicking)));
        assert!(panicked.is_err());
    }
    assert!(Value::from_content(&Extra(Point { x: 1, y: 1.0 })).is_err());
    // Nor do they count as levels.
    let message = sent(&Wire::Json, &drawing(), &serializers());
    assert_eq!(message.content.to::<Drawing>(&serializers()).unwrap(), drawing());
}

#[test]
fn objects_nested_too_deeply_are_an_error() {
    #[derive(Debug, Deserialize, Serialize)]
    struct List(Option<Box<Extra<List>>>);

    let list = |len: usize| (0..len).fold(List(None), |list, _| List(Some(Box::new(Extra(list)))));
    let serializers = Serializers::new().add::<List>().unwrap();
    // Each object is a map and an array.
    let message = sent(&Wire::Json, &list(64), &serializers);
    let mut rest = message.content.to::<List>(&serializers).unwrap();
    let mut len = 0;
    while let List(Some(next)) = rest {
        rest = next.0;
        len += 1;
    }
    assert_eq!(len, 64);
    assert_eq!(unsent(&list(65), &serializers), "the content is nested deeper than 128 levels");
    assert_eq!(unsent(&list(2000), &serializers), "objects are nested deeper than 128 levels");
}
