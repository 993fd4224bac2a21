//! Threads that receive and answer.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use foreground::transport::{
    self, ClientTransport, ErrorKind, ReceiveError, ReceiveTimeoutError, ReplyError, ServerTransport,
    TryReceiveError,
};

use crate::common::no_deadlock;

#[test]
fn replies_may_come_in_any_order_and_from_any_thread() {
    no_deadlock(|| {
        let (client, server) = transport::in_process();
        let asking: Vec<_> = (0..10u8)
            .map(|n| {
                let client = client.clone();
                thread::spawn(move || client.send_message(vec![n], true).unwrap().unwrap())
            })
            .collect();
        let mut received: Vec<_> = (0..10).map(|_| server.receive_message().unwrap()).collect();
        assert_eq!(server.incoming().unanswered(), 10);
        received.reverse();
        thread::spawn(move || {
            for (context, message) in received {
                context.reply([message[0], message[0]]).unwrap();
            }
        });
        for (n, asking) in (0..10u8).zip(asking) {
            assert_eq!(asking.join().unwrap(), [n, n]);
        }
        assert_eq!(server.incoming().unanswered(), 0);
    });
}

#[test]
fn each_message_has_one_taker() {
    const MESSAGES: u32 = 2000;
    no_deadlock(|| {
        let (client, server) = transport::in_process();
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let server = server.clone();
                thread::spawn(move || {
                    let mut seen = Vec::new();
                    while let Ok((context, message)) = server.receive_message() {
                        seen.push(u32::from_le_bytes(message[..].try_into().unwrap()));
                        context.reply(message).unwrap();
                    }
                    seen
                })
            })
            .collect();
        let senders: Vec<_> = (0..4)
            .map(|part| {
                let client = client.clone();
                thread::spawn(move || {
                    for n in (0..MESSAGES).filter(|n| n % 4 == part) {
                        let message = n.to_le_bytes().to_vec();
                        assert_eq!(client.send_message(message.clone(), true).unwrap(), Some(message));
                    }
                })
            })
            .collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        drop((client, server));
        let seen: Vec<_> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
        assert_eq!(seen.len(), MESSAGES as usize);
        assert_eq!(seen.into_iter().collect::<HashSet<_>>().len(), MESSAGES as usize);
    });
}

#[test]
fn closing_wakes_whoever_waits_and_leaves_what_has_come() {
    no_deadlock(|| {
        let (server, asking, (context, message)) = loop {
            let (client, server) = transport::in_process();
            let asking = {
                let client = client.clone();
                thread::spawn(move || client.send_message(b"before".to_vec(), true))
            };
            while server.incoming().unanswered() == 0 {
                thread::yield_now();
            }
            server.close();
            let error = client.send_message(b"after".to_vec(), true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoResponders);
            match server.receive_message() {
                Ok(received) => break (server, asking, received),
                // It has a place before it is there, and the close was in between.
                Err(_) => assert_eq!(asking.join().unwrap().unwrap_err().kind(), ErrorKind::NoResponders),
            }
        };
        let waiting = {
            let server = server.clone();
            thread::spawn(move || server.receive_message().map(drop))
        };
        assert_eq!(waiting.join().unwrap(), Err(ReceiveError::Closed));
        server.send_reply(context, message).unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), Some(b"before".to_vec()));
        assert_eq!(
            server.receive_message_timeout(Duration::MAX).unwrap_err(),
            ReceiveTimeoutError::Closed,
            "a timeout that the clock cannot name is none"
        );
        assert_eq!(server.try_receive_message().unwrap_err(), TryReceiveError::Closed);
    });
}

#[test]
fn a_stop_waits_for_the_answers_under_way_and_counts_the_others() {
    no_deadlock(|| {
        let (client, server) = transport::in_process();
        let asking = |text: &'static str| {
            let client = client.clone();
            thread::spawn(move || client.send_message(text.into(), true))
        };
        let answered = asking("answered");
        let (context, _) = server.receive_message().unwrap();
        let kept = asking("kept");
        let (forgotten, _) = server.receive_message().unwrap();
        let untaken = asking("untaken");
        while server.incoming().unanswered() < 3 {
            thread::yield_now();
        }
        let worker = thread::spawn(move || context.reply("yes"));
        assert_eq!(server.stop(Duration::from_millis(50)), 2);
        worker.join().unwrap().unwrap();
        assert_eq!(answered.join().unwrap().unwrap(), Some(b"yes".to_vec()));
        assert_eq!(untaken.join().unwrap().unwrap_err().kind(), ErrorKind::NoReply);
        forgotten.reply("late, but not too late").unwrap();
        assert!(kept.join().unwrap().is_ok());
        assert_eq!(server.stop(Duration::ZERO), 0);
    });
}

#[test]
fn who_gave_up_is_known() {
    let (client, server) = transport::in_process();
    let hasty = client.clone().with_timeout(Duration::ZERO);
    assert_eq!(hasty.send_message(b"?".to_vec(), true).unwrap_err().kind(), ErrorKind::Timeout);
    let (context, _) = server.receive_message().unwrap();
    assert!(context.is_abandoned());
    match context.reply("too late") {
        Err(ReplyError::Abandoned(reply)) => assert_eq!(reply, b"too late"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn servers_and_clients_may_be_objects() {
    no_deadlock(|| {
        let (client, server) = transport::in_process();
        let servers: Vec<Box<dyn ServerTransport>> = vec![Box::new(server)];
        let client: std::sync::Arc<dyn ClientTransport> = std::sync::Arc::new(client);
        let asking = thread::spawn(move || client.send_message(b"object".to_vec(), true));
        let (context, message) = servers[0].receive_message().unwrap();
        servers[0].send_reply(context, message).unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), Some(b"object".to_vec()));
        assert_eq!(servers[0].stop(Duration::ZERO), 0);
    });
}
