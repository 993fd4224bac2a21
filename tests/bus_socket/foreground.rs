//! Servers and clients in the foreground.

use std::sync::{Arc, Barrier};
use std::thread;

use foreground::bus::socket::Message;
use foreground::bus::{ResponseError, Transaction};
use foreground::testing::{CountingWaker, TestLoop};
use foreground::{Budget, MessageRouter};

use crate::common::{PATIENCE, eventually, outcome, pair};

fn looped<S: 'static>() -> (MessageRouter<S>, TestLoop<S>) {
    let waker = CountingWaker::new();
    let router = MessageRouter::builder().budget(Budget::new(PATIENCE, usize::MAX)).build(waker.clone());
    router.start().unwrap();
    let test_loop = TestLoop::driving(&router, waker).with_patience(PATIENCE);
    (router, test_loop)
}

#[test]
fn the_foreground_asks_and_answers_itself_over_a_socket() {
    let (client, server) = pair();
    let (router, test_loop) = looped::<Vec<Message>>();
    let serving = server
        .serve_on(&router, |_, transaction, message| {
            let _ = transaction.send_response(message.attach("answered"));
        })
        .unwrap();
    for n in 0..50_u8 {
        client
            .send_request(Message::new(vec![n]))
            .unwrap()
            .deliver_on(&router, |seen: &mut Vec<_>, response| seen.push(response.unwrap()))
            .unwrap();
    }
    let mut seen = Vec::new();
    test_loop.run_until(&mut seen, |seen| seen.len() == 50).unwrap();
    let mut numbers: Vec<_> = seen.iter().map(|message| message.body[0]).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    assert!(seen.iter().all(|message| message.attachments == [b"answered"]));
    drop(serving);
}

#[test]
fn a_transaction_is_kept_until_the_user_has_clicked() {
    let (client, server) = pair();
    let (router, test_loop) = looped::<Vec<Transaction<Message>>>();
    let serving =
        server.serve_on(&router, |dialogs: &mut Vec<_>, transaction, _| dialogs.push(transaction)).unwrap();
    let pending = [client.send_request("?".into()).unwrap(), client.send_request("?".into()).unwrap()];
    let mut dialogs = Vec::new();
    test_loop.run_until(&mut dialogs, |dialogs| dialogs.len() == 2).unwrap();
    drop(serving);
    for dialog in dialogs.into_iter().rev() {
        dialog.send_response("yes".into()).unwrap();
    }
    for pending in pending {
        assert_eq!(outcome(pending).unwrap().body, b"yes");
    }
}

#[test]
fn requests_that_came_before_are_served_first() {
    let (client, server) = pair();
    let early: Vec<_> = (0..5_u8).map(|n| client.send_request(vec![n].into()).unwrap()).collect();
    eventually("they have come", || server.under_way() == 5);
    let (router, test_loop) = looped::<usize>();
    let serving = server
        .serve_on(&router, |seen: &mut usize, transaction, message| {
            *seen += 1;
            let _ = transaction.send_response(message);
        })
        .unwrap();
    let mut seen = 0;
    test_loop.run_until(&mut seen, |seen| *seen == 5).unwrap();
    early.into_iter().for_each(|pending| drop(outcome(pending).unwrap()));
    drop(serving);
}

#[test]
fn a_router_that_stops_ends_the_server() {
    let (client, server) = pair();
    let address = server.local_address().unwrap();
    let (router, test_loop) = looped::<Vec<Transaction<Message>>>();
    server.serve_on(&router, |kept: &mut Vec<_>, transaction, _| kept.push(transaction)).unwrap().detach();
    let received = client.send_request("received".into()).unwrap();
    let mut kept = Vec::new();
    test_loop.run_until(&mut kept, |kept| kept.len() == 1).unwrap();
    let waiting = client.send_request("not received".into()).unwrap();
    router.stop().unwrap();
    let failure = outcome(waiting).unwrap_err();
    assert!(matches!(failure, ResponseError::NoResponse | ResponseError::Connection(_)), "{failure:?}");
    // A transaction in hand outlives it.
    kept.remove(0).send_response("late".into()).unwrap();
    assert_eq!(outcome(received).unwrap().body, b"late");
    let nobody = crate::common::client(&foreground::bus::socket::Options::new(), address);
    assert!(outcome(nobody.send_request("?".into()).unwrap()).is_err());
}

#[test]
fn what_a_stopped_router_has_not_received_stays_for_a_clone() {
    let (client, server) = pair();
    let (router, _test_loop) = looped::<()>();
    let serving = server.clone().serve_on(&router, |_, _, _| panic!("it is never dispatched")).unwrap();
    let pending = client.send_request("?".into()).unwrap();
    eventually("it has come", || server.under_way() == 1);
    router.stop().unwrap();
    let (transaction, message) = server.recv_request().unwrap();
    transaction.send_response(message).unwrap();
    assert_eq!(outcome(pending).unwrap().body, b"?");
    drop(serving);
}

#[test]
fn the_callback_may_stop_its_own_serving() {
    let (client, server) = pair();
    struct State {
        serving: Option<foreground::bus::Serving<State>>,
        served: usize,
    }
    let (router, test_loop) = looped::<State>();
    let serving = server
        .serve_on(&router, |state: &mut State, transaction, message| {
            state.served += 1;
            state.serving = None;
            transaction.send_response(message).unwrap();
        })
        .unwrap();
    let pending = client.send_request("?".into()).unwrap();
    let mut state = State { serving: Some(serving), served: 0 };
    test_loop.run_until(&mut state, |state| state.served == 1).unwrap();
    assert_eq!(outcome(pending).unwrap().body, b"?");
    assert!(outcome(client.send_request("?".into()).unwrap()).is_err());
}

#[test]
fn the_end_of_the_server_is_the_end_of_its_pipe() {
    let (client, server) = pair();
    let (router, test_loop) = looped::<Vec<&str>>();
    let serving = server
        .clone()
        .serve_on(&router, |seen: &mut Vec<_>, transaction, message| {
            seen.push("request");
            transaction.send_response(message).unwrap();
        })
        .unwrap();
    serving.on_end(|seen| seen.push("end"));
    let pending = client.send_request("?".into()).unwrap();
    eventually("it has come", || server.under_way() == 1);
    server.close();
    let mut seen = Vec::new();
    test_loop.run_until(&mut seen, |seen| seen.len() == 2).unwrap();
    assert_eq!(seen, ["request", "end"]);
    outcome(pending).unwrap();
    assert_eq!(server.stop(PATIENCE), 0);
}

#[test]
fn a_busy_foreground_delays_no_other_server() {
    let (slow_client, slow) = pair();
    let (fast_client, fast) = pair();
    let (router, test_loop) = looped::<bool>();
    let gate = Arc::new(Barrier::new(2));
    let opened = gate.clone();
    let serving = slow
        .serve_on(&router, move |done: &mut bool, transaction, message| {
            opened.wait();
            transaction.send_response(message).unwrap();
            *done = true;
        })
        .unwrap();
    let pending = slow_client.send_request("slow".into()).unwrap();
    let other = thread::spawn(move || {
        for _ in 0..20 {
            let pending = fast_client.send_request("fast".into()).unwrap();
            let (transaction, message) = fast.recv_request().unwrap();
            transaction.send_response(message).unwrap();
            outcome(pending).unwrap();
        }
        gate.wait();
    });
    test_loop.run_until(&mut false, |done| *done).unwrap();
    other.join().unwrap();
    outcome(pending).unwrap();
    drop(serving);
}
