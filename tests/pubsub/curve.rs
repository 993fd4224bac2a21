//! CURVE: with the right keys, and the wrong ones, by ours and by libzmq's.

use std::time::Duration;

use foreground::MessageRouter;
use foreground::pubsub::{Bus, ErrorKind, GetError};
use foreground::zmq::Keys;
use serde_json::{Value, json};

use crate::common::{ANYWHERE, PATIENCE, Zmq, meet, next, publisher_of, received};

fn secret(keys: &Keys) -> String {
    format!("{},{}", keys.public(), keys.secret().to_z85())
}

/// Says why a subscriber that gets no message gets none.
fn refusal(bus: &Bus) -> String {
    let subscriber = bus.subscriber("").unwrap();
    match received(&subscriber) {
        Err(GetError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_has_the_keys_gets_the_messages_and_all_of_them() {
    let (server, client) = (Keys::generate(), Keys::generate());
    let bus = Bus::new(ANYWHERE).unwrap().curve_server(server.clone()).allow([client.public()]);
    let (publisher, bus) = publisher_of(bus.high_water_mark(20_000));
    let bus = bus.curve_client(client.clone(), server.public()).high_water_mark(20_000);
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let keys = format!("{},{}", secret(&client), server.public());
    let mut peer = Zmq::start(
        "sub",
        publisher.address(),
        &["--subscribe", "a", &format!("--curve={keys}"), "--hwm", "20000"],
    );
    peer.meet(&publisher, "a");
    publisher.put("a", "the first").unwrap();
    while next(&subscriber).1 != "the first" {}
    assert_eq!(peer.next(), "a \"the first\"");
    (0..10_000).for_each(|n| publisher.put("a", &n).unwrap());
    (0..10_000).for_each(|n| assert_eq!(next(&subscriber).1, n));
    (0..10_000).for_each(|n| assert_eq!(peer.next(), format!("a {n}")));
}

#[test]
fn we_get_the_messages_of_libzmq_with_keys() {
    let (server, client) = (Keys::generate(), Keys::generate());
    let mut peer = Zmq::start("xpub", ANYWHERE, &[&format!("--curve={}", secret(&server))]);
    let bus = Bus::new(peer.address()).unwrap();
    let subscriber = bus.clone().curve_client(client.clone(), server.public()).subscriber("a").unwrap();
    peer.wait_for_topics(&["a"]);
    peer.send(&["a 1"]);
    assert_eq!(next(&subscriber).1, 1);
    assert!(!refusal(&bus).is_empty(), "without keys");
    assert!(!refusal(&bus.curve_client(client, Keys::generate().public())).is_empty(), "a wrong key");
}

#[test]
fn a_wrong_key_is_an_error_at_once_and_costs_nobody_else_anything() {
    let (server, client) = (Keys::generate(), Keys::generate());
    let bus = Bus::new(ANYWHERE).unwrap().curve_server(server.clone()).allow([client.public()]);
    let (publisher, bus) = publisher_of(bus);
    let subscriber = bus.clone().curve_client(client.clone(), server.public()).subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);

    let wrong_server = bus.clone().curve_client(client, Keys::generate().public());
    let wrong_client = bus.clone().curve_client(Keys::generate(), server.public());
    for (bus, which) in [(&wrong_server, "server's key"), (&wrong_client, "client's key"), (&bus, "no keys")]
    {
        assert!(!refusal(bus).is_empty(), "{which}");
    }
    let stranger = format!("{},{}", secret(&Keys::generate()), server.public());
    let mut peer =
        Zmq::start("sub", publisher.address(), &["--subscribe", "a", &format!("--curve={stranger}")]);
    peer.0.wait_for("refused");

    for n in 0..100 {
        publisher.put("a", &n).unwrap();
        assert_eq!(next(&subscriber).1, n);
    }
    assert_eq!(peer.count(), 0);
}

#[test]
fn a_refusal_is_told_in_the_foreground_too() {
    let server = Keys::generate();
    let (_publisher, bus) = publisher_of(Bus::new(ANYWHERE).unwrap().curve_server(server));
    let router: MessageRouter<Vec<GetError>> = MessageRouter::new(|| {});
    router.start().unwrap();
    let subscriber = bus.curve_client(Keys::generate(), Keys::generate().public()).subscriber("").unwrap();
    let _serving = subscriber
        .deliver_all_to(&router, |errors: &mut Vec<_>, received: Result<(&str, Value), _>| {
            errors.extend(received.err());
        })
        .unwrap();
    let mut errors = Vec::new();
    router.route_until(&mut errors, |errors| !errors.is_empty(), PATIENCE).unwrap();
    assert!(matches!(errors[0], GetError::Refused(_)), "{errors:?}");
}

#[test]
fn a_subscriber_that_was_refused_gets_messages_from_who_has_the_key() {
    let (server, client) = (Keys::generate(), Keys::generate());
    let other = Bus::new(ANYWHERE).unwrap().curve_server(Keys::generate());
    let (wrong, bus) = publisher_of(other);
    let subscriber = bus.curve_client(client, server.public()).subscriber("a").unwrap();
    assert!(matches!(received(&subscriber), Err(GetError::Refused(_))));
    let address = wrong.address().to_owned();
    wrong.stop(Duration::ZERO);
    let (right, _) = publisher_of(Bus::new(address).unwrap().curve_server(server));
    meet(&right, "a", &subscriber);
    right.put("a", &json!(1)).unwrap();
    assert_eq!(next(&subscriber).1, 1);
}

#[test]
fn settings_that_contradict_each_other_are_an_error_and_never_no_security() {
    let keys = Keys::generate();
    let bus = || Bus::new("inproc://contradicting").unwrap();
    let refused = |bus: Bus, what: &str| {
        let errors = [bus.publisher().err(), bus.forwarder(ANYWHERE).err()];
        for error in errors {
            assert_eq!(error.expect(what).kind(), ErrorKind::InvalidInput, "{what}");
        }
    };
    refused(bus().allow([keys.public()]), "`allow` without keys");
    refused(bus().curve_client(keys.clone(), keys.public()), "who listens is no client");
    let server = bus().curve_server(keys.clone());
    for error in [server.subscriber("").err(), server.connected_publisher().err()] {
        assert_eq!(error.expect("who connects is no server").kind(), ErrorKind::InvalidInput);
    }
    let allowing = bus().allow([keys.public()]);
    assert_eq!(allowing.subscriber("").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn whom_to_allow_may_be_said_first() {
    let (server, client) = (Keys::generate(), Keys::generate());
    let bus = Bus::new(ANYWHERE).unwrap().allow([client.public()]).curve_server(server.clone());
    let (publisher, bus) = publisher_of(bus);
    let stranger = bus.clone().curve_client(Keys::generate(), server.public());
    assert!(!refusal(&stranger).is_empty());
    let subscriber = bus.curve_client(client, server.public()).subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
}
