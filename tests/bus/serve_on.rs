//! Requests that come to the foreground.

use std::thread;

use foreground::bus::{self, ResponseError, Transaction};
use foreground::{Budget, MessageRouter, PipeError};

use crate::common::{Census, looped, panic_text, started};

#[test]
fn the_callback_answers_now() {
    let (router, test_loop) = looped::<u32>();
    let (client, server) = bus::local::<u32, u32>();
    let serving = server.serve_on(&router, |answered: &mut u32, transaction, number| {
        *answered += 1;
        transaction.send_response(number * 2).unwrap();
    });
    let _serving = serving.unwrap();
    let workers: Vec<_> = (0..3)
        .map(|number| {
            let client = client.clone();
            thread::spawn(move || client.send_request(number).unwrap().recv_response().unwrap())
        })
        .collect();
    test_loop.run_until(&mut 0, |answered| *answered == 3).unwrap();
    let responses: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
    assert_eq!(responses, [0, 2, 4]);
}

#[test]
fn the_callback_may_keep_the_transaction_for_later() {
    let (router, test_loop) = looped::<Vec<Transaction<&str>>>();
    let (client, server) = bus::local::<(), &str>();
    let serving = server.serve_on(&router, |dialogs: &mut Vec<_>, transaction, ()| dialogs.push(transaction));
    let _serving = serving.unwrap();
    let worker = thread::spawn(move || client.send_request(()).unwrap().recv_response().unwrap());
    let mut dialogs = Vec::new();
    test_loop.run_until(&mut dialogs, |dialogs| dialogs.len() == 1).unwrap();
    dialogs.remove(0).send_response("clicked").unwrap();
    assert_eq!(worker.join().unwrap(), "clicked");
}

#[test]
fn requests_keep_their_place_among_the_messages_of_the_router() {
    let (router, test_loop) = looped::<Vec<u32>>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|seen: &mut Vec<u32>, number| seen.push(number));
    let sender = sender.start();
    let (client, server) = bus::local::<u32, ()>();
    let _serving = server.serve_on(&router, |seen: &mut Vec<u32>, _, number| seen.push(number)).unwrap();
    for number in (0..10).step_by(2) {
        sender.send(number).unwrap();
        drop(client.send_request(number + 1).unwrap());
    }
    let mut seen = Vec::new();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert!(seen.iter().copied().eq(0..10), "{seen:?}");
}

#[test]
fn a_request_is_not_received_before_what_was_sent_before_it_though_others_took_those_before() {
    let (router, test_loop) = looped::<Vec<u32>>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|seen: &mut Vec<u32>, number| seen.push(number));
    let sender = sender.start();
    let (client, server) = bus::local::<u32, ()>();
    let beside = server.clone();
    let _serving = server.serve_on(&router, |seen: &mut Vec<u32>, _, number| seen.push(number)).unwrap();
    drop(client.send_request(1).unwrap());
    sender.send(2).unwrap();
    drop(client.send_request(3).unwrap());
    assert_eq!(beside.recv_request().unwrap().1, 1);
    let mut seen = Vec::new();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, [2, 3]);
}

#[test]
fn requests_that_were_sent_before_serving_began_are_received() {
    let (router, test_loop) = looped::<Vec<u32>>();
    let (client, server) = bus::local::<u32, ()>();
    (0..3).for_each(|number| drop(client.send_request(number).unwrap()));
    drop(client);
    let serving = server.serve_on(&router, |seen: &mut Vec<u32>, _, number| seen.push(number)).unwrap();
    serving.on_end(|seen| seen.push(100));
    let mut seen = Vec::new();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, [0, 1, 2, 100]);
}

#[test]
fn a_flood_of_requests_leaves_the_window_its_turns() {
    let budget = Budget::new(std::time::Duration::MAX, 10);
    let router: MessageRouter<u32> = MessageRouter::builder().budget(budget).build(|| {});
    router.start().unwrap();
    let (client, server) = bus::local::<(), ()>();
    let _serving = server.serve_on(&router, |count: &mut u32, _, ()| *count += 1).unwrap();
    (0..25).for_each(|_| drop(client.send_request(()).unwrap()));
    let mut count = 0;
    let counts = [(); 3].map(|()| {
        let _ = router.dispatch(&mut count);
        router.settle();
        count
    });
    assert_eq!(counts, [10, 20, 25]);
}

#[test]
fn a_callback_that_panics_leaves_its_client_without_response_and_ends_the_serving() {
    let (router, test_loop) = looped::<u32>();
    let (client, server) = bus::local::<(), ()>();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|seen: &mut u32, number| *seen = number);
    let serving = server.serve_on(&router, |_, _, ()| panic!("in the callback")).unwrap();
    let [under_way, queued] = [(); 2].map(|()| client.send_request(()).unwrap());
    sender.start().send(7).unwrap();

    let mut seen = 0;
    assert_eq!(panic_text(|| _ = router.dispatch(&mut seen)), "in the callback");
    assert!(matches!(under_way.recv_response(), Err(ResponseError::NoResponse)));
    assert!(matches!(queued.recv_response(), Err(ResponseError::Disconnected)));
    assert!(client.send_request(()).is_err());
    // The router goes on.
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, 7);
    drop(serving);
}

#[test]
fn a_callback_may_send_requests_to_its_own_bus() {
    let (router, test_loop) = looped::<Vec<u32>>();
    let (client, server) = bus::local::<u32, ()>();
    let again = client.clone();
    let serving = server.serve_on(&router, move |seen: &mut Vec<u32>, _, number| {
        seen.push(number);
        if number < 3 {
            drop(again.send_request(number + 1).unwrap());
        }
    });
    let _serving = serving.unwrap();
    drop(client.send_request(0).unwrap());
    let mut seen = Vec::new();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, [0, 1, 2, 3]);
}

#[test]
fn a_router_that_does_not_run_serves_nothing() {
    let census = Census::default();
    let router = started::<()>();
    router.stop().unwrap();
    let (client, server) = bus::local::<(), ()>();
    let pending = client.send_request(()).unwrap();
    let owned = census.member();
    let error = server.serve_on(&router, move |_, _, ()| _ = &owned).unwrap_err();
    assert_eq!(error, PipeError::NotRunning);
    assert_eq!(census.alive(), 0);
    assert!(matches!(pending.recv_response(), Err(ResponseError::Disconnected)));
}
