//! What the one side learns when the other has gone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use foreground::bus::{
    self, RecvRequestError, RecvRequestTimeoutError, RecvResponseTimeoutError, ResponseError,
    SendRequestError, TryRecvRequestError,
};

use crate::common::no_deadlock;

#[test]
fn without_a_server_a_request_is_given_back() {
    let (client, server) = bus::local::<&str, ()>();
    let other = server.clone();
    drop(server);
    drop(client.send_request("there is one left").unwrap());
    drop(other);
    assert_eq!(client.send_request("back").unwrap_err(), SendRequestError::Disconnected("back"));
}

#[test]
fn requests_that_wait_when_the_last_server_goes_are_disconnected() {
    let (client, server) = bus::local::<u32, u32>();
    let pending: Vec<_> = (0..3).map(|n| client.send_request(n).unwrap()).collect();
    let (transaction, _) = server.recv_request().unwrap();
    drop(server);
    let mut pending = pending.into_iter();
    // The one that was received can still be answered.
    transaction.send_response(7).unwrap();
    assert_eq!(pending.next().unwrap().recv_response().unwrap(), 7);
    for pending in pending {
        let failed = pending.recv_response_timeout(Duration::ZERO);
        let is_disconnected =
            matches!(failed, Err(RecvResponseTimeoutError::Failed(ResponseError::Disconnected)));
        assert!(is_disconnected, "{failed:?}");
    }
}

#[test]
fn a_client_that_sleeps_is_woken_when_the_last_server_goes() {
    no_deadlock(|| {
        let (client, server) = bus::local::<(), ()>();
        let pending = client.send_request(()).unwrap();
        let waiting = thread::spawn(move || pending.recv_response());
        drop(server);
        assert!(matches!(waiting.join().unwrap(), Err(ResponseError::Disconnected)));
    });
}

#[test]
fn servers_receive_what_waits_before_they_learn_that_the_clients_have_gone() {
    let (client, server) = bus::local::<u32, ()>();
    let other = client.clone();
    let _pending = (client.send_request(1).unwrap(), other.send_request(2).unwrap());
    drop((client, other));
    assert_eq!(server.recv_request().unwrap().1, 1);
    assert_eq!(server.try_recv_request().unwrap().1, 2);
    assert_eq!(server.recv_request().unwrap_err(), RecvRequestError::Disconnected);
    assert_eq!(server.try_recv_request().unwrap_err(), TryRecvRequestError::Disconnected);
    let error = server.recv_request_timeout(Duration::MAX).unwrap_err();
    assert_eq!(error, RecvRequestTimeoutError::Disconnected);
}

#[test]
fn all_servers_that_sleep_are_woken_when_the_last_client_goes() {
    no_deadlock(|| {
        let (client, server) = bus::local::<(), ()>();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let server = server.clone();
                thread::spawn(move || server.recv_request().map(|_| ()))
            })
            .collect();
        drop(client);
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap(), Err(RecvRequestError::Disconnected));
        }
    });
}

#[test]
fn a_request_whose_destructor_panics_does_not_keep_the_others_from_being_told() {
    struct Bomb(bool);

    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0, "a destructor that panics");
        }
    }

    let (client, server) = bus::local::<Bomb, ()>();
    let pending = [true, false, false].map(|is_armed| client.send_request(Bomb(is_armed)).unwrap());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(server))).is_err());
    for pending in pending {
        assert!(matches!(pending.recv_response(), Err(ResponseError::Disconnected)));
    }
    drop(client);
}
