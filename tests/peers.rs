//! The peers of the tests of connections, by themselves: that they work, end, and tell when they do not.

#![cfg(unix)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};
use tempfile::tempdir;

use self::peer::aiomas::{Aiomas, Codec};
use self::peer::ratchet::{Parts, Ratchet};
use self::peer::{Peer, run};

#[path = "support/peer/mod.rs"]
mod peer;

const ANY_PORT: &str = "127.0.0.1:0";

#[test]
fn aiomas_passes_its_own_test() {
    assert_eq!(run("aiomas_peer.py", &["selftest"]).len(), 4, "two codecs over two kinds of sockets");
}

#[test]
fn ratchet_passes_its_own_test() {
    assert_eq!(run("ratchet_peer.py", &["selftest"]).len(), 3);
}

#[test]
fn aiomas_can_be_measured() {
    for codec in ["json", "msgpack"] {
        let arguments = ["--codec", codec, "--round-trips", "20", "--in-flight", "10", "--rounds", "2"];
        let lines = run("aiomas_bench.py", &arguments);
        let figures: Value = serde_json::from_str(&lines[0]).expect("the figures are JSON");
        assert!(figures["round_trip_ns"]["median"].as_f64() > Some(0.0), "{figures}");
        assert!(figures["requests_per_second"]["median"].as_f64() > Some(0.0), "{figures}");
    }
}

#[test]
fn aiomas_talks_with_itself() {
    let folder = tempdir().expect("there is room for a folder");
    for codec in Codec::ALL {
        let path = folder.path().join(format!("{codec:?}"));
        for address in [ANY_PORT, path.to_str().expect("its name is text")] {
            let mut server = Aiomas::server(codec, address);
            let mut client = Aiomas::client(codec, server.address());
            let (_, from) = server.wait_for_connection();
            if address == ANY_PORT {
                assert_eq!(from.as_deref(), Some(client.address()));
            }
            assert_eq!(client.call(json!(["add", 2, 3])), Ok(json!(5)));
            let failure = client.call(json!(["fail", "as asked"])).expect_err("it was asked to fail");
            assert_eq!(failure.error, "RemoteException");
            assert!(failure.text.ends_with("ValueError: as asked\n"), "{}", failure.text);
            assert_eq!(failure.origin.as_deref(), Some(server.address()));

            client.send(&[json!(["hold", "a"]), json!(["hold", "b"]), json!(["release", "b", "a"])]);
            let order: Vec<_> = (0..3).map(|_| client.outcome().number - 2).collect();
            assert_eq!(order, [1, 0, 2]);

            assert_eq!(server.call(json!(["echo", [null]])), Ok(json!([null])));
            assert_eq!(client.counts().contents, [json!(["echo", [null]])]);

            client.send(&[json!(["never"])]);
            client.close();
            assert_eq!(client.outcome().result.expect_err("it was under way").error, "ConnectionResetError");
            assert_eq!(server.wait_for_loss().error, "ConnectionResetError");
        }
    }
}

#[test]
fn aiomas_has_classes_in_the_order_of_its_arguments() {
    let start = |role, address: &str| {
        Aiomas::start(role, Codec::Json, address, &["--serializers", "Circle,Point"]).expect("it connects")
    };
    let server = start("server", ANY_PORT);
    let mut client = start("client", server.address());
    let point = json!({"$object": ["Point", {"x": 1, "y": 2}]});
    assert_eq!(client.call(json!(["make", "Point", {"x": 1, "y": 2}])), Ok(point));
    // What comes over the wire is seen by who does not know the class: typeid 1.
    let mut stranger = Aiomas::client(Codec::Json, server.address());
    stranger.send(&[json!(["make", "Point", {"x": 1, "y": 2}])]);
    let loss = stranger.wait_for_loss();
    assert_eq!((&*loss.error, &*loss.text), ("KeyError", "1"));
}

#[test]
fn a_client_of_aiomas_tells_that_nobody_listens() {
    let folder = tempdir().expect("there is room for a folder");
    let path = folder.path().join("nobody");
    let refused = Aiomas::start("client", Codec::Json, path.to_str().expect("its name is text"), &[]);
    assert_eq!(refused.err().expect("nobody listens").error, "FileNotFoundError");
}

#[test]
fn ratchet_talks_with_itself() {
    let folder = tempdir().expect("there is room for a folder");
    let path = folder.path().join("socket");
    for address in [ANY_PORT, path.to_str().expect("its name is text")] {
        let mut server = Ratchet::server(address, &[]);
        let mut client = Ratchet::client();
        let request = Parts::new(b"body", &[b"", b"\0\xff"]);
        let first = client.request(server.address(), &request);
        let at_first = server.request();
        assert_eq!(at_first.parts, request);
        let second = client.request_nothing(server.address());
        let at_second = server.request();
        assert_eq!(at_second.parts, Parts::default());

        server.respond_nothing(at_second.number);
        assert_eq!(client.response(second), Ok(Parts::default()));
        server.respond(at_first.number, &request);
        assert_eq!(client.response(first), Ok(request));

        let cut = client.request_in_shape(server.address(), &Parts::new(b"b", &[]), &json!({"truncate": 6}));
        assert_eq!(server.incomplete().received, [0, 1, 0, 0, 0, 1]);
        assert_eq!(client.response(cut).expect_err("it was not asked").error, "end");

        let idle = client.open(server.address());
        client.close(idle, false);
        assert_eq!(server.incomplete().received, b"");
    }
}

#[test]
fn a_peer_that_dies_is_noticed() {
    for die in [json!(["die"]), json!(["die", "half"])] {
        let mut server = Aiomas::server(Codec::Json, ANY_PORT);
        let mut client = Aiomas::client(Codec::Json, server.address());
        client.send(&[die]);
        assert_eq!(client.outcome().result.expect_err("it died").error, "ConnectionResetError");
        assert_eq!(server.peer.wait_for_end().0.code(), Some(9));
        let message = panic_of(|| drop(server.outcome()));
        assert!(message.contains("ended without the event outcome"), "{message}");
    }
}

#[test]
fn a_killed_peer_is_noticed() {
    let server = Aiomas::server(Codec::MsgPack, ANY_PORT);
    let mut client = Aiomas::client(Codec::MsgPack, server.address());
    client.send(&[json!(["never"])]);
    // It is killed.
    drop(server);
    assert_eq!(client.outcome().result.expect_err("nobody answers").error, "ConnectionResetError");
    client.wait_for_loss();
}

#[test]
fn what_a_peer_cannot_do_is_told() {
    let mut peer = Aiomas::server(Codec::Json, ANY_PORT).peer;
    peer.tell(&json!({"do": "unheard of"}));
    let message = panic_of(|| drop(peer.wait_for("done")));
    assert!(message.contains("ended without the event done"), "{message}");
    let errors = peer.into_errors();
    assert!(errors.contains("Traceback") && errors.contains("unheard of"), "{errors}");
}

#[test]
fn a_peer_ends_with_its_input() {
    for (script, arguments) in [
        ("aiomas_peer.py", &["server", "--address", ANY_PORT] as &[_]),
        ("ratchet_peer.py", &["server"]),
        ("ratchet_peer.py", &["client"]),
    ] {
        let mut peer = Peer::start(script, arguments);
        peer.wait_for("ready");
        peer.end_input();
        let (status, lines) = peer.wait_for_end();
        assert!(status.success(), "{script}: {status}");
        assert_eq!(lines, [""; 0]);
    }
}

/// Runs what has to panic, and returns with what words.
fn panic_of(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it panics");
    panic.downcast_ref::<String>().expect("it does so with words").clone()
}
