//! In the foreground: served by a router, and asking without a wait.

use std::thread;
use std::time::{Duration, Instant};

use foreground::MessageRouter;
use foreground::transport::zmq::{Client, Server};
use foreground::transport::{ClientTransport, Context, ErrorKind, ServerTransport};

use crate::alone;
use crate::common::looped;
use crate::support::{
    ask, assert_echo, client_of, echo, endpoints, eventually, failure, server, within_limit,
};

#[derive(Default)]
struct Served {
    count: u32,
    kept: Vec<(Context, Vec<u8>)>,
}

#[test]
fn a_callback_answers_now_or_later() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let (router, test_loop) = looped::<Served>();
            let server = Server::bind(endpoint).unwrap();
            let client = client_of(&server);
            let serving = server
                .serve_on(&router, |served: &mut Served, context, message| {
                    served.count += 1;
                    match &message[..] {
                        b"later" => served.kept.push((context, message)),
                        _ => context.reply(message).unwrap(),
                    }
                })
                .unwrap();
            let later = ask(&client, "later");
            let mut served = Served::default();
            test_loop.run_until(&mut served, |served| served.count == 1).unwrap();
            let now = ask(&client, "now");
            test_loop.run_until(&mut served, |served| served.count == 2).unwrap();
            assert_eq!(now.join().unwrap().unwrap(), Some(b"now".to_vec()));
            assert!(!later.is_finished());
            let (context, message) = served.kept.pop().unwrap();
            context.reply(message).unwrap();
            assert_eq!(later.join().unwrap().unwrap(), Some(b"later".to_vec()));
            drop(serving);
        }
    });
}

#[test]
fn the_server_ends_with_its_serving() {
    within_limit(|| {
        let (router, _test_loop) = looped::<()>();
        let server = server();
        let endpoint = server.endpoint().clone();
        let serving =
            server.serve_on(&router, |(), context, message| context.reply(message).unwrap()).unwrap();
        assert_eq!(Server::bind(&endpoint).unwrap_err().kind(), ErrorKind::AddressInUse);
        drop(serving);
        drop(Server::bind(&endpoint).unwrap());
        // So it does when the router stops.
        let server = Server::bind(&endpoint).unwrap();
        let serving =
            server.serve_on(&router, |(), context, message| context.reply(message).unwrap()).unwrap();
        serving.detach();
        router.stop().unwrap();
        drop(Server::bind(&endpoint).unwrap());
    });
}

#[test]
fn a_thousand_calls_at_once_need_no_threads_and_few_connections() {
    alone::run(
        concat!(module_path!(), "::a_thousand_calls_at_once_need_no_threads_and_few_connections"),
        || {
            const CALLS: u32 = 1000;
            let (router, test_loop) = looped::<Vec<u32>>();
            let server = server();
            let client = client_of(&server);
            let _serving = echo(server);
            let threads = alone::threads().len();
            let mut most = 0;
            for n in 0..CALLS {
                client
                    .send_message_on(
                        &router,
                        n.to_be_bytes().to_vec(),
                        true,
                        move |seen: &mut Vec<_>, reply| {
                            assert_eq!(reply.unwrap(), Some(n.to_be_bytes().to_vec()));
                            seen.push(n);
                        },
                    )
                    .unwrap();
                most = most.max(alone::threads().len());
            }
            let mut seen = Vec::new();
            test_loop.run_until(&mut seen, |seen| seen.len() == CALLS as usize).unwrap();
            seen.sort_unstable();
            assert_eq!(seen, (0..CALLS).collect::<Vec<_>>());
            assert!(most <= threads + 1, "the test's own loop may have one: {most}, {threads}");
            assert!(alone::descriptors() < 64 * 3 + 50, "{}", alone::descriptors());
        },
    );
}

#[test]
fn a_callback_is_told_of_a_timeout_and_of_a_refusal_to_listen() {
    within_limit(|| {
        let (router, test_loop) = looped::<Vec<ErrorKind>>();
        let server = server();
        let client = client_of(&server).with_timeout(Duration::from_millis(50));
        let nobody = Client::connect("tcp://127.0.0.1:1").unwrap().with_timeout(Duration::from_millis(50));
        for (client, expect_reply) in [(&client, true), (&nobody, true), (&nobody, false)] {
            let started = Instant::now();
            client
                .send_message_on(&router, b"?".to_vec(), expect_reply, |seen: &mut Vec<_>, reply| {
                    seen.push(reply.unwrap_err().kind());
                })
                .unwrap();
            assert!(started.elapsed() < Duration::from_secs(5), "it does not wait");
        }
        let mut seen = Vec::new();
        test_loop.run_until(&mut seen, |seen| seen.len() == 3).unwrap();
        seen.sort_by_key(|kind| *kind != ErrorKind::Timeout);
        assert_eq!(seen, [ErrorKind::Timeout, ErrorKind::Unreachable, ErrorKind::Unreachable]);
    });
}

#[test]
fn a_router_that_stops_lets_the_call_end_by_itself() {
    within_limit(|| {
        let (router, _test_loop) = looped::<()>();
        let server = server();
        let client = client_of(&server);
        client.send_message_on(&router, b"?".to_vec(), true, |(), _| unreachable!("it was stopped")).unwrap();
        let (context, message) = server.receive_message().unwrap();
        router.stop().unwrap();
        context.reply(message).unwrap();
        assert!(client.send_message_on(&router, b"?".to_vec(), true, |(), _| ()).is_err(), "it does not run");
        let _serving = echo(server);
        assert_echo(&client, "the client does");
    });
}

#[test]
fn what_nobody_serves_any_more_stays_unanswered() {
    within_limit(|| {
        let (router, _test_loop) = looped::<()>();
        let server = server();
        let client = client_of(&server).with_timeout(Duration::from_millis(300));
        let serving = server.clone().serve_on(&router, |(), _, _| unreachable!("it has stopped")).unwrap();
        serving.stop();
        let (kind, text) = failure(client.send_message(b"?".to_vec(), true));
        assert_eq!(kind, ErrorKind::Timeout, "{text}");
        eventually("nothing unanswered", || server.incoming().unanswered() == 0);
    });
}

#[test]
fn a_waker_that_panics_does_not_end_the_server() {
    within_limit(|| {
        let router = MessageRouter::new(|| panic!("on purpose"));
        router.start().unwrap();
        let server = server();
        let client = client_of(&server);
        let serving = server.serve_on(&router, |(), context, message| context.reply(message).unwrap());
        let calls: Vec<_> = (0..3_u8).map(|n| ask(&client, [n])).collect();
        let answered = |(): &mut ()| calls.iter().all(|call| call.is_finished());
        while !answered(&mut ()) {
            // Nothing wakes it, so it looks again and again.
            let _ = router.route_until(&mut (), answered, Duration::from_millis(1));
        }
        calls.into_iter().for_each(|call| assert!(call.join().unwrap().is_ok()));
        drop(serving);
    });
}

#[test]
fn both_ends_on_one_router() {
    within_limit(|| {
        let (router, test_loop) = looped::<Vec<u8>>();
        let server = server();
        let client = client_of(&server);
        let _serving =
            server.serve_on(&router, |_, context, message| context.reply(message).unwrap()).unwrap();
        let mut seen = Vec::new();
        for n in 0..100_u8 {
            client
                .send_message_on(&router, vec![n], true, |seen: &mut Vec<u8>, reply| {
                    seen.extend(reply.unwrap().unwrap())
                })
                .unwrap();
            test_loop.run_until(&mut seen, |seen| seen.len() == usize::from(n) + 1).unwrap();
        }
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
        assert!(thread::current().name() != Some("foreground-async"));
    });
}
