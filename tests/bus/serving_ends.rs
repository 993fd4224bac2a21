//! How serving in the foreground ends, and what becomes of the requests.

use std::thread;

use foreground::MessageRouter;
use foreground::bus::{self, ResponseError, Serving};

use crate::common::{Census, looped, no_deadlock, started};

#[test]
fn a_serving_that_is_dropped_tells_those_who_wait_at_once() {
    no_deadlock(|| {
        let router = started::<()>();
        let (client, server) = bus::local::<(), ()>();
        let serving = server.serve_on(&router, |_, _, ()| {}).unwrap();
        let pending = client.send_request(()).unwrap();
        let waiting = thread::spawn(move || pending.recv_response());
        drop(serving);
        // No dispatch.
        assert!(matches!(waiting.join().unwrap(), Err(ResponseError::Disconnected)));
        assert!(client.send_request(()).is_err());
    });
}

#[test]
fn a_router_that_stops_tells_those_who_wait_at_once() {
    no_deadlock(|| {
        let router = started::<()>();
        let (client, server) = bus::local::<(), ()>();
        let serving = server.serve_on(&router, |_, _, ()| {}).unwrap();
        let pending = client.send_request(()).unwrap();
        let waiting = thread::spawn(move || pending.recv_response());
        router.stop().unwrap();
        assert!(matches!(waiting.join().unwrap(), Err(ResponseError::Disconnected)));
        assert!(client.send_request(()).is_err());
        drop(serving);
    });
}

#[test]
fn dropping_the_router_tells_those_who_wait() {
    let router = started::<()>();
    let (client, server) = bus::local::<(), ()>();
    server.serve_on(&router, |_, _, ()| {}).unwrap().detach();
    let pending = client.send_request(()).unwrap();
    drop(router);
    assert!(matches!(pending.recv_response(), Err(ResponseError::Disconnected)));
}

#[test]
fn what_a_serving_has_not_received_stays_for_the_other_servers() {
    let router = started::<()>();
    let (client, server) = bus::local::<u32, u32>();
    let beside = server.clone();
    let serving = server.serve_on(&router, |_, _, _| unreachable!("nothing is dispatched")).unwrap();
    let pending: Vec<_> = (0..3).map(|number| client.send_request(number).unwrap()).collect();
    serving.stop();
    for _ in 0..3 {
        let (transaction, number) = beside.recv_request().unwrap();
        transaction.send_response(number).unwrap();
    }
    let responses: Vec<_> = pending.into_iter().map(|pending| pending.recv_response().unwrap()).collect();
    assert_eq!(responses, [0, 1, 2]);
}

#[test]
fn what_a_router_has_not_received_when_it_stops_comes_to_another_router() {
    let first = started::<()>();
    let (second, test_loop) = looped::<Vec<u32>>();
    let (client, server) = bus::local::<u32, ()>();
    let other = server.clone();
    server.serve_on(&first, |_, _, _| unreachable!("it is not dispatched")).unwrap().detach();
    let _serving = other.serve_on(&second, |seen: &mut Vec<u32>, _, number| seen.push(number)).unwrap();
    (0..3).for_each(|number| drop(client.send_request(number).unwrap()));
    first.stop().unwrap();
    let mut seen = Vec::new();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, [0, 1, 2]);
}

#[test]
fn a_callback_may_stop_its_own_serving() {
    struct App {
        serving: Option<Serving<App>>,
        received: u32,
    }

    let (router, test_loop) = looped::<App>();
    let (client, server) = bus::local::<(), ()>();
    let [received, queued] = [(); 2].map(|()| client.send_request(()).unwrap());
    let serving = server.serve_on(&router, move |app: &mut App, transaction, ()| {
        app.received += 1;
        drop(app.serving.take());
        // At once, although this callback is on the stack.
        assert!(client.send_request(()).is_err());
        transaction.send_response(()).unwrap();
    });
    let mut app = App { serving: Some(serving.unwrap()), received: 0 };
    test_loop.run_until_idle(&mut app).unwrap();
    assert_eq!(app.received, 1);
    received.recv_response().unwrap();
    assert!(matches!(queued.recv_response(), Err(ResponseError::Disconnected)));
}

#[test]
fn a_callback_may_stop_its_router() {
    let (router, _) = looped::<u32>();
    let (client, server) = bus::local::<(), ()>();
    let [received, queued] = [(); 2].map(|()| client.send_request(()).unwrap());
    let stopped = router.clone();
    let serving = server.serve_on(&router, move |count: &mut u32, transaction, ()| {
        *count += 1;
        stopped.stop().unwrap();
        transaction.send_response(()).unwrap();
    });
    let _serving = serving.unwrap();
    let mut count = 0;
    let _ = router.dispatch(&mut count);
    assert_eq!(count, 1);
    received.recv_response().unwrap();
    assert!(matches!(queued.recv_response(), Err(ResponseError::Disconnected)));
}

#[test]
fn when_all_clients_have_gone_the_end_comes_after_the_last_request() {
    let (router, test_loop) = looped::<Vec<&str>>();
    let (client, server) = bus::local::<&str, ()>();
    let serving = server.serve_on(&router, |seen: &mut Vec<_>, _, request| seen.push(request)).unwrap();
    serving.on_end(|seen| seen.push("the end"));
    let other = client.clone();
    let worker = thread::spawn(move || drop(other.send_request("a request").unwrap()));
    worker.join().unwrap();
    let mut seen = Vec::new();
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, ["a request"]);
    drop(client);
    test_loop.run_until_idle(&mut seen).unwrap();
    assert_eq!(seen, ["a request", "the end"]);
    assert_eq!(router.stats().open_pipes, 0);
}

#[test]
fn a_detached_serving_goes_when_all_clients_have_gone() {
    let census = Census::default();
    let (router, test_loop) = looped::<()>();
    let (client, server) = bus::local::<(), ()>();
    let owned = census.member();
    server.serve_on(&router, move |_, _, ()| _ = &owned).unwrap().detach();
    assert_eq!(census.alive(), 1);
    drop(client);
    test_loop.run_until_idle(&mut ()).unwrap();
    assert_eq!(census.alive(), 0);
    assert_eq!(router.stats().open_pipes, 0);
}

#[test]
fn nothing_is_left_of_a_serving_that_was_stopped() {
    let census = Census::default();
    let router: MessageRouter = started();
    let (client, server) = bus::local();
    let owned = census.member();
    let serving = server.serve_on(&router, move |_, _, _: crate::common::Member| _ = &owned).unwrap();
    let pending: Vec<bus::PendingResponse<()>> =
        (0..3).map(|_| client.send_request(census.member()).unwrap()).collect();
    assert_eq!(census.alive(), 4);
    serving.stop();
    assert_eq!(census.alive(), 0);
    drop(pending);
    assert_eq!(router.stats().open_pipes, 0);
}
