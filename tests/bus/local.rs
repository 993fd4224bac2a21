//! Requests and responses between threads.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use foreground::bus::{
    self, Client, PendingResponse, RecvResponseTimeoutError, ResponseError, Server, Transaction,
    TryRecvResponseError,
};

use crate::common::{Census, Member, PATIENCE, no_deadlock};

#[test]
fn a_request_is_answered() {
    let (client, server) = bus::local::<u32, u32>();
    let worker = thread::spawn(move || {
        let (transaction, number) = server.recv_request().unwrap();
        transaction.send_response(number * 2).unwrap();
    });
    assert_eq!(client.send_request(21).unwrap().recv_response().unwrap(), 42);
    worker.join().unwrap();
}

#[test]
fn sending_does_not_wait_for_a_server() {
    let (client, server) = bus::local::<u32, u32>();
    let pending: Vec<_> = (0..1000).map(|n| client.send_request(n).unwrap()).collect();
    while let Ok((transaction, number)) = server.try_recv_request() {
        transaction.send_response(number).unwrap();
    }
    let responses: Vec<_> = pending.into_iter().map(|pending| pending.recv_response().unwrap()).collect();
    assert!(responses.into_iter().eq(0..1000));
}

#[test]
fn requests_are_received_in_the_order_in_which_they_were_sent() {
    let (client, server) = bus::local::<u32, ()>();
    let other = client.clone();
    let _pending = [client.send_request(1), other.send_request(2), client.send_request(3)];
    let received: Vec<_> = (0..3).map(|_| server.recv_request().unwrap().1).collect();
    assert_eq!(received, [1, 2, 3]);
}

#[test]
fn responses_may_come_in_any_order_and_from_any_thread() {
    let (client, server) = bus::local::<u32, u32>();
    let pending: Vec<_> = (0..3).map(|n| client.send_request(n).unwrap()).collect();
    let mut received: Vec<_> = (0..3).map(|_| server.recv_request().unwrap()).collect();
    thread::spawn(move || {
        while let Some((transaction, number)) = received.pop() {
            transaction.send_response(number + 10).unwrap();
        }
    })
    .join()
    .unwrap();
    let responses: Vec<_> = pending.into_iter().map(|pending| pending.recv_response().unwrap()).collect();
    assert_eq!(responses, [10, 11, 12]);
}

#[test]
fn a_dropped_transaction_is_no_response() {
    let (client, server) = bus::local::<(), ()>();
    let pending = client.send_request(()).unwrap();
    drop(server.recv_request().unwrap());
    assert!(matches!(pending.recv_response(), Err(ResponseError::NoResponse)));
}

#[test]
fn a_server_that_panics_gives_no_response() {
    let (client, server) = bus::local::<(), ()>();
    let worker = thread::spawn(move || {
        let _transaction = server.recv_request().unwrap();
        panic!("a bug in the server");
    });
    let pending = client.send_request(()).unwrap();
    assert!(matches!(pending.recv_response(), Err(ResponseError::NoResponse)));
    assert!(worker.join().is_err());
}

#[test]
fn a_client_that_sleeps_is_woken_by_the_response() {
    let (client, server) = bus::local::<(), u32>();
    let pending = client.send_request(()).unwrap();
    let (transaction, ()) = server.recv_request().unwrap();
    let waiting = thread::spawn(move || pending.recv_response().unwrap());
    transaction.send_response(7).unwrap();
    assert_eq!(waiting.join().unwrap(), 7);
}

#[test]
fn a_timeout_leaves_the_pending_response_usable() {
    let (client, server) = bus::local::<(), u32>();
    let mut pending = client.send_request(()).unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(2), Duration::ZERO] {
        pending = match pending.recv_response_timeout(timeout) {
            Err(RecvResponseTimeoutError::Timeout(pending)) => pending,
            other => panic!("nobody answered: {other:?}"),
        };
    }
    server.recv_request().unwrap().0.send_response(7).unwrap();
    // What is there is received however short the time.
    assert_eq!(pending.recv_response_timeout(Duration::ZERO).unwrap(), 7);
}

#[test]
fn a_timeout_beyond_what_the_clock_can_name_is_none() {
    no_deadlock(|| {
        let (client, server) = bus::local::<(), u32>();
        let worker = thread::spawn(move || {
            server.recv_request_timeout(Duration::MAX).unwrap().0.send_response(7).unwrap();
        });
        let pending = client.send_request(()).unwrap();
        assert_eq!(pending.recv_response_timeout(Duration::MAX).unwrap(), 7);
        worker.join().unwrap();
    });
}

#[test]
fn a_look_for_the_response_never_waits() {
    let (client, server) = bus::local::<(), u32>();
    let pending = client.send_request(()).unwrap();
    let Err(TryRecvResponseError::NotYet(pending)) = pending.try_recv_response() else {
        panic!("nobody answered");
    };
    server.recv_request().unwrap().0.send_response(7).unwrap();
    assert_eq!(pending.try_recv_response().unwrap(), 7);

    let pending = client.send_request(()).unwrap();
    drop(server.recv_request());
    let failed = pending.try_recv_response();
    assert!(matches!(failed, Err(TryRecvResponseError::Failed(ResponseError::NoResponse))), "{failed:?}");
}

#[test]
fn what_is_sent_need_not_be_static_clone_sync_or_debug() {
    struct Plain<'a>(&'a str, Cell<u32>);

    let text = String::from("borrowed");
    let (client, server) = bus::local::<Plain<'_>, Box<dyn FnOnce() -> u32 + Send + '_>>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let (transaction, Plain(text, number)) = server.recv_request().unwrap();
            assert!(transaction.send_response(Box::new(move || number.get() + text.len() as u32)).is_ok());
        });
        let pending = client.send_request(Plain(&text, Cell::new(1))).unwrap();
        assert_eq!(pending.recv_response().unwrap()(), 9);
    });
}

#[test]
fn the_ends_can_be_sent_shared_and_shown() {
    fn goes_anywhere<T: Send + Sync>() {}
    fn is_shown<T: std::fmt::Debug>() {}
    goes_anywhere::<Client<Cell<u32>, Cell<u32>>>();
    goes_anywhere::<Server<Cell<u32>, Cell<u32>>>();
    goes_anywhere::<Transaction<Cell<u32>>>();
    goes_anywhere::<PendingResponse<Cell<u32>>>();
    is_shown::<Client<Member, Member>>();
    is_shown::<Server<Member, Member>>();
    is_shown::<Transaction<Member>>();
    is_shown::<Result<Member2, RecvResponseTimeoutError<Member>>>();
    is_shown::<Result<Member2, bus::SendRequestError<Member>>>();
    is_shown::<Result<Member2, bus::SendResponseError<Member>>>();
}

type Member2 = PendingResponse<Member>;

#[test]
fn every_value_is_dropped_once_wherever_it_ends() {
    let census = Census::default();
    let (client, server) = bus::local::<Member, Member>();
    let [answered, unread, abandoned, unanswered, queued] =
        [(); 5].map(|()| client.send_request(census.member()).unwrap());
    let next = || server.recv_request_timeout(PATIENCE).unwrap().0;
    next().send_response(census.member()).unwrap();
    next().send_response(census.member()).unwrap();
    drop(abandoned);
    let refused = next().send_response(census.member());
    drop(next());
    assert_eq!(census.alive(), 4, "two responses that wait, one that came back, one request that waits");
    drop(unread);
    drop(refused);
    drop(answered.recv_response().unwrap());
    assert!(unanswered.recv_response().is_err());
    drop((client, server));
    assert_eq!(census.alive(), 0);
    assert!(queued.recv_response().is_err());
}

#[test]
fn errors_say_what_to_do() {
    let (client, server) = bus::local::<(), ()>();
    assert!(server.try_recv_request().unwrap_err().to_string().contains("try later"));
    let pending = client.send_request(()).unwrap();
    let error = pending.recv_response_timeout(Duration::ZERO).unwrap_err();
    assert!(error.to_string().contains("timeout"));
    drop(error);
    let error = server.recv_request().unwrap().0.send_response(()).unwrap_err();
    assert!(error.to_string().contains("given up"));
    drop(server);
    assert!(client.send_request(()).unwrap_err().to_string().contains("gone"));
}
