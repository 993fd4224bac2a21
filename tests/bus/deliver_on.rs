//! Responses that come to the foreground.

use std::thread;

use foreground::PipeError;
use foreground::bus::{self, ResponseError};

use crate::common::{Census, Member, looped, panic_text, started};

#[test]
fn the_callback_is_called_once_with_the_response() {
    let (router, test_loop) = looped::<Vec<u32>>();
    let (client, server) = bus::local::<u32, u32>();
    for number in 0..3 {
        let pending = client.send_request(number).unwrap();
        pending.deliver_on(&router, |seen: &mut Vec<u32>, response| seen.push(response.unwrap())).unwrap();
    }
    let worker = thread::spawn(move || {
        for _ in 0..3 {
            let (transaction, number) = server.recv_request().unwrap();
            transaction.send_response(number + 10).unwrap();
        }
    });
    let mut seen = Vec::new();
    test_loop.run_until(&mut seen, |seen| seen.len() == 3).unwrap();
    worker.join().unwrap();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, [10, 11, 12]);
    assert_eq!(router.stats().open_pipes, 0);
}

#[test]
fn a_response_that_is_there_already_is_delivered() {
    let (router, test_loop) = looped::<Vec<u32>>();
    let (client, server) = bus::local::<(), u32>();
    let pending = client.send_request(()).unwrap();
    server.recv_request().unwrap().0.send_response(7).unwrap();
    pending.deliver_on(&router, |seen: &mut Vec<u32>, response| seen.push(response.unwrap())).unwrap();
    let mut seen = Vec::new();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, [7]);
}

#[test]
fn the_callback_learns_that_there_is_no_response() {
    let (router, test_loop) = looped::<Vec<String>>();
    let (client, server) = bus::local::<(), u32>();
    let [unanswered, queued] = [(); 2].map(|()| client.send_request(()).unwrap());
    for pending in [unanswered, queued] {
        let note = |seen: &mut Vec<String>, response: Result<u32, ResponseError>| {
            seen.push(format!("{response:?}"));
        };
        pending.deliver_on(&router, note).unwrap();
    }
    drop(server.recv_request());
    drop(server);
    let mut seen = Vec::new();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, ["Err(NoResponse)", "Err(Disconnected)"]);
}

#[test]
fn a_response_keeps_its_place_among_the_messages_of_the_router() {
    let (router, test_loop) = looped::<Vec<u32>>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|seen: &mut Vec<u32>, number| seen.push(number));
    let sender = sender.start();
    let (client, server) = bus::local::<(), u32>();
    let pending = client.send_request(()).unwrap();
    pending.deliver_on(&router, |seen: &mut Vec<u32>, response| seen.push(response.unwrap())).unwrap();
    sender.send(1).unwrap();
    server.recv_request().unwrap().0.send_response(2).unwrap();
    sender.send(3).unwrap();
    let mut seen = Vec::new();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, [1, 2, 3]);
}

#[test]
fn a_router_that_stops_first_drops_the_callback_and_the_response() {
    let census = Census::default();
    let router = started::<()>();
    let (client, server) = bus::local::<(), Member>();
    let owned = census.member();
    let pending = client.send_request(()).unwrap();
    pending.deliver_on(&router, move |_, _| drop(owned)).unwrap();
    // On its way.
    server.recv_request().unwrap().0.send_response(census.member()).unwrap();
    assert_eq!(census.alive(), 2);
    router.stop().unwrap();
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_router_that_does_not_run_takes_nothing() {
    let census = Census::default();
    let router = started::<()>();
    router.stop().unwrap();
    let (client, server) = bus::local::<(), ()>();
    let owned = census.member();
    let pending = client.send_request(()).unwrap();
    let error = pending.deliver_on(&router, move |_, _| drop(owned)).unwrap_err();
    assert_eq!(error, PipeError::NotRunning);
    assert_eq!(census.alive(), 0);
    assert!(server.recv_request().unwrap().0.is_abandoned());
}

#[test]
fn a_callback_that_panics_harms_no_other() {
    let (router, test_loop) = looped::<u32>();
    let (client, server) = bus::local::<(), u32>();
    let [first, second] = [(); 2].map(|()| client.send_request(()).unwrap());
    first.deliver_on(&router, |_: &mut u32, _| panic!("in the callback")).unwrap();
    second.deliver_on(&router, |seen: &mut u32, response| *seen = response.unwrap()).unwrap();
    for number in 1..=2 {
        server.recv_request().unwrap().0.send_response(number).unwrap();
    }
    let mut seen = 0;
    assert_eq!(panic_text(|| _ = router.dispatch(&mut seen)), "in the callback");
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, 2);
    assert_eq!(router.stats().open_pipes, 0);
}

#[test]
fn the_foreground_may_ask_itself_this_way() {
    let (router, test_loop) = looped::<Vec<u32>>();
    let (client, server) = bus::local::<u32, u32>();
    let serving = server.serve_on(&router, |seen: &mut Vec<u32>, transaction, number| {
        seen.push(number);
        transaction.send_response(number + 1).unwrap();
    });
    let _serving = serving.unwrap();
    let pending = client.send_request(1).unwrap();
    pending.deliver_on(&router, |seen: &mut Vec<u32>, response| seen.push(response.unwrap())).unwrap();
    let mut seen = Vec::new();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, [1, 2]);
}
