//! What a client is told.

use std::error::Error as _;
use std::io;
use std::thread;
use std::time::Duration;

use foreground::transport::{self, ClientTransport, Error, ErrorKind, ServerTransport};

use crate::common::{looped, no_deadlock};

#[test]
fn a_dropped_context_is_told_at_once() {
    no_deadlock(|| {
        let (client, server) = transport::in_process();
        let client = client.with_timeout(None);
        let asking = thread::spawn(move || client.send_message(b"?".to_vec(), true));
        drop(server.receive_message().unwrap());
        assert_eq!(asking.join().unwrap().unwrap_err().kind(), ErrorKind::NoReply);
    });
}

#[test]
fn without_a_reply_expected_there_is_none() {
    no_deadlock(|| {
        let (client, server) = transport::in_process();
        let asking = thread::spawn(move || client.send_message(b"!".to_vec(), false));
        let (context, _) = server.receive_message().unwrap();
        context.reply("not asked for").unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), None);
    });
}

#[test]
fn messages_that_nobody_answers_fill_no_memory() {
    let (client, server) = transport::in_process();
    let hasty = client.clone().with_timeout(Duration::ZERO);
    let given_up = |n: &usize| {
        let kind = hasty.send_message(vec![0; 1024 * 1024], true).unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::Timeout | ErrorKind::Busy), "{n}: {kind:?}");
        kind == ErrorKind::Timeout
    };
    assert_eq!((0..100).take_while(given_up).count(), 64, "then there is no room");
    drop(server.receive_message().unwrap());
    assert!(given_up(&100), "there is again");
}

#[test]
fn a_server_that_has_gone_is_known() {
    let (client, server) = transport::in_process();
    drop(server);
    let error = client.send_message(vec![], true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoResponders);
}

#[test]
fn a_reply_is_delivered_to_the_foreground() {
    no_deadlock(|| {
        let (router, test_loop) = looped::<Vec<Result<Option<Vec<u8>>, ErrorKind>>>();
        let (client, server) = transport::in_process();
        let serving = thread::spawn(move || {
            let (context, message) = server.receive_message().unwrap();
            context.reply(message).unwrap();
            drop(server.receive_message().unwrap());
        });
        let mut seen = Vec::new();
        for message in [b"first".to_vec(), b"dropped".to_vec()] {
            client
                .send_message_on(&router, message, true, |seen: &mut Vec<_>, reply| {
                    seen.push(reply.map_err(|error| error.kind()));
                })
                .unwrap();
            let count = seen.len() + 1;
            test_loop.run_until(&mut seen, |seen| seen.len() == count).unwrap();
        }
        assert_eq!(seen, [Ok(Some(b"first".to_vec())), Err(ErrorKind::NoReply)]);
        serving.join().unwrap();
    });
}

#[test]
fn a_router_that_stops_drops_the_callback() {
    no_deadlock(|| {
        let (router, _test_loop) = looped::<()>();
        let (client, server) = transport::in_process();
        let held = std::rc::Rc::new(());
        let callback = held.clone();
        client
            .send_message_on(&router, b"?".to_vec(), true, move |(), _| {
                let _ = &callback;
                unreachable!("the router was stopped");
            })
            .unwrap();
        router.stop().unwrap();
        assert_eq!(std::rc::Rc::strong_count(&held), 1);
        // The call itself goes on.
        let (context, _) = server.receive_message_timeout(Duration::from_secs(20)).unwrap();
        context.reply("nobody hears").unwrap();
        assert!(client.send_message_on(&router, vec![], true, |(), _| {}).is_err(), "it does not run");
    });
}

#[test]
fn an_error_tells_its_kind_and_its_source() {
    let error = Error::new(ErrorKind::Io, "cannot open the line").because(io::Error::other("it is cut"));
    assert_eq!(error.to_string(), "cannot open the line: it is cut");
    assert_eq!(error.source().unwrap().to_string(), "it is cut");
    assert_eq!((error.kind(), error.status(), error.body()), (ErrorKind::Io, None, None));
    assert!(format!("{error:?}").contains("Io"));
}
