//! The server is killed, comes back, or does not.

use std::thread;
use std::time::{Duration, Instant};

use foreground::nats::{Connection, Options, State};
use foreground::transport::nats::{Client, Server};
use foreground::transport::{ClientTransport, ErrorKind, ServerTransport};

use super::server::NatsServer;
use super::{LONG, assert_kind, echo, eventually};

fn connect(nats: &NatsServer) -> Connection {
    let options = Options::new().reconnect_pause(Duration::from_millis(20));
    options.connect(nats.address()).unwrap()
}

#[test]
fn a_call_under_way_fails_and_the_next_works() {
    let mut nats = NatsServer::start();
    let (here, there) = (connect(&nats), connect(&nats));
    let server = Server::new(&here, "work").unwrap();
    here.flush(LONG).unwrap();
    let client = Client::new(&there, "work").unwrap().with_timeout(LONG);
    for _ in 0..3 {
        let start = Instant::now();
        let asking = {
            let client = client.clone();
            thread::spawn(move || client.send_message(b"before".to_vec(), true))
        };
        let (context, _) = server.receive_message().unwrap();
        nats.kill();
        // As soon as it is seen, and not when the time is over.
        assert_kind(asking.join().unwrap(), ErrorKind::Disconnected);
        assert!(start.elapsed() < LONG / 2);
        eventually("the server sees it too", || here.state() == State::Reconnecting);
        // It is sent when the connection is back, and nobody waits for it.
        context.reply("late").unwrap();
        // A call that is made meanwhile waits for the connection.
        let asking = {
            let client = client.clone();
            thread::spawn(move || client.send_message(b"meanwhile".to_vec(), true))
        };
        nats.start_again();
        eventually("it serves again", || here.state() == State::Connected);
        eventually("it has been answered", || {
            if let Ok((context, message)) = server.try_receive_message() {
                context.reply(message).unwrap();
            }
            asking.is_finished()
        });
        match asking.join().unwrap() {
            Ok(reply) => assert_eq!(reply.unwrap(), b"meanwhile"),
            // The client came back before the server did.
            Err(error) => assert_eq!(error.kind(), ErrorKind::NoResponders, "{error}"),
        }
        here.flush(LONG).unwrap();
        let asking = {
            let client = client.clone();
            thread::spawn(move || client.send_message(b"after".to_vec(), true))
        };
        let (context, message) = server.receive_message().unwrap();
        assert_eq!(message, b"after");
        context.reply(message).unwrap();
        assert_eq!(asking.join().unwrap().unwrap().unwrap(), b"after");
    }
    assert_eq!((here.reconnects(), there.reconnects()), (3, 3));
}

#[test]
fn a_server_that_is_gone_for_good() {
    let mut nats = NatsServer::start();
    let connection = connect(&nats);
    let _server = Server::new(&connection, "work").unwrap();
    let client = Client::new(&connection, "work").unwrap().with_timeout(Duration::from_millis(50));
    nats.kill();
    eventually("it is seen", || connection.state() == State::Reconnecting);
    for expect_reply in [true, false] {
        let error = client.send_message(b"hello".to_vec(), expect_reply).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    }
    assert_kind(connection.flush(Duration::from_millis(10)), ErrorKind::Unreachable);
    // What is made meanwhile serves when it can.
    let server = Server::new(&connection, "more").unwrap();
    let echoing = echo(server.clone());
    nats.start_again();
    eventually("it is back", || connection.state() == State::Connected);
    connection.flush(LONG).unwrap();
    let client = Client::new(&connection, "more").unwrap();
    assert_eq!(client.send_message(b"hello".to_vec(), true).unwrap().unwrap(), b"hello");
    server.close();
    echoing.join().unwrap();
}

#[test]
fn a_server_that_hangs() {
    let nats = NatsServer::start();
    let options =
        Options::new().ping_interval(Duration::from_millis(100)).reconnect_pause(Duration::from_millis(20));
    let connection = options.connect(nats.address()).unwrap();
    let server = Server::new(&connection, "work").unwrap();
    let echoing = echo(server.clone());
    let client = Client::new(&connection, "work").unwrap();
    client.send_message(b"before".to_vec(), true).unwrap();
    nats.signal("STOP");
    // Its silence is taken for its end.
    assert_kind(
        client.clone().with_timeout(LONG).send_message(b"hello".to_vec(), true),
        ErrorKind::Disconnected,
    );
    nats.signal("CONT");
    eventually("it is back", || connection.state() == State::Connected);
    connection.flush(LONG).unwrap();
    assert_eq!(client.send_message(b"after".to_vec(), true).unwrap().unwrap(), b"after");
    server.close();
    echoing.join().unwrap();
}

#[test]
fn a_password_that_was_changed_meanwhile() {
    let login = |password: &str| format!("authorization {{ user: me, password: {password} }}");
    let mut nats = NatsServer::start_configured(&login("old"), &[]);
    let options = Options::new().reconnect_pause(Duration::from_millis(20)).user("me", "old");
    let connection = options.connect(nats.address()).unwrap();
    let client = Client::new(&connection, "work").unwrap().with_timeout(Duration::from_millis(300));
    nats.kill();
    nats.configure(&login("new"));
    nats.start_again();
    eventually("it is refused", || {
        client.send_message(Vec::new(), true).unwrap_err().kind() == ErrorKind::Refused
    });
    nats.kill();
    nats.configure(&login("old"));
    nats.start_again();
    eventually("it is let in again", || connection.state() == State::Connected);
    connection.flush(LONG).unwrap();
}

#[test]
fn restarts_in_a_busy_conversation_lose_no_caller() {
    let mut nats = NatsServer::start();
    let (here, there) = (connect(&nats), connect(&nats));
    let server = Server::new(&here, "busy").unwrap();
    here.flush(LONG).unwrap();
    let echoing = echo(server.clone());
    let client = Client::new(&there, "busy").unwrap().with_timeout(LONG);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..4_u8)
            .map(|caller| {
                let (client, is_over) = (&client, &is_over);
                scope.spawn(move || {
                    let (mut ok, mut failed) = (0_u32, 0_u32);
                    while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                        let message = [&[caller][..], &ok.to_le_bytes()].concat();
                        match client.send_message(message.clone(), true) {
                            // Never the reply to another message.
                            Ok(reply) => assert_eq!(reply.unwrap(), message),
                            Err(error) => {
                                failed += 1;
                                let kind = error.kind();
                                assert!(
                                    matches!(kind, ErrorKind::Disconnected | ErrorKind::NoResponders),
                                    "{error}"
                                );
                                continue;
                            }
                        }
                        ok += 1;
                    }
                    (ok, failed)
                })
            })
            .collect();
        for round in 1..=3 {
            nats.kill();
            nats.start_again();
            eventually("both are back", || here.reconnects() >= round && there.reconnects() >= round);
            here.flush(LONG).unwrap();
            client.send_message(b"works".to_vec(), true).unwrap();
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        for caller in callers {
            let (ok, _) = caller.join().unwrap();
            assert!(ok > 0);
        }
    });
    server.close();
    echoing.join().unwrap();
}
