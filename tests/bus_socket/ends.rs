//! How it ends: requests that are given up, servers that stop, and clients that go.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use foreground::bus::socket::{Message, Options};
use foreground::bus::{RecvRequestError, ResponseError, SendResponseError};

use crate::common::{Answerer, PATIENCE, address, disconnect, eventually, in_time, listen, outcome, pair};

fn connect(server: &Answerer) -> TcpStream {
    TcpStream::connect(address(server).to_string()).unwrap()
}

#[test]
fn a_server_learns_that_its_client_has_given_up() {
    // Over a Unix socket it is told of a close; over TCP of a reset.
    #[cfg(unix)]
    {
        let folder = tempfile::tempdir().unwrap();
        let server = listen(&Options::new(), folder.path().join("s").to_str().unwrap());
        let client = crate::common::client(&Options::new(), address(&server));
        let pending = client.send_request("?".into()).unwrap();
        let (transaction, _) = server.recv_request().unwrap();
        assert!(!transaction.is_abandoned());
        drop(pending);
        eventually("it is known", || transaction.is_abandoned());
        let error = transaction.send_response("unsent".into()).unwrap_err();
        assert_eq!(error.into_response().unwrap().body, b"unsent");
    }
}

#[test]
fn a_client_that_was_reset_is_known() {
    let (_, server) = pair();
    let client = connect(&server);
    (&client).write_all(b"\0\0").unwrap();
    let (transaction, _) = server.recv_request().unwrap();
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    eventually("it is known", || transaction.is_abandoned());
    assert!(matches!(transaction.send_response("x".into()), Err(SendResponseError::Abandoned(_))));
    // The I/O thread may not be done with the connection yet.
    eventually("nothing is under way", || server.under_way() == 0);
}

#[test]
fn a_client_that_says_that_it_sends_nothing_more_is_answered() {
    let (other, server) = pair();
    let mut client = connect(&server);
    client.write_all(b"\0\x01\0\0\0\x01?").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (transaction, message) = server.recv_request().unwrap();
    // What comes later is here, and so the I/O thread has seen the end of the first.
    let later = other.send_request("later".into()).unwrap();
    drop(server.recv_request().unwrap());
    assert!(outcome(later).is_err());
    assert!(!transaction.is_abandoned());
    transaction.send_response(message).unwrap();
    let mut response = Vec::new();
    client.read_to_end(&mut response).unwrap();
    assert_eq!(response, b"\0\x01\0\0\0\x01?");
}

#[test]
fn a_request_that_is_given_up_early_is_dropped_by_the_server() {
    let (client, server) = pair();
    for _ in 0..100 {
        drop(client.send_request(vec![0; 1_000_000].into()).unwrap());
    }
    let pending = client.send_request("last".into()).unwrap();
    loop {
        let (transaction, message) = server.recv_request().unwrap();
        if message.body == b"last" {
            transaction.send_response(message).unwrap();
            break;
        }
    }
    outcome(pending).unwrap();
}

#[test]
fn a_stop_waits_for_what_is_under_way() {
    let (client, server) = pair();
    let server = Arc::new(server);
    let large = Message::new(vec![1; 8_000_000]);
    let pending: Vec<_> = (0..4).map(|_| client.send_request("?".into()).unwrap()).collect();
    let received: Vec<_> = (0..4).map(|_| server.recv_request().unwrap().0).collect();
    let idle = connect(&server);
    let stopping = server.clone();
    let stopped = thread::spawn(move || stopping.stop(PATIENCE));
    eventually("nobody is let in", || TcpStream::connect(address(&server).to_string()).is_err());
    // The idle one is let go at once.
    assert!(matches!((&idle).read(&mut [0]), Ok(0) | Err(_)));
    let waiting: Vec<_> = pending.into_iter().map(|pending| thread::spawn(|| outcome(pending))).collect();
    for transaction in received {
        transaction.send_response(large.clone()).unwrap();
    }
    assert_eq!(stopped.join().unwrap(), 0);
    for waiting in waiting {
        assert!(waiting.join().unwrap().unwrap() == large);
    }
    assert_eq!(server.recv_request().unwrap_err(), RecvRequestError::Disconnected);
}

#[test]
fn a_stop_cuts_off_what_takes_too_long() {
    let (client, server) = pair();
    let pending: Vec<_> = (0..3).map(|_| client.send_request("?".into()).unwrap()).collect();
    eventually("they have come", || server.under_way() == 3);
    let (in_hand, _) = server.recv_request().unwrap();
    assert_eq!(server.stop(Duration::from_millis(10)), 3);
    for pending in pending {
        assert!(matches!(outcome(pending), Err(ResponseError::NoResponse)));
    }
    assert!(in_hand.is_abandoned());
    assert_eq!(in_hand.send_response("late".into()).unwrap_err().into_response().unwrap().body, b"late");
    assert_eq!(server.recv_request().unwrap_err(), RecvRequestError::Disconnected);
    assert_eq!(server.stop(PATIENCE), 0);
}

#[test]
fn a_stop_wakes_whoever_waits() {
    let (_client, server) = pair();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let server = server.clone();
            thread::spawn(move || server.recv_request().map(drop))
        })
        .collect();
    in_time(move || {
        assert_eq!(server.stop(Duration::ZERO), 0);
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap(), Err(RecvRequestError::Disconnected));
        }
    });
}

#[test]
fn what_has_come_is_still_received_after_the_close() {
    let (client, server) = pair();
    let pending = client.send_request("?".into()).unwrap();
    eventually("it has come", || server.under_way() == 1);
    server.close();
    server.close();
    let (transaction, message) = server.recv_request().unwrap();
    assert_eq!(server.recv_request().unwrap_err(), RecvRequestError::Disconnected);
    transaction.send_response(message).unwrap();
    assert_eq!(outcome(pending).unwrap().body, b"?");
}

#[test]
fn a_dropped_server_lets_all_go_but_transactions_in_hand() {
    let (client, server) = pair();
    let first = client.send_request("1".into()).unwrap();
    let (transaction, _) = server.recv_request().unwrap();
    let second = client.send_request("2".into()).unwrap();
    let half = connect(&server);
    (&half).write_all(b"\0\x01\0\0").unwrap();
    eventually("it has come", || server.under_way() == 2);
    drop(server);
    assert!(matches!(outcome(second), Err(ResponseError::NoResponse)));
    assert!(matches!((&half).read(&mut [0]), Ok(0) | Err(_)));
    transaction.send_response("still".into()).unwrap();
    assert_eq!(outcome(first).unwrap().body, b"still");
    let _ = disconnect(client.send_request("3".into()).unwrap());
}

#[test]
fn a_dropped_pending_response_closes_its_connection() {
    let (client, server) = pair();
    let pending = client.send_request(vec![0; 12_000_000].into()).unwrap();
    drop(pending);
    // Nothing is left that would keep the server's stop waiting.
    let stopped = in_time(move || server.stop(PATIENCE));
    assert!(stopped <= 1);
}
