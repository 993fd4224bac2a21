//! With a peer in Python that speaks the original's bytes, in either role, with all that is odd about it.

use foreground::bus::socket::{Message, Options};
use foreground::bus::{ResponseError, SendResponseError};
use foreground::net::DisconnectKind;
use serde_json::json;
use tempfile::tempdir;

use crate::common::{
    ANY_PORT, Answerer, Asker, PATIENCE, address, client, disconnect, eventually, listen, outcome,
};
use crate::peer::ratchet::{Parts, Ratchet, RatchetClient, RatchetServer};

fn parts(message: &Message) -> Parts {
    Parts { body: message.body.clone(), attachments: message.attachments.clone() }
}

fn message(parts: &Parts) -> Message {
    Message { body: parts.body.clone(), attachments: parts.attachments.clone() }
}

/// An address of each kind.
fn addresses() -> (tempfile::TempDir, [String; 2]) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("socket").to_str().unwrap().to_owned();
    (folder, [ANY_PORT.to_owned(), path])
}

fn ours_and_their_client() -> (Answerer, String, RatchetClient) {
    let server = listen(&Options::new(), ANY_PORT);
    let address = address(&server).to_string();
    (server, address, Ratchet::client())
}

fn theirs_and_our_client(more: &[&str]) -> (Asker, RatchetServer) {
    let server = Ratchet::server(ANY_PORT, more);
    let address: foreground::net::Address = server.address().parse().unwrap();
    (client(&Options::new(), address), server)
}

fn respond(server: &Answerer, response: &Message) -> Message {
    let (transaction, request) = server.recv_request_timeout(PATIENCE).unwrap();
    transaction.send_response(response.clone()).unwrap();
    request
}

#[test]
fn their_client_asks_our_server() {
    let (_folder, addresses) = addresses();
    for place in addresses {
        let server = listen(&Options::new(), &place);
        let address = address(&server).to_string();
        let mut client = Ratchet::client();
        for request in [
            Parts::new(b"body", &[]),
            Parts::new(b"", &[]),
            Parts::new(b"b", &[b"", b"\0\xff", b""]),
            Parts::new(&[7; 100_000], &[&[8; 300_000]]),
        ] {
            let number = client.request(address.strip_prefix("unix:").unwrap_or(&address), &request);
            let response = Message::new("back").attach("").attach(vec![9; 100_000]);
            assert_eq!(parts(&respond(&server, &response)), request);
            assert_eq!(client.response(number), Ok(parts(&response)));
        }
    }
}

#[test]
fn our_client_asks_their_server() {
    let (_folder, addresses) = addresses();
    for place in addresses {
        let mut server = Ratchet::server(&place, &[]);
        let address: foreground::net::Address = server.address().parse().unwrap();
        let client = client(&Options::new(), address);
        for request in [
            Message::new("body"),
            Message::default(),
            Message::new("b").attach("").attach([0, 255]).attach(""),
            Message::new(vec![7; 100_000]).attach(vec![8; 300_000]),
        ] {
            let pending = client.send_request(request.clone()).unwrap();
            let seen = server.request();
            assert_eq!(message(&seen.parts), request);
            server.respond(seen.number, &Parts::new(b"back", &[b"", &[9; 100_000]]));
            let response = outcome(pending).unwrap();
            assert_eq!(response, Message::new("back").attach("").attach(vec![9; 100_000]));
        }
    }
}

#[test]
fn no_parts_are_an_empty_body_in_either_role() {
    let (server, address, mut client) = ours_and_their_client();
    let number = client.request_nothing(&address);
    assert_eq!(respond(&server, &Message::default()), Message::default());
    assert_eq!(client.response(number), Ok(Parts::default()));

    let (client, mut server) = theirs_and_our_client(&[]);
    let pending = client.send_request("?".into()).unwrap();
    let seen = server.request();
    server.respond_nothing(seen.number);
    assert_eq!(outcome(pending).unwrap(), Message::default());
}

#[test]
fn an_original_server_takes_an_empty_last_part_twice_and_an_empty_request_once() {
    let (client, mut server) = theirs_and_our_client(&["--original"]);
    let first = client.send_request(Message::new("b").attach("")).unwrap();
    let seen = server.request();
    assert!(!seen.is_phantom);
    server.respond(seen.number, &Parts::new(b"1", &[]));
    outcome(first).unwrap();
    let second = client.send_request(Message::default()).unwrap();
    let phantom = server.request();
    assert!(phantom.is_phantom, "the peer does as the original");
    let seen = server.request();
    server.respond(seen.number, &Parts::new(b"2", &[]));
    outcome(second).unwrap();
    // The empty request was sent as no parts.
    let third = client.send_request("3".into()).unwrap();
    let seen = server.request();
    assert!(!seen.is_phantom && seen.parts.body == b"3", "{seen:?}");
    server.respond(seen.number, &Parts::new(b"3", &[]));
    outcome(third).unwrap();
}

#[test]
fn what_follows_a_request_or_a_response_is_ignored() {
    let (server, address, mut client) = ours_and_their_client();
    let request = Parts::new(b"body", &[b"x"]);
    let number = client.request_in_shape(&address, &request, &json!({"after": "00010000000161"}));
    assert_eq!(parts(&respond(&server, &"back".into())), request);
    assert_eq!(client.response(number), Ok(Parts::new(b"back", &[])));
    assert!(server.try_recv_request().is_err(), "there is no phantom");

    let (client, mut server) = theirs_and_our_client(&[]);
    let pending = client.send_request("?".into()).unwrap();
    let seen = server.request();
    server.respond_in_shape(seen.number, &Parts::new(b"back", &[]), &json!({"after": "616263"}));
    assert_eq!(outcome(pending).unwrap().body, b"back");
}

#[test]
fn a_client_that_half_closes_is_answered() {
    let (server, address, mut client) = ours_and_their_client();
    let number = client.request_in_shape(&address, &Parts::new(b"b", &[]), &json!({"half_close": true}));
    assert_eq!(respond(&server, &"back".into()).body, b"b");
    assert_eq!(client.response(number), Ok(Parts::new(b"back", &[])));
}

#[test]
fn a_byte_at_a_time_is_a_message_in_the_end_and_delays_nobody() {
    let (server, address, mut client) = ours_and_their_client();
    let slow = client.request_in_shape(&address, &Parts::new(b"slow", &[]), &json!({"interval": 0.1}));
    let fast = client.request(&address, &Parts::new(b"fast", &[]));
    assert_eq!(respond(&server, &"1".into()).body, b"fast");
    assert_eq!(client.response(fast), Ok(Parts::new(b"1", &[])));
    assert_eq!(respond(&server, &"2".into()).body, b"slow");
    assert_eq!(client.response(slow), Ok(Parts::new(b"2", &[])));

    let (client, mut server) = theirs_and_our_client(&[]);
    let pending = client.send_request("?".into()).unwrap();
    let seen = server.request();
    server.respond_in_shape(seen.number, &Parts::new(b"slow", &[]), &json!({"interval": 0.02}));
    assert_eq!(outcome(pending).unwrap().body, b"slow");
}

#[test]
fn a_message_that_is_cut_short_anywhere_is_dropped_or_truncated() {
    let (server, address, mut client) = ours_and_their_client();
    let whole = Parts::new(b"ab", &[b"c"]);
    for length in 0..13 {
        let number = client.request_in_shape(&address, &whole, &json!({"truncate": length}));
        assert_eq!(client.response(number).unwrap_err().received, b"");
    }
    assert!(server.try_recv_request().is_err());

    let (client, mut server) = theirs_and_our_client(&[]);
    for length in 0..13 {
        let pending = client.send_request("?".into()).unwrap();
        let seen = server.request();
        server.respond_in_shape(seen.number, &whole, &json!({"truncate": length}));
        match outcome(pending) {
            Err(ResponseError::NoResponse) => assert_eq!(length, 0),
            Err(ResponseError::Connection(reason)) => assert_eq!(reason.kind(), DisconnectKind::Truncated),
            other => panic!("{length}: {other:?}"),
        }
    }
}

#[test]
fn a_server_that_drops_a_request_is_told_from_one_that_breaks_off() {
    let (client, mut server) = theirs_and_our_client(&[]);
    for reset in [false, true] {
        let pending = client.send_request("?".into()).unwrap();
        let seen = server.request();
        server.drop_request(seen.number, reset);
        match outcome(pending) {
            Err(ResponseError::NoResponse) => assert!(!reset),
            Err(ResponseError::Connection(reason)) => {
                assert!(reset);
                assert_eq!(reason.kind(), DisconnectKind::ClosedByPeer, "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn our_server_drops_a_request() {
    let (server, address, mut client) = ours_and_their_client();
    let number = client.request(&address, &Parts::new(b"b", &[]));
    drop(server.recv_request_timeout(PATIENCE).unwrap());
    assert_eq!(client.response(number).unwrap_err().error, "end");
}

#[test]
fn a_deaf_server_costs_its_own_request_only() {
    let deaf = Ratchet::server(ANY_PORT, &["--deaf"]);
    let address: foreground::net::Address = deaf.address().parse().unwrap();
    let options = Options::new().send_timeout(std::time::Duration::from_millis(200));
    let pending = client(&options, address).send_request(vec![0; 15_000_000].into()).unwrap();
    let (client, mut server) = theirs_and_our_client(&[]);
    let other = client.send_request("?".into()).unwrap();
    let seen = server.request();
    server.respond(seen.number, &Parts::new(b"back", &[]));
    assert_eq!(outcome(other).unwrap().body, b"back");
    assert_eq!(disconnect(pending).kind(), DisconnectKind::TimedOut);
}

#[test]
fn clients_that_read_nothing_and_reset_cost_their_own_response_only() {
    let (server, address, mut client) = ours_and_their_client();
    let deaf = client.request_in_shape(&address, &Parts::new(b"deaf", &[]), &json!({"unread": true}));
    let (transaction, _) = server.recv_request_timeout(PATIENCE).unwrap();
    transaction.send_response(vec![0; 8_000_000].into()).unwrap();
    let gone = client.request_in_shape(&address, &Parts::new(b"gone", &[]), &json!({"unread": true}));
    client.wait_until_sent(gone);
    let (transaction, _) = server.recv_request_timeout(PATIENCE).unwrap();
    client.close(gone, true);
    eventually("it is known", || transaction.is_abandoned());
    assert!(matches!(transaction.send_response("x".into()), Err(SendResponseError::Abandoned(_))));
    let good = client.request(&address, &Parts::new(b"good", &[]));
    assert_eq!(respond(&server, &"back".into()).body, b"good");
    assert_eq!(client.response(good), Ok(Parts::new(b"back", &[])));
    client.close(deaf, false);
}

#[test]
fn a_response_survives_input_that_was_not_read() {
    // The request is refused in the middle; what follows it is drained, so that no reset destroys the end.
    let server = listen(&Options::new().message_limit(1000), ANY_PORT);
    let address = address(&server).to_string();
    let mut client = Ratchet::client();
    let number = client.request(&address, &Parts::new(&[0; 500_000], &[]));
    assert_eq!(client.response(number).unwrap_err().error, "end");
    // So also beyond a whole request.
    let after = json!({"after": ["00", 900_000], "stay": true});
    let number = client.request_in_shape(&address, &Parts::new(b"b", &[]), &after);
    assert_eq!(respond(&server, &"back".into()).body, b"b");
    assert_eq!(client.response(number), Ok(Parts::new(b"back", &[])));
}
