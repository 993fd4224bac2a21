//! The functions that convert messages: where they run, and what becomes of their errors and panics.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use foreground::bus::socket::{Client, Message, MessageError, Options, Server};
use foreground::bus::{ResponseError, SendResponseError};
use foreground::net::{DisconnectKind, PeerAddress};
use foreground::testing::{CountingWaker, TestLoop};
use foreground::{Budget, MessageRouter};

use crate::common::{ANY_PORT, PATIENCE, disconnect, eventually, outcome};

/// A number as text; some have other effects.
fn number(message: Message, _: &PeerAddress) -> Result<i64, io::Error> {
    let number = message.text().ok().and_then(|text| text.parse().ok());
    assert_ne!(number, Some(-13), "13 is unlucky");
    number.ok_or_else(|| io::Error::other("no number"))
}

fn text(number: i64) -> Result<Message, String> {
    if number == -1 { Err("minus one is not sent".into()) } else { Ok(number.to_string().into()) }
}

fn raw(message: Message) -> Result<Message, Infallible> {
    Ok(message)
}

fn connected() -> (Client<Message, i64>, Server<i64, i64>) {
    let server = Server::listen(ANY_PORT, number, text).unwrap();
    let client = Client::new(server.local_address().unwrap(), raw, number).unwrap();
    (client, server)
}

fn looped<S: 'static>() -> (MessageRouter<S>, TestLoop<S>) {
    let waker = CountingWaker::new();
    let router = MessageRouter::builder().budget(Budget::new(PATIENCE, usize::MAX)).build(waker.clone());
    router.start().unwrap();
    let test_loop = TestLoop::driving(&router, waker).with_patience(PATIENCE);
    (router, test_loop)
}

#[test]
fn a_request_that_does_not_convert_harms_its_connection_only() {
    let (client, server) = connected();
    let bad = client.send_request("x".into()).unwrap();
    // Connections have no order among them.
    eventually("it has come", || server.under_way() == 1);
    let good = client.send_request("5".into()).unwrap();
    let (transaction, number) = server.recv_request().unwrap();
    assert_eq!(number, 5);
    assert!(matches!(outcome(bad), Err(ResponseError::NoResponse)));
    transaction.send_response(6).unwrap();
    assert_eq!(outcome(good).unwrap(), 6);
}

#[test]
fn a_panic_on_the_receiving_thread_is_the_receivers() {
    let (client, server) = connected();
    let bad = client.send_request("-13".into()).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| server.recv_request().map(drop))).is_err());
    assert!(matches!(outcome(bad), Err(ResponseError::NoResponse)));
    let good = client.send_request("5".into()).unwrap();
    server.recv_request().unwrap().0.send_response(6).unwrap();
    assert_eq!(outcome(good).unwrap(), 6);
}

#[test]
fn a_panic_on_the_way_to_the_foreground_harms_its_connection_only() {
    let (client, server) = connected();
    let (router, test_loop) = looped::<Vec<i64>>();
    let serving = server
        .serve_on(&router, |seen: &mut Vec<i64>, transaction, number| {
            seen.push(number);
            transaction.send_response(number).unwrap();
        })
        .unwrap();
    let bad = client.send_request("-13".into()).unwrap();
    let failure = outcome(bad).unwrap_err();
    assert!(matches!(failure, ResponseError::NoResponse | ResponseError::Connection(_)), "{failure:?}");
    let wrong = client.send_request("x".into()).unwrap();
    assert!(matches!(outcome(wrong), Err(ResponseError::NoResponse)));
    let good = client.send_request("5".into()).unwrap();
    let mut seen = Vec::new();
    test_loop.run_until(&mut seen, |seen| !seen.is_empty()).unwrap();
    assert_eq!(outcome(good).unwrap(), 5);
    assert_eq!(seen, [5]);
    drop(serving);
}

#[test]
fn a_response_that_does_not_convert_is_told_to_its_waiter() {
    let server = Server::listen(ANY_PORT, |message, _: &_| raw(message), raw).unwrap();
    let client = Client::new(server.local_address().unwrap(), text, number).unwrap();
    thread::spawn(move || {
        while let Ok((transaction, _)) = server.recv_request() {
            transaction.send_response("x".into()).unwrap();
        }
    });
    let error = outcome(client.send_request(1).unwrap()).unwrap_err();
    assert!(matches!(error, ResponseError::Convert(_)), "{error:?}");
    assert_eq!(error.to_string(), "the response cannot be converted: no number");

    let (router, test_loop) = looped();
    client
        .send_request(2)
        .unwrap()
        .deliver_on(&router, |seen: &mut Option<_>, outcome| *seen = Some(outcome))
        .unwrap();
    let mut seen = None;
    test_loop.run_until(&mut seen, |seen| seen.is_some()).unwrap();
    assert!(matches!(seen, Some(Err(ResponseError::Convert(_)))), "{seen:?}");
}

#[test]
fn a_panic_while_a_response_is_converted_is_delivered_as_an_error() {
    let server = Server::listen(ANY_PORT, |message, _: &_| raw(message), raw).unwrap();
    let client = Client::new(server.local_address().unwrap(), text, number).unwrap();
    let (router, test_loop) = looped();
    client
        .send_request(2)
        .unwrap()
        .deliver_on(&router, |seen: &mut Option<_>, outcome| *seen = Some(outcome))
        .unwrap();
    server.recv_request().unwrap().0.send_response("-13".into()).unwrap();
    let mut seen = None;
    test_loop.run_until(&mut seen, |seen| seen.is_some()).unwrap();
    match seen {
        Some(Err(ResponseError::Connection(reason))) => assert_eq!(reason.kind(), DisconnectKind::Panicked),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_or_response_that_makes_no_message_is_told_to_its_sender() {
    let server = Server::listen(ANY_PORT, number, text).unwrap();
    let client = Client::new(server.local_address().unwrap(), text, number).unwrap();
    let error = client.send_request(-1).unwrap_err();
    assert_eq!(error.to_string(), "it cannot be made a message: minus one is not sent");

    let pending = client.send_request(3).unwrap();
    let (transaction, _) = server.recv_request().unwrap();
    let error = transaction.send_response(-1).unwrap_err();
    assert!(matches!(error, SendResponseError::Message(MessageError::Convert(_))), "{error:?}");
    assert_eq!(error.into_response(), None);
    assert!(matches!(outcome(pending), Err(ResponseError::NoResponse)));
}

#[test]
fn a_response_above_the_limit_is_refused_on_both_sides() {
    let small = Options::new().message_limit(100);
    let pass = |message: Message, _: &PeerAddress| raw(message);
    let server = small.listen(ANY_PORT, pass, raw).unwrap();
    let address = server.local_address().unwrap();
    let client = Options::new().client(&address, raw, pass).unwrap();
    let pending = client.send_request("?".into()).unwrap();
    let (transaction, _) = server.recv_request().unwrap();
    let error = transaction.send_response(vec![0; 95].into()).unwrap_err();
    assert!(matches!(error, SendResponseError::Message(MessageError::TooLarge { .. })), "{error:?}");
    assert!(matches!(outcome(pending), Err(ResponseError::NoResponse)));

    let server = Options::new().listen(ANY_PORT, pass, raw).unwrap();
    let client = small.client(server.local_address().unwrap(), raw, pass).unwrap();
    let pending = client.send_request("?".into()).unwrap();
    server.recv_request().unwrap().0.send_response(vec![0; 95].into()).unwrap();
    assert_eq!(disconnect(pending).kind(), DisconnectKind::TooLarge);
}

#[test]
fn a_request_above_the_servers_limit_is_cut_off_in_order() {
    let pass = |message: Message, _: &PeerAddress| raw(message);
    let server = Options::new().message_limit(100).listen(ANY_PORT, pass, raw).unwrap();
    let client = Client::new(server.local_address().unwrap(), raw, pass).unwrap();
    let pending = client.send_request(vec![0; 1_000_000].into()).unwrap();
    assert!(matches!(outcome(pending), Err(ResponseError::NoResponse)));
    drop(server);
}

#[test]
fn both_functions_are_told_who_the_other_is() {
    let whom = |message: Message, peer: &PeerAddress| Ok::<_, Infallible>((message, peer.to_string()));
    let server = Server::listen(ANY_PORT, whom, |_: String| raw("bye".into())).unwrap();
    let address = server.local_address().unwrap();
    let client = Client::new(&address, raw, whom).unwrap();
    let pending = client.send_request("hello".into()).unwrap();
    let (transaction, (_, from)) = server.recv_request().unwrap();
    assert!(from.starts_with("127.0.0.1:") && from != address.to_string());
    transaction.send_response(String::new()).unwrap();
    assert_eq!(outcome(pending).unwrap(), ("bye".into(), address.to_string()));
}

#[test]
fn neither_sends_from_the_io_thread_nor_waits_there() {
    struct Shown(String);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.0)
        }
    }
    // The conversion asks the server itself, which would wait for ever.
    let inner = Server::listen(ANY_PORT, number, text).unwrap();
    let asker = Client::new(inner.local_address().unwrap(), text, number).unwrap();
    let strange = move |_: Message, _: &PeerAddress| {
        let pending = asker.send_request(1).map_err(|error| error.to_string())?;
        let asked = pending.recv_response().unwrap_err();
        let received = inner.recv_request().map(drop).unwrap_err();
        Ok::<_, String>(Shown(format!("{asked:?} {received:?}")))
    };
    let outer = Server::listen(ANY_PORT, strange, text).unwrap();
    let client = Client::new(outer.local_address().unwrap(), text, number).unwrap();
    let (router, test_loop) = looped::<String>();
    let serving = outer
        .serve_on(&router, |seen: &mut String, transaction, shown| {
            *seen = shown.to_string();
            let _ = transaction.send_response(0);
        })
        .unwrap();
    let pending = client.send_request(0).unwrap();
    let mut seen = String::new();
    test_loop.run_until(&mut seen, |seen| !seen.is_empty()).unwrap();
    assert_eq!(seen, "WouldDeadlock WouldDeadlock");
    assert_eq!(outcome(pending).unwrap(), 0);
    drop(serving);
}
