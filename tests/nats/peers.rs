//! Another client of NATS, in Python.

use foreground::transport::nats::{Client, Server};
use foreground::transport::{ClientTransport, ErrorKind, ServerTransport};
use serde_json::json;

use super::peer::Peer;
use super::server::NatsServer;
use super::{LONG, assert_kind, connect, echo};

#[test]
fn their_client_and_our_server() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let server = Server::new(&connection, "echo").unwrap();
    connection.flush(LONG).unwrap();
    let mut peer = Peer::start("nats_peer.py", &[&nats.address()]);
    peer.wait_for("ready");
    let echoing = echo(server.clone());
    peer.tell(&json!({"do": "request", "subject": "echo", "data": "hello"}));
    let reply = peer.wait_for("reply");
    assert_eq!((&reply["data"], &reply["headers"]), (&json!("hello"), &json!(null)));
    assert_eq!(server.stop(LONG), 0);
    assert_eq!(echoing.join().unwrap(), 1);
    peer.tell(&json!({"do": "request", "subject": "nobody", "data": "hello"}));
    assert_eq!(peer.wait_for("failed")["error"], "NoRespondersError");

    // One that drops the message tells so by the headers of NATS's services.
    let server = Server::new(&connection, "drop").unwrap();
    connection.flush(LONG).unwrap();
    peer.tell(&json!({"do": "request", "subject": "drop", "data": "hello"}));
    drop(server.receive_message().unwrap());
    let reply = peer.wait_for("reply");
    assert_eq!(reply["headers"]["Nats-Service-Error-Code"], "500");
    assert_eq!(reply["data"], "");
}

#[test]
fn our_client_and_their_server() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let mut peer = Peer::start("nats_peer.py", &[&nats.address()]);
    peer.wait_for("ready");
    peer.tell(&json!({"do": "serve", "subject": "upper"}));
    peer.wait_for("serving");
    let client = Client::new(&connection, "upper").unwrap();
    assert_eq!(client.send_message(b"hello".to_vec(), true).unwrap().unwrap(), b"HELLO");
    // A service of NATS that fails.
    let error = client.send_message(b"fail".to_vec(), true).unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(418)));
    assert_eq!(error.body(), Some(&b"details"[..]));
    assert!(error.to_string().contains("a teapot"), "{error}");
    peer.kill();
    peer.wait_for_end();
    assert_kind(client.send_message(b"hello".to_vec(), true), ErrorKind::NoResponders);
}
