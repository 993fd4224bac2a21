//! Messages that do not decode, frames that are none, peers that do not speak the protocol. Nothing else is lost.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use foreground::pubsub::{Bus, DecodeError, GetError};
use serde_json::json;

use crate::common::{ANYWHERE, Zmq, meet, next, publisher, received};
use crate::raw::Raw;

fn undecodable(result: Result<(String, serde_json::Value), GetError>) -> DecodeError {
    match result {
        Err(GetError::Decode(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn odd_frames_are_typed_errors_and_the_next_message_is_fine() {
    let mut peer = Zmq::start("xpub", ANYWHERE, &[]);
    let subscriber = Bus::new(peer.address()).unwrap().subscriber("").unwrap();
    peer.wait_for_topics(&[""]);

    peer.send(&["a {\"x\": "]);
    peer.send(&["a 1"]);
    let error = undecodable(received(&subscriber));
    assert_eq!((error.channel(), error.bytes()), (Some("a"), &b"{\"x\": "[..]));
    assert!(error.to_string().starts_with("a message on \"a\" cannot be read: no JSON at byte 6"), "{error}");
    assert_eq!(next(&subscriber), ("a".into(), json!(1)));

    for (frames, channel, text) in [
        (&["nospace"][..], None, "what came is no message: it has no space, which ends the channel"),
        (&[""], None, "what came is no message: it has no space, which ends the channel"),
        (&["a 1", "b 2"], None, "what came is no message: it has 2 frames and not one"),
        (&["a ", "", ""], None, "what came is no message: it has 3 frames and not one"),
        (&["a "], Some("a"), "a message on \"a\" cannot be read: no JSON at byte 0: the text ends too early"),
        (
            &["a 1 2"],
            Some("a"),
            "a message on \"a\" cannot be read: no JSON at byte 2: more text follows the value",
        ),
        (&["a \u{ff}"], Some("a"), "a message on \"a\" cannot be read: the message is no UTF-8 at byte 0"),
        (&["\u{ff} 1"], None, "what came is no message: the channel is no UTF-8"),
    ] {
        peer.send(frames);
        peer.send(&["b 2"]);
        let error = undecodable(received(&subscriber));
        assert_eq!((error.channel(), error.to_string().as_str()), (channel, text), "{frames:?}");
        assert_eq!(next(&subscriber), ("b".into(), json!(2)), "{frames:?}");
    }
    assert_eq!(subscriber.undecoded(), 9);
    // The space ends the channel, be it empty.
    peer.send(&[" 3"]);
    assert_eq!(next(&subscriber), (String::new(), json!(3)));
}

#[test]
fn a_message_of_another_type_is_an_error_and_the_next_one_is_fine() {
    let (publisher, bus) = publisher();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    publisher.put("a", "seven").unwrap();
    publisher.put("a", &8).unwrap();
    let mut messages = subscriber.iter::<u32>();
    let error = messages.next().unwrap().unwrap_err();
    assert!(matches!(&error, GetError::Decode(error) if error.bytes() == b"\"seven\""), "{error}");
    assert_eq!(messages.next().unwrap().unwrap(), ("a".into(), 8));
    subscriber.close();
    assert!(messages.next().is_none());
}

#[test]
fn a_peer_of_version_3_0_subscribes_by_a_message() {
    let (publisher, _) = publisher();
    let mut peer = Raw::subscriber(publisher.address());
    peer.frame(0, b"\x01never");
    peer.frame(0, b"\x00never");
    peer.frame(0, b"\x01a");
    // It has no way to tell that it is subscribed.
    let is_read = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_read.load(Ordering::Relaxed) {
                publisher.put(["never", "a.b"], "x").unwrap();
                thread::yield_now();
            }
        });
        let wanted = (0, b"a.b \"x\"".to_vec());
        // By then it has unsubscribed from the other, which may have come before.
        while peer.read() != wanted {}
        (0..10).for_each(|_| assert_eq!(peer.read(), wanted));
        is_read.store(true, Ordering::Relaxed);
    });
}

#[test]
fn we_subscribe_to_a_publisher_of_version_3_0_by_a_message() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let subscriber = Bus::new(&address).unwrap().subscriber(["a", "b"]).unwrap();
    let mut peer = Raw::publisher(&listener);
    assert_eq!(peer.read(), (0, b"\x01a".to_vec()));
    assert_eq!(peer.read(), (0, b"\x01b".to_vec()));
    peer.frame(0, b"a [1]");
    assert_eq!(next(&subscriber), ("a".into(), json!([1])));
    // What was not asked for, as from a publisher that does not filter, is got as it is; unless it was to be exact.
    let subscriber = subscriber.exact();
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.push(peer.read().1);
    }
    seen.sort();
    assert_eq!(seen, [b"\x00a".to_vec(), b"\x00b".to_vec(), b"\x01a ".to_vec(), b"\x01b ".to_vec()]);
    peer.frame(0, b"ab 1");
    peer.frame(0, b"b 2");
    assert_eq!(next(&subscriber), ("b".into(), json!(2)));
}

#[test]
fn rubbish_harms_its_own_connection_only() {
    let (publisher, bus) = publisher();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let address = publisher.address().strip_prefix("tcp://").unwrap();
    let idle = TcpStream::connect(address).unwrap();
    let mut web = TcpStream::connect(address).unwrap();
    web.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    let mut endless = Raw::subscriber(publisher.address());
    endless.write(b"\x02\x7f\xff\xff\xff\xff\xff\xff\xff"); // a frame of 2^63 - 1 bytes
    endless.wait_for_end();
    let mut talker = Raw::subscriber(publisher.address());
    talker.frame(0, b"what a subscriber does not say");
    talker.frame(4, b"\x07UNKNOWN");
    for n in 0..100 {
        publisher.put("a", &n).unwrap();
        assert_eq!(next(&subscriber).1, n);
    }
    drop(idle);
}

#[test]
fn a_frame_over_the_limit_costs_the_connection_and_no_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let subscriber = Bus::new(&address).unwrap().message_limit(1000).subscriber("").unwrap();
    let mut peer = Raw::publisher(&listener);
    peer.frame(0, b"a 1");
    assert_eq!(next(&subscriber).1, 1);
    peer.write(b"\x02\0\0\0\x01\0\0\0\0");
    peer.wait_for_end();
    // It comes again.
    let mut peer = Raw::publisher(&listener);
    peer.frame(0, b"a 2");
    assert_eq!(next(&subscriber).1, 2);
}
