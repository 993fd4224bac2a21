//! libzmq at the other side.

use std::time::Duration;

use foreground::channel::Value;
use foreground::pubsub::Bus;
use serde_json::json;

use crate::common::{ANYWHERE, Zmq, next, publisher};

#[test]
fn our_messages_reach_libzmq_byte_for_byte() {
    let (publisher, _) = publisher();
    let mut peer = Zmq::subscriber("sub", &publisher, "a");
    publisher.put("a", &("ß", [1.0, 2.5], None::<u32>)).unwrap();
    assert_eq!(peer.next(), "a [\"\u{c3}\u{9f}\",[1.0,2.5],null]");
}

#[test]
fn libzmq_subscribes_by_command_and_by_message() {
    let (publisher, _) = publisher();
    for role in ["sub", "xsub"] {
        let mut peer = Zmq::subscriber(role, &publisher, "prices");
        publisher.put("news", &1).unwrap();
        publisher.put("prices.gold", &2).unwrap();
        publisher.put("prices", &3).unwrap();
        assert_eq!(peer.next(), "prices.gold 2", "{role}");
        assert_eq!(peer.next(), "prices 3", "{role}");
    }
}

#[test]
fn messages_of_libzmq_reach_us() {
    let mut peer = Zmq::start("xpub", ANYWHERE, &[]);
    let bus = Bus::new(peer.address()).unwrap();
    let subscriber = bus.subscriber(["a", "b"]).unwrap();
    peer.wait_for_topics(&["a", "b"]);
    peer.send(&["c 1"]);
    peer.send(&["b {\"x\": NaN, \"y\": [true, \"\\ud83d\\ude00\"]}"]);
    peer.send(&["a  \"one space more\""]);
    let (channel, message) = subscriber.get_blocking::<Value>().unwrap();
    assert_eq!(channel, "b");
    assert!(message.get("x").unwrap().as_f64().unwrap().is_nan());
    assert_eq!(message.get("y").unwrap().to_string(), "[true, \"😀\"]");
    assert_eq!(next(&subscriber), ("a".into(), json!("one space more")));
}

#[test]
fn nothing_is_lost_below_the_high_water_mark_in_either_direction() {
    const COUNT: u64 = 20_000;
    let bus = Bus::new(ANYWHERE).unwrap().high_water_mark(50_000).start_delay(Duration::ZERO);
    let publisher = bus.publisher().unwrap();
    let mut peer = Zmq::start("sub", publisher.address(), &["--subscribe", "a", "--hwm", "50000"]);
    peer.meet(&publisher, "a");
    peer.tell("quiet");
    let before = peer.count();
    (0..COUNT).for_each(|n| publisher.put("a", &n).unwrap());
    assert_eq!(peer.wait_for_count(before + COUNT), before + COUNT);
    assert_eq!(publisher.dropped(), 0);

    let mut peer = Zmq::start("xpub", ANYWHERE, &["--hwm", "50000"]);
    let subscriber = Bus::new(peer.address()).unwrap().high_water_mark(50_000).subscriber("a").unwrap();
    peer.wait_for_topics(&["a"]);
    peer.0.tell(&json!({"do": "flood", "channel": "a", "count": COUNT, "size": 100}));
    for n in 0..COUNT {
        assert_eq!(next(&subscriber).1["n"], n);
    }
}

#[test]
fn many_subscribers_of_libzmq_get_the_same() {
    let (publisher, _) = publisher();
    let mut peers: Vec<_> =
        (0..4).map(|_| Zmq::start("sub", publisher.address(), &["--subscribe", ""])).collect();
    peers.iter_mut().for_each(|peer| peer.meet(&publisher, "x"));
    (0..100).for_each(|n| publisher.put("x", &n).unwrap());
    for peer in &mut peers {
        (0..100).for_each(|n| assert_eq!(peer.next(), format!("x {n}")));
    }
}
