//! Messages that come to the foreground.

use std::thread;
use std::time::Duration;

use foreground::PipeError;
use foreground::transport::{self, ClientTransport, Context, ErrorKind, ServerTransport};

use crate::common::{looped, no_deadlock};

#[derive(Default)]
struct App {
    asked: Vec<(Context, Vec<u8>)>,
    has_ended: bool,
}

#[test]
fn the_answer_may_be_given_later() {
    no_deadlock(|| {
        let (router, test_loop) = looped::<App>();
        let (client, server) = transport::in_process();
        let _serving = server
            .serve_on(&router, |app: &mut App, context, message| app.asked.push((context, message)))
            .unwrap();
        let asking: Vec<_> = ["one", "two"]
            .map(|text| {
                let client = client.clone();
                thread::spawn(move || client.send_message(text.into(), true))
            })
            .into();
        let mut app = App::default();
        test_loop.run_until(&mut app, |app| app.asked.len() == 2).unwrap();
        // The user has clicked.
        for (context, message) in app.asked.drain(..) {
            context.reply([&message[..], b"!"].concat()).unwrap();
        }
        for (asking, reply) in asking.into_iter().zip(["one!", "two!"]) {
            assert_eq!(asking.join().unwrap().unwrap(), Some(reply.into()));
        }
    });
}

#[test]
fn the_server_lives_as_long_as_it_is_served() {
    no_deadlock(|| {
        let (router, test_loop) = looped::<App>();
        let (client, server) = transport::in_process();
        // The last handle goes into the serving.
        let serving = server
            .serve_on(&router, |app: &mut App, context, message| app.asked.push((context, message)))
            .unwrap();
        let asking = {
            let client = client.clone();
            thread::spawn(move || client.send_message(b"?".to_vec(), true))
        };
        let mut app = App::default();
        test_loop.run_until(&mut app, |app| !app.asked.is_empty()).unwrap();
        app.asked.clear();
        assert_eq!(asking.join().unwrap().unwrap_err().kind(), ErrorKind::NoReply);
        serving.stop();
        let error = client.send_message(b"gone".to_vec(), true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoResponders);
    });
}

#[test]
fn what_was_not_delivered_when_the_serving_ends_is_told_so() {
    no_deadlock(|| {
        let (router, test_loop) = looped::<App>();
        let (client, server) = transport::in_process();
        let serving = server.clone().serve_on(&router, |_: &mut App, _, _| unreachable!("no turn")).unwrap();
        let asking = {
            let client = client.clone();
            thread::spawn(move || client.send_message(b"?".to_vec(), true))
        };
        while router.stats().queued == 0 {
            thread::yield_now();
        }
        drop(serving);
        // The message is in the router's queue; its turn comes, and it has nowhere to go.
        let mut app = App::default();
        test_loop.run_until(&mut app, |_| server.incoming().unanswered() == 0).unwrap();
        assert_eq!(asking.join().unwrap().unwrap_err().kind(), ErrorKind::NoReply);
        // The server is there still, but nobody takes from it.
        assert!(client.send_message(b"?".to_vec(), true).is_err());
        assert_eq!(server.incoming().unanswered(), 0);
        // Until somebody does.
        let taking = thread::spawn(move || {
            // The first look says that there is somebody.
            while server.try_receive_message().is_err() {
                thread::yield_now();
            }
        });
        while client.send_message(b"?".to_vec(), true).unwrap_err().kind() != ErrorKind::NoReply {}
        taking.join().unwrap();
    });
}

#[test]
fn a_router_that_stops_leaves_nobody_waiting() {
    no_deadlock(|| {
        let (router, _test_loop) = looped::<App>();
        let (client, server) = transport::in_process();
        server.clone().serve_on(&router, |_: &mut App, _, _| unreachable!("no turn")).unwrap().detach();
        let asking = thread::spawn(move || client.with_timeout(None).send_message(b"?".to_vec(), true));
        while router.stats().queued == 0 {
            thread::yield_now();
        }
        router.stop().unwrap();
        assert_eq!(asking.join().unwrap().unwrap_err().kind(), ErrorKind::NoReply);
        assert_eq!(server.serve_on(&router, |_, _, _| {}).unwrap_err(), PipeError::NotRunning);
    });
}

#[test]
fn the_end_is_told_after_all_messages() {
    no_deadlock(|| {
        let (router, test_loop) = looped::<App>();
        let (client, server) = transport::in_process();
        let serving = server
            .clone()
            .serve_on(&router, |app: &mut App, context, message| app.asked.push((context, message)))
            .unwrap();
        serving.on_end(|app: &mut App| {
            assert_eq!(app.asked.len(), 1);
            app.has_ended = true;
        });
        let asking = thread::spawn(move || client.send_message(b"last".to_vec(), true));
        while router.stats().queued == 0 {
            thread::yield_now();
        }
        server.close();
        let mut app = App::default();
        test_loop.run_until(&mut app, |app| app.has_ended).unwrap();
        let (context, message) = app.asked.pop().unwrap();
        context.reply(message).unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), Some(b"last".to_vec()));
        assert_eq!(server.stop(Duration::ZERO), 0);
    });
}
