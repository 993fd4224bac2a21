//! Contents of every type come over unchanged, in both directions and both roles.

use foreground::channel::{Bytes, Channel, Value};
use serde_json::json;

use crate::peer::aiomas::Aiomas;
use crate::support::{Setting, echo};

each_setting!(
    come_back_from_aiomas,
    come_back_to_aiomas,
    large_ones_come_back,
    large_ones_come_back_to_aiomas
);

/// A value as the peer's lines have it, and as we do.
fn values(setting: Setting) -> Vec<(serde_json::Value, Value)> {
    let map = |entries: Vec<(Value, Value)>| Value::Map(entries);
    let mut values = vec![
        (json!(null), Value::Null),
        (json!(true), true.into()),
        (json!(false), false.into()),
        (json!(0), 0.into()),
        (json!(-1), (-1).into()),
        (json!(i64::MAX), i64::MAX.into()),
        (json!(i64::MIN), i64::MIN.into()),
        (json!(u64::MAX), u64::MAX.into()),
        (json!(1.5), 1.5.into()),
        (json!(-0.0), (-0.0).into()),
        (json!(1e300), 1e300.into()),
        (json!(f64::MIN_POSITIVE), f64::MIN_POSITIVE.into()),
        (json!(0.1), 0.1.into()),
        (json!({"$float": "nan"}), f64::NAN.into()),
        (json!({"$float": "inf"}), f64::INFINITY.into()),
        (json!({"$float": "-inf"}), f64::NEG_INFINITY.into()),
        (json!(""), "".into()),
        (json!("Ärger mit „Umlauten“, 漢字, עברית"), "Ärger mit „Umlauten“, 漢字, עברית".into()),
        (json!("\u{1f980}\u{10ffff}\u{fffd}"), "\u{1f980}\u{10ffff}\u{fffd}".into()),
        (
            json!("\0\u{1}\u{8}\t\n\u{c}\r\u{1f}\"\\/\u{7f}\u{2028}"),
            "\0\u{1}\u{8}\t\n\u{c}\r\u{1f}\"\\/\u{7f}\u{2028}".into(),
        ),
        (json!([]), Value::Array(Vec::new())),
        (json!({}), map(Vec::new())),
        (
            json!([[], {}, [[]], null]),
            vec![Value::Array(vec![]), map(vec![]), vec![Value::Array(vec![])].into(), Value::Null].into(),
        ),
        (
            json!({"": {"a b": [1, {"ü": null}]}, "z": 2}),
            map(vec![
                (
                    "".into(),
                    map(vec![("a b".into(), vec![1.into(), map(vec![("ü".into(), Value::Null)])].into())]),
                ),
                ("z".into(), 2.into()),
            ]),
        ),
    ];
    let nested = |depth| {
        (0..depth).fold((json!(7), Value::from(7)), |(line, value), _| (json!([line]), vec![value].into()))
    };
    values.push(nested(100));
    if !setting.is_json() {
        let all: Vec<u8> = (0..=255).collect();
        let hex: String = all.iter().map(|byte| format!("{byte:02x}")).collect();
        values.extend([
            (json!({"$bytes": ""}), Bytes(vec![]).into()),
            (json!({"$bytes": hex}), Bytes(all).into()),
            (
                json!({"$map": [[1, "one"], [-2, {"$map": [[true, null]]}], [1.5, []]]}),
                map(vec![
                    (1.into(), "one".into()),
                    ((-2).into(), map(vec![(true.into(), Value::Null)])),
                    (1.5.into(), Value::Array(vec![])),
                ]),
            ),
            (json!({"$ext": [5, "00ff"]}), Value::Extension(5, vec![0, 255])),
        ]);
    }
    values
}

/// Two values are the same if they look the same: NaN is NaN, and 0.0 is not -0.0.
#[track_caller]
fn assert_same(found: &impl std::fmt::Debug, expected: &impl std::fmt::Debug) {
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
}

fn come_back_from_aiomas(setting: Setting) {
    let (mut server, channel, _place) = setting.aiomas_server();
    let values = values(setting);
    for (_, value) in &values {
        assert_same(&channel.call::<Value>(&("echo", value)).unwrap(), value);
    }
    // What comes back could have been wrong twice.
    let contents = server.counts().contents;
    assert_eq!(contents.len(), values.len());
    for (content, (line, _)) in contents.iter().zip(&values) {
        assert_eq!(*content, json!(["echo", line]));
    }
    if setting.is_json() {
        // JSON has neither bytes nor keys that are no text.
        let map = Value::from([(1, "one")]);
        assert_eq!(channel.call::<Value>(&("echo", map)).unwrap(), Value::from([("1", "one")]));
        assert_eq!(channel.call::<Bytes>(&("echo", Bytes(vec![0, 255]))).unwrap(), Bytes(vec![0, 255]));
    }
    assert_same(&channel.call::<i128>(&("echo", i64::MIN)).unwrap(), &i128::from(i64::MIN));
    beyond_64_bits(setting, &channel, &mut server);
}

fn beyond_64_bits(setting: Setting, channel: &Channel, server: &mut Aiomas) {
    // We do not send them.
    let error = channel.request(&("echo", i128::MAX)).unwrap_err();
    assert!(error.to_string().contains("64 bits"), "{error}");
    // By JSON we get the nearest float; MessagePack has none.
    let ask = |content: Value| channel.call::<Value>(&content);
    if setting.is_json() {
        let request: Value = vec![Value::from("add"), u64::MAX.into(), u64::MAX.into()].into();
        assert_eq!(ask(request).unwrap(), Value::Float(2.0 * u64::MAX as f64));
    } else {
        let request: Value = vec![Value::from("add"), u64::MAX.into(), 1.into()].into();
        assert!(ask(request).unwrap_err().to_string().contains("SerializationError"));
    }
    assert_eq!(ask(vec![Value::from("add"), 1.into(), 2.into()].into()).unwrap(), 3.into());
    assert!(server.counts().answered > 0);
}

fn come_back_to_aiomas(setting: Setting) {
    let (mut client, channel, _place) = setting.aiomas_client();
    for (line, value) in values(setting) {
        client.send(std::slice::from_ref(&line));
        let request = channel.recv().unwrap();
        let content: Value = request.content().unwrap();
        assert_same(&content, &value);
        request.reply(&content).unwrap();
        let found = client.outcome().result.unwrap();
        assert_same(&found, &line);
    }
    if setting.is_json() {
        // An integer beyond 64 bits is a float to us.
        client.send(&[json!({"$int": "1208925819614629174706176"})]);
        assert_eq!(channel.recv().unwrap().content::<Value>().unwrap(), Value::Float((1_u128 << 80) as f64));
        assert!(client.outcome().result.unwrap_err().text.starts_with("NoReply: "));
    }
    // Half a surrogate pair is no text, and that is the matter of who reads it.
    if setting.is_json() {
        client.send(&[json!({"$utf16": "d83d"})]);
        let request = channel.recv().unwrap();
        let error = request.content::<Value>().unwrap_err();
        assert!(error.to_string().contains("surrogate"), "{error}");
        request.fail(error).unwrap();
        let failure = client.outcome().result.unwrap_err();
        assert!(failure.text.starts_with("ContentError: "), "{failure:?}");
    }
    client.send(&[json!("go on")]);
    channel.recv().unwrap().reply("still here").unwrap();
    assert_eq!(client.outcome().result.unwrap(), json!("still here"));
}

const LARGE: usize = 8 * 1024 * 1024;

fn large_ones_come_back(setting: Setting) {
    let (_server, channel, _place) = setting.aiomas_server();
    // A letter that is two bytes in UTF-8, and six as JSON escapes it.
    let text = "x".repeat(LARGE - 2) + "é";
    assert!(channel.call::<String>(&("echo", &text)).unwrap() == text);
    assert_eq!(channel.call::<String>(&("big", LARGE)).unwrap().len(), LARGE);
    let numbers: Vec<u32> = (0..200_000).collect();
    assert_eq!(channel.call::<Vec<u32>>(&("echo", &numbers)).unwrap(), numbers);
    // Over our limit, which is 16 MiB: nothing is sent, and nothing is harmed.
    let error = channel.request(&("echo", "x".repeat(2 * LARGE))).unwrap_err();
    assert!(error.to_string().contains("limit"), "{error}");
    assert_eq!(channel.call::<u32>(&("add", 2, 3)).unwrap(), 5);
}

fn large_ones_come_back_to_aiomas(setting: Setting) {
    let (mut client, channel, _place) = setting.aiomas_client();
    let echo = echo(channel);
    let large = json!({"$repeat": ["x", LARGE]});
    let found = client.call(large).unwrap();
    assert!(found.as_str().is_some_and(|text| text.len() == LARGE && text.bytes().all(|byte| byte == b'x')));
    drop(client);
    echo.join().unwrap();
}
