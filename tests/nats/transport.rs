//! A message and its reply.

use std::thread;
use std::time::Duration;

use foreground::transport::nats::{Client, Options, Server};
use foreground::transport::{
    ClientTransport, ErrorKind, ReceiveError, ReceiveTimeoutError, ReplyError, ServerTransport,
    TryReceiveError,
};

use super::server::NatsServer;
use super::{LONG, assert_kind, connect, echo, eventually};

#[test]
fn messages_and_replies() {
    let nats = NatsServer::start();
    let (here, there) = (connect(&nats), connect(&nats));
    let server = Server::new(&here, "echo").unwrap();
    here.flush(LONG).unwrap();
    assert_eq!(server.subject(), "echo");
    let echoing = echo(server.clone());
    let client = Client::new(&there, "echo").unwrap();
    for message in [&b""[..], b"hello", &[0, 255, b'\r', b'\n'], &vec![7; 1024 * 1024]] {
        assert_eq!(client.send_message(message.to_vec(), true).unwrap().unwrap(), message);
    }
    // On the same connection, too.
    let client = Client::new(&here, "echo").unwrap();
    assert_eq!(client.send_message(b"near".to_vec(), true).unwrap().unwrap(), b"near");
    assert_eq!(server.stop(LONG), 0);
    assert_eq!(echoing.join().unwrap(), 5);
}

#[test]
fn nobody_serves() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let client = Client::new(&connection, "nobody").unwrap().with_timeout(None);
    // At once, although it would wait for ever.
    assert_kind(client.send_message(b"hello".to_vec(), true), ErrorKind::NoResponders);
    // Nor after somebody has gone.
    let server = Server::new(&connection, "nobody").unwrap();
    let echoing = echo(server.clone());
    client.send_message(b"hello".to_vec(), true).unwrap();
    server.close();
    eventually("it is gone", || match client.send_message(b"hello".to_vec(), true) {
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::NoResponders,
    });
    echoing.join().unwrap();
}

#[test]
fn a_message_that_is_dropped_has_no_reply_at_once() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let server = Server::new(&connection, "drop").unwrap();
    let client = Client::new(&connection, "drop").unwrap().with_timeout(None);
    let asking = thread::spawn(move || client.send_message(b"hello".to_vec(), true));
    let (context, _) = server.receive_message().unwrap();
    assert!(context.peer().contains("_INBOX."), "{context:?}");
    drop(context);
    assert_kind(asking.join().unwrap(), ErrorKind::NoReply);
}

#[test]
fn a_call_times_out_and_the_next_works() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let server = Server::new(&connection, "slow").unwrap();
    let client = Client::new(&connection, "slow").unwrap();
    let hasty = client.clone().with_timeout(Duration::from_millis(20));
    assert_kind(hasty.send_message(b"first".to_vec(), true), ErrorKind::Timeout);
    let (late, message) = server.receive_message().unwrap();
    assert_eq!(message, b"first");
    late.reply("too late").unwrap();
    let asking = thread::spawn(move || client.send_message(b"second".to_vec(), true));
    let (context, _) = server.receive_message().unwrap();
    context.reply("in time").unwrap();
    assert_eq!(asking.join().unwrap().unwrap().unwrap(), b"in time");
}

#[test]
fn without_a_reply() {
    let nats = NatsServer::start();
    let (here, there) = (connect(&nats), connect(&nats));
    let server = Server::new(&here, "tell").unwrap();
    here.flush(LONG).unwrap();
    let client = Client::new(&there, "tell").unwrap();
    assert_eq!(client.send_message(b"by the way".to_vec(), false).unwrap(), None);
    let (context, message) = server.receive_message_timeout(LONG).unwrap();
    assert_eq!(message, b"by the way");
    context.reply("nobody wants this").unwrap();
    // Whether anybody serves is not asked.
    let client = Client::new(&there, "nobody").unwrap();
    assert_eq!(client.send_message(b"hello".to_vec(), false).unwrap(), None);
}

#[test]
fn replies_in_any_order_from_any_thread() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let server = Server::new(&connection, "late").unwrap();
    let client = Client::new(&connection, "late").unwrap();
    let asking: Vec<_> = (0..20_u8)
        .map(|n| {
            let client = client.clone();
            thread::spawn(move || assert_eq!(client.send_message(vec![n], true).unwrap().unwrap(), [n]))
        })
        .collect();
    let mut received: Vec<_> = (0..20).map(|_| server.receive_message().unwrap()).collect();
    assert_eq!(server.incoming().unanswered(), 20);
    received.reverse();
    thread::spawn(move || {
        received.into_iter().for_each(|(context, message)| context.reply(message).unwrap())
    })
    .join()
    .unwrap();
    asking.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(server.incoming().unanswered(), 0);
}

#[test]
fn closing_and_stopping() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let server = Server::new(&connection, "stop").unwrap();
    let client = Client::new(&connection, "stop").unwrap();
    assert_eq!(server.try_receive_message().unwrap_err(), TryReceiveError::Empty);
    assert_eq!(server.receive_message_timeout(Duration::ZERO).unwrap_err(), ReceiveTimeoutError::Timeout);
    let waiting = {
        let server = server.clone();
        thread::spawn(move || server.receive_message().map(drop))
    };
    let ask = |client: &Client| {
        let client = client.clone();
        thread::spawn(move || client.send_message(b"hello".to_vec(), true))
    };
    let first = ask(&client);
    waiting.join().unwrap().unwrap(); // and drops it
    assert_kind(first.join().unwrap(), ErrorKind::NoReply);
    // One that is being answered when it is stopped is still answered; one that nobody received has no reply.
    let (second, third) = (ask(&client), ask(&client));
    eventually("both have come", || server.incoming().unanswered() == 2);
    let (context, _) = server.receive_message().unwrap();
    server.close();
    let stopping = {
        let server = server.clone();
        thread::spawn(move || server.stop(Duration::from_millis(50)))
    };
    context.reply("bye").unwrap();
    assert_eq!(stopping.join().unwrap(), 1);
    let mut outcomes = [second.join().unwrap(), third.join().unwrap()];
    outcomes.sort_by_key(Result::is_err);
    let [answered, dropped] = outcomes;
    assert_eq!(answered.unwrap().unwrap(), b"bye");
    assert_kind(dropped, ErrorKind::NoReply);
    assert_eq!(server.receive_message().unwrap_err(), ReceiveError::Closed);
}

#[test]
fn what_is_no_subject() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    for subject in ["", "a b", "a..b", "a.", "x\r\nPUB y 0\r\n\r\n"] {
        assert_kind(Client::new(&connection, subject), ErrorKind::InvalidInput);
        assert_kind(Server::new(&connection, subject), ErrorKind::InvalidInput);
    }
    assert_kind(Client::new(&connection, "a.*"), ErrorKind::InvalidInput);
    assert_kind(Options::new().queue_group("a b").serve(&connection, "a"), ErrorKind::InvalidInput);
    // The longest that there may be harm nothing.
    let long = "x".repeat(1024);
    let server = Options::new().queue_group(long.clone()).serve(&connection, &long).unwrap();
    let echoing = echo(server.clone());
    let client = Client::new(&connection, &long).unwrap();
    assert_eq!(client.send_message(b"hello".to_vec(), true).unwrap().unwrap(), b"hello");
    assert_eq!(connection.reconnects(), 0);
    server.close();
    echoing.join().unwrap();
}

#[test]
fn a_server_of_many_subjects() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let server = Server::new(&connection, "math.>").unwrap();
    let echoing = echo(server.clone());
    for subject in ["math.add", "math.int.sub"] {
        let client = Client::new(&connection, subject).unwrap();
        assert_eq!(client.send_message(b"1".to_vec(), true).unwrap().unwrap(), b"1");
    }
    assert_kind(
        Client::new(&connection, "math").unwrap().send_message(b"1".to_vec(), true),
        ErrorKind::NoResponders,
    );
    drop(server);
    drop(connection);
    // The thread that receives holds the last handle.
    drop(nats);
    let _ = echoing;
}

#[test]
fn what_a_user_may_not_send_is_refused() {
    let settings = r#"authorization { users = [
        { user: "me", password: "me", permissions: { publish: { deny: ["secret"] } } }
    ] }"#;
    let nats = NatsServer::start_configured(settings, &[]);
    let connection = foreground::nats::Options::new().user("me", "me").connect(nats.address()).unwrap();
    let client = Client::new(&connection, "secret").unwrap();
    assert_kind(client.send_message(b"hello".to_vec(), true), ErrorKind::Refused);
    let client = Client::new(&connection, "open").unwrap();
    assert_kind(client.send_message(b"hello".to_vec(), true), ErrorKind::NoResponders);
}

#[test]
fn a_reply_after_all_else_has_gone() {
    let nats = NatsServer::start();
    let (here, there) = (connect(&nats), connect(&nats));
    let server = Server::new(&here, "last").unwrap();
    here.flush(LONG).unwrap();
    let client = Client::new(&there, "last").unwrap();
    let asking = thread::spawn(move || client.send_message(b"hello".to_vec(), true));
    let (context, _) = server.receive_message().unwrap();
    drop((server, here));
    match context.reply("bye") {
        Ok(()) | Err(ReplyError::Abandoned(_)) => {}
        Err(error) => panic!("{error}"),
    }
    assert_eq!(asking.join().unwrap().unwrap().unwrap(), b"bye");
}
