//! A foreground that would wait for itself.

use std::sync::mpsc::channel;
use std::thread;

use foreground::bus::{self, RecvResponseTimeoutError, ResponseError};

use crate::common::{PATIENCE, looped, no_deadlock, started};

#[test]
fn waiting_for_its_own_response_is_an_error() {
    no_deadlock(|| {
        let router = started::<()>();
        let (client, server) = bus::local::<(), ()>();
        let _serving = server.serve_on(&router, |_, _, ()| {}).unwrap();
        let error = client.send_request(()).unwrap().recv_response().unwrap_err();
        assert!(matches!(error, ResponseError::WouldDeadlock));
    });
}

#[test]
fn with_a_timeout_the_pending_response_comes_back_at_once() {
    no_deadlock(|| {
        let (router, test_loop) = looped::<()>();
        let (client, server) = bus::local::<(), u32>();
        let serving = server.serve_on(&router, |_, transaction, ()| transaction.send_response(7).unwrap());
        let _serving = serving.unwrap();
        let pending = client.send_request(()).unwrap();
        // Longer than the test may take.
        let Err(RecvResponseTimeoutError::Timeout(pending)) = pending.recv_response_timeout(PATIENCE * 10)
        else {
            panic!("nobody can have answered");
        };
        test_loop.run_until_idle(&mut ()).unwrap();
        assert_eq!(pending.recv_response().unwrap(), 7);
    });
}

#[test]
fn in_the_callback_too() {
    no_deadlock(|| {
        let (router, test_loop) = looped::<Vec<bool>>();
        let (client, server) = bus::local::<(), ()>();
        let again = client.clone();
        let serving = server.serve_on(&router, move |seen: &mut Vec<bool>, _, ()| {
            if seen.is_empty() {
                let failed = again.send_request(()).unwrap().recv_response();
                seen.push(matches!(failed, Err(ResponseError::WouldDeadlock)));
            }
        });
        let _serving = serving.unwrap();
        drop(client.send_request(()).unwrap());
        let mut seen = Vec::new();
        test_loop.run_until_idle(&mut seen).unwrap();
        assert_eq!(seen, [true]);
    });
}

#[test]
fn serving_that_began_after_the_request_was_sent_counts() {
    no_deadlock(|| {
        let router = started::<()>();
        let (client, server) = bus::local::<(), ()>();
        let pending = client.send_request(()).unwrap();
        let _serving = server.serve_on(&router, |_, _, ()| {}).unwrap();
        assert!(matches!(pending.recv_response(), Err(ResponseError::WouldDeadlock)));
    });
}

#[test]
fn a_wait_that_becomes_hopeless_ends() {
    no_deadlock(|| {
        let router = started::<()>();
        let (client, server) = bus::local::<u32, ()>();
        let beside = server.clone();
        let _serving = server.serve_on(&router, |_, _, _| {}).unwrap();
        let [first, second] = [1, 2].map(|number| client.send_request(number).unwrap());
        let worker = thread::spawn(move || {
            let (transaction, number) = beside.recv_request().unwrap();
            // The other request stays, and nobody else is there for it.
            drop(beside);
            transaction.send_response(()).unwrap();
            number
        });
        assert!(matches!(second.recv_response(), Err(ResponseError::WouldDeadlock)));
        // What was received is answered.
        first.recv_response().unwrap();
        assert_eq!(worker.join().unwrap(), 1);
    });
}

#[test]
fn what_another_thread_has_received_is_waited_for() {
    no_deadlock(|| {
        let router = started::<()>();
        let (client, server) = bus::local::<(), u32>();
        let beside = server.clone();
        let _serving = server.serve_on(&router, |_, _, ()| {}).unwrap();
        let pending = client.send_request(()).unwrap();
        let (transaction, ()) = beside.recv_request().unwrap();
        drop(beside);
        let (go, gone) = channel::<()>();
        let worker = thread::spawn(move || {
            gone.recv().unwrap();
            transaction.send_response(7).unwrap();
        });
        go.send(()).unwrap();
        assert_eq!(pending.recv_response().unwrap(), 7);
        worker.join().unwrap();
    });
}

#[test]
fn another_foreground_is_waited_for() {
    no_deadlock(|| {
        let router = started::<()>();
        let (client, server) = bus::local::<(), u32>();
        let elsewhere = server.clone();
        let _serving = server.serve_on(&router, |_, _, ()| {}).unwrap();
        let (serves, is_serving) = channel();
        let other = thread::spawn(move || {
            let (router, test_loop) = looped::<u32>();
            let serving = elsewhere.serve_on(&router, |count: &mut u32, transaction, ()| {
                *count += 1;
                transaction.send_response(7).unwrap();
            });
            let _serving = serving.unwrap();
            serves.send(()).unwrap();
            test_loop.run_until(&mut 0, |count| *count == 1).unwrap();
        });
        is_serving.recv().unwrap();
        assert_eq!(client.send_request(()).unwrap().recv_response().unwrap(), 7);
        other.join().unwrap();
    });
}
