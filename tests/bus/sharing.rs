//! Several servers that share the requests.

use std::sync::mpsc::channel;
use std::thread;

use foreground::bus;

use crate::common::{looped, no_deadlock};

#[test]
fn a_request_comes_to_one_server_only() {
    let (client, server) = bus::local::<u32, ()>();
    let other = server.clone();
    drop(client.send_request(1).unwrap());
    assert_eq!(other.recv_request().unwrap().1, 1);
    assert!(server.try_recv_request().is_err());
}

#[test]
fn two_routers_share_the_requests() {
    let (first, first_loop) = looped::<Vec<u32>>();
    let (second, second_loop) = looped::<Vec<u32>>();
    let (client, server) = bus::local::<u32, ()>();
    let push = |seen: &mut Vec<u32>, _, number| seen.push(number);
    let _servings = (server.clone().serve_on(&first, push).unwrap(), server.serve_on(&second, push).unwrap());

    (0..3).for_each(|number| drop(client.send_request(number).unwrap()));
    let (mut by_first, mut by_second) = (Vec::new(), Vec::new());
    first_loop.run_until_idle(&mut by_first).unwrap();
    (3..6).for_each(|number| drop(client.send_request(number).unwrap()));
    second_loop.run_until_idle(&mut by_second).unwrap();
    first_loop.run_until_idle(&mut by_first).unwrap();
    assert_eq!((by_first, by_second), (vec![0, 1, 2], vec![3, 4, 5]));
}

#[test]
fn a_thread_serves_while_the_foreground_is_busy() {
    no_deadlock(|| {
        let (router, test_loop) = looped::<u32>();
        let (client, server) = bus::local::<(), u32>();
        let beside = server.clone();
        let _serving = server.serve_on(&router, |_, _, ()| {}).unwrap();
        let worker = thread::spawn(move || {
            beside.recv_request().unwrap().0.send_response(7).unwrap();
        });
        // The foreground waits, and does not dispatch.
        assert_eq!(client.send_request(()).unwrap().recv_response().unwrap(), 7);
        worker.join().unwrap();
        test_loop.run_until_idle(&mut 0).unwrap();
    });
}

#[test]
fn a_server_that_sleeps_does_not_miss_a_request_that_came_with_many() {
    no_deadlock(|| {
        let (client, server) = bus::local::<u32, ()>();
        let (seen, is_seen) = channel();
        let servers: Vec<_> = (0..3)
            .map(|_| {
                let (server, seen) = (server.clone(), seen.clone());
                thread::spawn(move || {
                    while let Ok((transaction, number)) = server.recv_request() {
                        transaction.send_response(()).unwrap();
                        seen.send(number).unwrap();
                    }
                })
            })
            .collect();
        let pending: Vec<_> = (0..300).map(|number| client.send_request(number).unwrap()).collect();
        pending.into_iter().for_each(|pending| pending.recv_response().unwrap());
        drop((client, seen));
        servers.into_iter().for_each(|server| server.join().unwrap());
        let mut seen: Vec<_> = is_seen.iter().collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..300));
    });
}
