//! Objects of extra serializers, both ways; and what happens to those that only one side knows.

use foreground::channel::{Extra, Options, ReplyError, Serializers, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::Setting;

each_setting!(
    come_from_and_go_to_aiomas,
    of_unknown_types_harm_one_request,
    unknown_to_aiomas_cost_the_connection
);

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Point {
    x: i32,
    y: f64,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Circle {
    center: Extra<Point>,
    radius: u32,
}

fn options(setting: Setting) -> Options {
    let serializers = Serializers::new().add::<Point>().unwrap().add::<Circle>().unwrap();
    setting.options().serializers(serializers)
}

const BOTH: [&str; 2] = ["--serializers", "Point,Circle"];

fn come_from_and_go_to_aiomas(setting: Setting) {
    let point = Extra(Point { x: 1, y: 2.5 });
    let circle = Extra(Circle { center: point.clone(), radius: 3 });

    let (_server, channel, _place) = setting.aiomas_server_with(&options(setting), &BOTH);
    assert_eq!(channel.call::<Extra<Point>>(&("make", "Point", &point.0)).unwrap(), point);
    assert_eq!(channel.call::<Extra<Circle>>(&("make", "Circle", &circle.0)).unwrap(), circle);
    assert_eq!(
        channel.call::<(String, Point)>(&("describe", &point)).unwrap(),
        ("Point".into(), point.0.clone())
    );
    let many = vec![Some(point.clone()), None];
    assert_eq!(channel.call::<Vec<Option<Extra<Point>>>>(&("echo", &many)).unwrap(), many);
    // Who does not know the type sees how it is made.
    let value: Value = channel.call(&("echo", &circle)).unwrap();
    assert_eq!(value.extra_type().map(|(id, _)| id), Some(1));

    let (mut client, channel, _place) = setting.aiomas_client_with(&options(setting), &BOTH);
    let line =
        json!({"$object": ["Circle", {"center": {"$object": ["Point", {"x": 1, "y": 2.5}]}, "radius": 3}]});
    client.send(std::slice::from_ref(&line));
    let request = channel.recv().unwrap();
    assert_eq!(request.content::<Extra<Circle>>().unwrap(), circle);
    request.reply(&circle).unwrap();
    assert_eq!(client.outcome().result.unwrap(), line);
}

fn of_unknown_types_harm_one_request(setting: Setting) {
    // We know points only, and the other side circles too.
    let ours = setting.options().serializers(Serializers::new().add::<Point>().unwrap());
    let members = json!({"center": null, "radius": 3});
    let (_server, channel, _place) = setting.aiomas_server_with(&ours, &BOTH);
    let error = channel.call::<Extra<Point>>(&("make", "Circle", &members)).unwrap_err();
    assert!(matches!(error, ReplyError::Content(_)), "{error}");
    assert!(error.to_string().contains("has the type 1, which is not registered"), "{error}");
    let error = channel.call::<Extra<Circle>>(&("make", "Circle", &members)).unwrap_err();
    assert!(error.to_string().contains("no extra serializer is registered for"), "{error}");
    // That we cannot send what we do not know is seen before anything is sent.
    let circle = Extra(Circle { center: Extra(Point { x: 1, y: 0.5 }), radius: 1 });
    let error = channel.request(&("describe", circle)).unwrap_err();
    assert!(error.to_string().contains("no extra serializer is registered for"), "{error}");
    assert_eq!(channel.call::<u32>(&("add", 1, 2)).unwrap(), 3);

    let (mut client, channel, _place) = setting.aiomas_client_with(&ours, &BOTH);
    client.send(&[json!({"$object": ["Circle", members]})]);
    let request = channel.recv().unwrap();
    let error = request.content::<Extra<Point>>().unwrap_err();
    request.fail(error).unwrap();
    let failure = client.outcome().result.unwrap_err();
    assert!(failure.text.contains("has the type 1, which is not registered"), "{failure:?}");
    client.send(&[json!("go on")]);
    channel.recv().unwrap().reply(&Extra(Point { x: 4, y: 0.5 })).unwrap();
    assert_eq!(client.outcome().result.unwrap(), json!({"$object": ["Point", {"x": 4, "y": 0.5}]}));
    // A reply that we cannot make fails on both sides.
    client.send(&[json!("a circle")]);
    channel
        .recv()
        .unwrap()
        .reply(&Extra(Circle { center: Extra(Point { x: 0, y: 0.5 }), radius: 3 }))
        .unwrap_err();
    let failure = client.outcome().result.unwrap_err();
    assert!(failure.text.starts_with("EncodeError: "), "{failure:?}");
}

fn unknown_to_aiomas_cost_the_connection(setting: Setting) {
    // That is how it is there, and here it is a typed error.
    let (mut server, channel, _place) =
        setting.aiomas_server_with(&options(setting), &["--serializers", "Point"]);
    let circle = Extra(Circle { center: Extra(Point { x: 1, y: 0.5 }), radius: 1 });
    let error = channel.call::<Value>(&("describe", circle)).unwrap_err();
    assert!(error.disconnect().is_some(), "{error}");
    assert_eq!(server.wait_for_loss().error, "KeyError");
}
