//! Messages and crowds that are too large.

use std::thread;

use foreground::nats;
use foreground::transport::nats::{Client, Options, Server};
use foreground::transport::{ClientTransport, ErrorKind, ReplyError, ServerTransport};

use super::server::NatsServer;
use super::{LONG, assert_kind, connect, echo};

#[test]
fn the_server_limits_what_is_sent() {
    let nats = NatsServer::start_configured("max_payload: 1000", &[]);
    let connection = connect(&nats);
    assert_eq!(connection.server_limit(), 1000);
    let server = Server::new(&connection, "limit").unwrap();
    let client = Client::new(&connection, "limit").unwrap();
    assert_kind(client.send_message(vec![0; 1001], true), ErrorKind::TooLarge);
    assert_kind(client.send_message(vec![0; 1001], false), ErrorKind::TooLarge);
    let asking = {
        let client = client.clone();
        thread::spawn(move || client.send_message(vec![0; 1000], true))
    };
    let (context, message) = server.receive_message().unwrap();
    assert_eq!(message.len(), 1000);
    match context.reply(vec![0; 1001]) {
        Err(ReplyError::Failed(error)) => assert_eq!(error.kind(), ErrorKind::TooLarge),
        other => panic!("{other:?}"),
    }
    // Who asked is told at once.
    assert_kind(asking.join().unwrap(), ErrorKind::TooLarge);
    // Nothing of that reached the server, which would have ended the connection.
    let echoing = echo(server.clone());
    assert_eq!(client.send_message(vec![1; 1000], true).unwrap().unwrap().len(), 1000);
    assert_eq!(connection.reconnects(), 0);
    server.close();
    echoing.join().unwrap();
}

#[test]
fn each_side_limits_what_it_takes() {
    let nats = NatsServer::start();
    let small = nats::Options::new().message_limit(100).connect(nats.address()).unwrap();
    let large = connect(&nats);
    let server = Server::new(&small, "small").unwrap();
    small.flush(LONG).unwrap();
    let echoing = echo(server.clone());
    let client = Client::new(&large, "small").unwrap();
    assert_eq!(client.send_message(vec![0; 100], true).unwrap().unwrap().len(), 100);
    assert_kind(client.send_message(vec![0; 101], true), ErrorKind::TooLarge);
    server.close();
    assert_eq!(echoing.join().unwrap(), 1);

    let server = Server::new(&large, "large").unwrap();
    large.flush(LONG).unwrap();
    let client = Client::new(&small, "large").unwrap();
    let asking = thread::spawn(move || client.send_message(vec![0; 1000], true));
    let (context, message) = server.receive_message().unwrap();
    assert_eq!(message.len(), 1000);
    context.reply(vec![0; 101]).unwrap();
    assert_kind(asking.join().unwrap(), ErrorKind::TooLarge);
}

#[test]
fn who_has_too_much_to_answer_says_so() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let server = Options::new().unanswered_limit(2, usize::MAX).serve(&connection, "busy").unwrap();
    let client = Client::new(&connection, "busy").unwrap().with_timeout(None);
    let ask = || {
        let client = client.clone();
        thread::spawn(move || client.send_message(b"hello".to_vec(), true))
    };
    let asking = [ask(), ask()];
    let received = [server.receive_message().unwrap(), server.receive_message().unwrap()];
    assert_kind(client.send_message(b"hello".to_vec(), true), ErrorKind::Busy);
    for (context, message) in received {
        context.reply(message).unwrap();
    }
    asking.into_iter().for_each(|thread| assert!(thread.join().unwrap().is_ok()));
    // And then it takes messages again.
    let echoing = echo(server.clone());
    assert!(client.send_message(b"hello".to_vec(), true).is_ok());
    server.close();
    echoing.join().unwrap();
}
