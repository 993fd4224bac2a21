//! What is no message, in all ways: it costs its own connection, and no other.

use std::cell::Cell;
use std::sync::OnceLock;

use foreground::channel::{Channel, Value};
use foreground::net::DisconnectKind;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::alone::resident;
use crate::raw::{Raw, frame, framed, message, payload, request};
use crate::support::{Place, Setting, echo};

each_setting!(ends_the_connection_with_a_reason, cut_short_is_told, harms_no_other_connection);
each_setting_alone!(announced_takes_no_memory);

/// Has the peer write something bad, after a good request, and returns how we were told.
fn told_of(setting: Setting, bytes: &[u8]) -> (DisconnectKind, String) {
    let (mut peer, channel) = setting.raw_client();
    peer.send(&request(1, "good"));
    peer.write(bytes).unwrap();
    let good = channel.recv().unwrap();
    let error = channel.recv().unwrap_err();
    let pending = channel.request("after it").unwrap_err();
    assert!(pending.disconnect().is_some(), "{pending}");
    drop((good, channel));
    // The peer is told why, and that is the end.
    let farewell = peer.messages().pop().expect("something was said");
    assert_eq!(farewell[..2], [2.into(), Value::Null], "{farewell:?}");
    let reason = error.disconnect().unwrap();
    let text = farewell[2].as_str().unwrap();
    assert_eq!(text, format!("ProtocolError: {reason}\n"));
    (reason.kind(), reason.to_string())
}

fn ends_the_connection_with_a_reason(setting: Setting) {
    let malformed: Vec<(Vec<u8>, &str)> = vec![
        (frame(setting, &message(3, 1, "x")), "type"),
        (frame(setting, &message(-1, 1, "x")), "type"),
        (frame(setting, &message(i64::MAX, 1, "x")), "type"),
        (frame(setting, &Value::Array(vec!["0".into(), 1.into(), "x".into()])), "type"),
        (frame(setting, &Value::Array(vec![0.into(), 1.into()])), "array"),
        (frame(setting, &Value::Array(vec![0.into(), 1.into(), 2.into(), 3.into()])), "array"),
        (frame(setting, &Value::Array(vec![])), "array"),
        (frame(setting, &Value::from([("type", 0)])), "array"),
        (frame(setting, &Value::Null), "array"),
        (frame(setting, &"text".into()), "array"),
        (framed(b""), ""),
        // More follows than one message.
        (framed(&[payload(setting, &request(1, "x")), b"1".to_vec()].concat()), ""),
        // It is announced longer than it is.
        (framed(payload(setting, &request(1, "x")).split_last().unwrap().1), ""),
        // An id that would have to be kept.
        (frame(setting, &request("x".repeat(5000), "x")), "id"),
        // So deep that reading it could exhaust the stack.
        (framed(&deep(setting, 100_000)), "deep"),
    ];
    for (bytes, hint) in malformed {
        let (kind, text) = told_of(setting, &bytes);
        assert_eq!(
            kind,
            DisconnectKind::Malformed,
            "{text}: {:?}",
            bytes.escape_ascii().to_string().get(..80)
        );
        assert!(text.contains(hint), "{text}");
    }
    let (kind, text) = told_of(setting, &[0xff; 4]);
    assert_eq!(kind, DisconnectKind::TooLarge);
    assert!(text.contains("4294967295 bytes"), "{text}");
    let (kind, text) = told_of(setting, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n");
    assert_eq!(kind, DisconnectKind::TooLarge);
    assert!(text.contains("HTTP"), "{text}");
}

fn deep(setting: Setting, levels: usize) -> Vec<u8> {
    match setting.is_json() {
        true => [b"[0,1,".to_vec(), vec![b'['; levels], vec![b']'; levels], b"]".to_vec()].concat(),
        false => [vec![0x93, 0, 1], vec![0x91; levels], vec![0xc0]].concat(),
    }
}

fn cut_short_is_told(setting: Setting) {
    let whole = frame(setting, &request(2, "never whole"));
    for length in 0..whole.len() {
        let (mut peer, channel) = setting.raw_client();
        peer.send(&request(1, "good"));
        peer.write(&whole[..length]).unwrap();
        peer.half_close();
        let good = channel.recv().unwrap();
        let error = channel.recv().unwrap_err();
        let expected = if length == 0 { DisconnectKind::ClosedByPeer } else { DisconnectKind::Truncated };
        assert_eq!(error.disconnect().unwrap().kind(), expected, "{error}");
        // The answer to what came whole is still welcome.
        good.reply("answer").unwrap();
        assert_eq!(peer.messages(), [[1.into(), 1.into(), "answer".into()]]);
    }
}

/// A server that echoes each connection's requests, and an honest client of it.
struct Server {
    place: Place,
    honest: Channel,
}

impl Server {
    fn start(setting: Setting) -> Self {
        let (listener, place) = setting.listen();
        std::thread::spawn(move || {
            for channel in listener.incoming() {
                // It ends when its peer has gone.
                let _ = echo(channel);
            }
        });
        let honest = setting.options().connect(&place.address).unwrap();
        Self { place, honest }
    }
}

fn harms_no_other_connection(setting: Setting) {
    let server = Server::start(setting);
    let good =
        frame(setting, &request(1, vec![Value::from("some"), 1.5.into(), Value::from([("content", true)])]));
    let frames = prop_oneof![
        // Anything.
        prop::collection::vec(any::<u8>(), 0..200),
        // Anything with its right length.
        prop::collection::vec(any::<u8>(), 0..200).prop_map(|payload| framed(&payload)),
        // A message with some bits turned over, and in front of it good ones.
        (0..3_usize, prop::collection::vec((0..good.len(), 0..8_u8), 1..4)).prop_map(
            move |(before, flips)| {
                let mut bad = good.clone();
                flips.iter().for_each(|&(byte, bit)| bad[byte] ^= 1 << bit);
                [good.repeat(before), bad].concat()
            }
        ),
    ];
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() });
    let number = Cell::new(0);
    runner
        .run(&frames, |bytes| {
            let mut peer = Raw::connect(setting, &server.place.address);
            // It may be cut off meanwhile.
            let _ = peer.write(&bytes);
            peer.half_close();
            peer.wait_for_end();
            number.set(number.get() + 1);
            prop_assert_eq!(server.honest.call::<u64>(&number.get()).unwrap(), number.get());
            Ok(())
        })
        .unwrap();
}

fn announced_takes_no_memory(setting: Setting) {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(|| Server::start(setting));
    assert_eq!(server.honest.call::<u32>(&1).unwrap(), 1);
    let before = resident();
    // Each announces the most that is allowed, and sends one byte of it.
    let peers: Vec<_> = (0..100)
        .map(|_| {
            let mut peer = Raw::connect(setting, &server.place.address);
            peer.write(&(16_u32 << 20).to_be_bytes()).unwrap();
            peer.write(b"[").unwrap();
            peer
        })
        .collect();
    // And these announce what nobody could hold.
    for _ in 0..100 {
        let mut peer = Raw::connect(setting, &server.place.address);
        peer.write(&u32::MAX.to_be_bytes()).unwrap();
        peer.half_close();
        peer.wait_for_end();
    }
    assert_eq!(server.honest.call::<u32>(&2).unwrap(), 2);
    let grown = resident().saturating_sub(before);
    // The stacks of the echoing threads and 64 KiB for each message that has begun; announced were 500 GB.
    assert!(grown < 40 << 20, "{grown} bytes more");
    drop(peers);
}
