//! Clients that do not want their response any more.

use std::thread;
use std::time::Duration;

use foreground::bus::{self, RecvResponseTimeoutError, SendResponseError};

use crate::common::{Census, started};

#[test]
fn who_answers_sees_that_the_client_has_gone_and_has_the_response_back() {
    let (client, server) = bus::local::<(), u32>();
    let pending = client.send_request(()).unwrap();
    let (transaction, ()) = server.recv_request().unwrap();
    assert!(!transaction.is_abandoned());
    drop(pending);
    assert!(transaction.is_abandoned());
    let Err(SendResponseError::Abandoned(7)) = transaction.send_response(7) else {
        panic!("nobody was there");
    };
}

#[test]
fn a_client_that_waits_has_not_given_up() {
    let (client, server) = bus::local::<(), u32>();
    let pending = client.send_request(()).unwrap();
    let waiting = thread::spawn(move || pending.recv_response().unwrap());
    let (transaction, ()) = server.recv_request().unwrap();
    assert!(!transaction.is_abandoned());
    transaction.send_response(7).unwrap();
    assert_eq!(waiting.join().unwrap(), 7);
}

#[test]
fn a_timeout_that_is_not_continued_gives_up() {
    let (client, server) = bus::local::<(), u32>();
    let error = client.send_request(()).unwrap().recv_response_timeout(Duration::ZERO).unwrap_err();
    let (transaction, ()) = server.recv_request().unwrap();
    assert!(!transaction.is_abandoned(), "the error has the pending response");
    let RecvResponseTimeoutError::Timeout(pending) = error else { panic!("nobody answered") };
    drop(pending);
    assert!(transaction.is_abandoned());
}

#[test]
fn a_request_that_was_given_up_while_it_waits_is_still_received() {
    let (client, server) = bus::local::<u32, ()>();
    drop(client.send_request(1).unwrap());
    let (transaction, request) = server.recv_request().unwrap();
    assert_eq!(request, 1);
    assert!(transaction.is_abandoned());
}

#[test]
fn a_router_that_has_stopped_gives_up_what_it_was_to_deliver() {
    let census = Census::default();
    let router = started::<()>();
    let (client, server) = bus::local();
    let owned = census.member();
    let pending = client.send_request(()).unwrap();
    pending.deliver_on(&router, move |_, _| drop(owned)).unwrap();
    let (transaction, ()) = server.recv_request().unwrap();
    assert!(!transaction.is_abandoned());
    router.stop().unwrap();
    assert_eq!(census.alive(), 0, "the callback was dropped");
    assert!(transaction.is_abandoned());
    let response = transaction.send_response(census.member()).unwrap_err().into_response();
    assert!(response.is_some());
    drop(response);
    assert_eq!(census.alive(), 0);
}
