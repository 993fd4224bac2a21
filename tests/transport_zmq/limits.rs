//! How much there may be of everything.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use foreground::transport::zmq::{Client, Options, Server};
use foreground::transport::{ClientTransport, ErrorKind, ReceiveTimeoutError, ReplyError, ServerTransport};

use crate::peer::zmq::Zmq;
use crate::support::{
    ANY_PORT, ask, ask_in_haste, assert_echo, client_of, echo, endpoints, eventually, failure, within_limit,
};

const LIMIT: usize = 100_000;

fn limited(server: &Server) -> Client {
    Options::new().message_limit(LIMIT).connect(server.endpoint()).unwrap()
}

#[test]
fn messages_up_to_the_limit_pass_and_longer_ones_do_not() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let server = Options::new().message_limit(LIMIT).bind(endpoint).unwrap();
            let (unlimited, limited) = (client_of(&server), limited(&server));
            let serving = echo(server.clone());
            for client in [&unlimited, &limited] {
                assert_echo(client, vec![7; LIMIT - 1]);
                assert_echo(client, vec![7; LIMIT]);
            }
            // A client that knows the limit sends nothing; the others lose their connection.
            let (kind, text) = failure(limited.send_message(vec![7; LIMIT + 1], true));
            assert_eq!(kind, ErrorKind::TooLarge, "{text}");
            for length in [LIMIT + 1, LIMIT + 5000, LIMIT * 20] {
                let (kind, text) = failure(unlimited.send_message(vec![7; length], true));
                assert_eq!(kind, ErrorKind::Disconnected, "{endpoint}, {length}: {text}");
                assert_echo(&unlimited, "after");
                assert_echo(&limited, "after");
            }
            server.close();
            assert_eq!(serving.join().unwrap(), 10);
        }
    });
}

#[test]
fn replies_up_to_the_limit_pass_and_longer_ones_do_not() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let server = Server::bind(endpoint).unwrap();
            let client = limited(&server);
            for (length, expected) in [(LIMIT, true), (LIMIT + 1, false), (LIMIT * 20, false), (LIMIT, true)]
            {
                let asking = ask(&client, "how long?");
                let (context, _) = server.receive_message().unwrap();
                context.reply(vec![7; length]).unwrap();
                let outcome = asking.join().unwrap();
                if expected {
                    assert_eq!(outcome.unwrap(), Some(vec![7; length]));
                } else {
                    let (kind, text) = failure(outcome);
                    assert_eq!(kind, ErrorKind::TooLarge, "{endpoint}, {length}: {text}");
                }
            }
        }
    });
}

#[test]
fn a_server_does_not_send_what_is_over_its_own_limit() {
    within_limit(|| {
        let server = Options::new().message_limit(LIMIT).bind(ANY_PORT).unwrap();
        let (context, asking) = ask_in_haste(&client_of(&server), &server, b"?");
        match context.reply(vec![7; LIMIT + 1]).unwrap_err() {
            ReplyError::Failed(error) => assert_eq!(error.kind(), ErrorKind::TooLarge),
            other => panic!("{other}"),
        }
        assert_eq!(failure(asking.join().unwrap()).0, ErrorKind::Timeout);
    });
}

#[test]
fn no_more_are_read_while_too_many_are_unanswered() {
    within_limit(|| {
        let server = Options::new().unanswered_limit(3, usize::MAX).bind(ANY_PORT).unwrap();
        let client = client_of(&server);
        let asking: Vec<_> = (0..20_u8).map(|n| ask(&client, [n])).collect();
        let mut contexts: Vec<_> = (0..3).map(|_| server.receive_message().unwrap()).collect();
        // Whatever time it is given.
        let nothing = server.receive_message_timeout(Duration::from_millis(200)).unwrap_err();
        assert_eq!(nothing, ReceiveTimeoutError::Timeout);
        assert_eq!(server.incoming().unanswered(), 3);
        let mut count = 0;
        while let Some((context, message)) = contexts.pop() {
            context.reply(message).unwrap();
            count += 1;
            if count <= 17 {
                contexts.push(server.receive_message().unwrap());
            }
        }
        for (n, asking) in asking.into_iter().enumerate() {
            assert_eq!(asking.join().unwrap().unwrap(), Some(vec![n as u8]));
        }
    });
}

#[test]
fn bytes_count_as_well() {
    within_limit(|| {
        let server = Options::new().unanswered_limit(1000, 250_000).bind(ANY_PORT).unwrap();
        let client = client_of(&server);
        let asking: Vec<_> = (0..10_u8).map(|n| ask(&client, vec![n; 100_000])).collect();
        let contexts: Vec<_> = (0..3).map(|_| server.receive_message().unwrap()).collect();
        let nothing = server.receive_message_timeout(Duration::from_millis(200)).unwrap_err();
        assert_eq!(nothing, ReceiveTimeoutError::Timeout);
        drop(contexts.into_iter().map(|(context, message)| context.reply(message)).collect::<Vec<_>>());
        for _ in 0..7 {
            let (context, message) = server.receive_message().unwrap();
            context.reply(message).unwrap();
        }
        asking.into_iter().for_each(|asking| assert!(asking.join().unwrap().unwrap().is_some()));
    });
}

#[test]
fn a_client_has_no_more_connections_than_it_may() {
    within_limit(|| {
        let server = crate::support::server();
        let client = Options::new().connection_limit(3).connect(server.endpoint()).unwrap();
        let at_once = AtomicUsize::new(0);
        let most = AtomicUsize::new(0);
        let answering = {
            let server = server.clone();
            thread::spawn(move || {
                let mut waiting: Vec<(foreground::transport::Context, Vec<u8>)> = Vec::new();
                let mut most = 0;
                while let Ok(message) = server.receive_message() {
                    waiting.push(message);
                    most = most.max(waiting.len());
                    // Answered when no more come.
                    while let Ok(message) = server.receive_message_timeout(Duration::from_millis(20)) {
                        waiting.push(message);
                        most = most.max(waiting.len());
                    }
                    waiting.drain(..).for_each(|(context, message)| context.reply(message).unwrap());
                }
                most
            })
        };
        thread::scope(|scope| {
            for n in 0..20_u8 {
                let (client, at_once, most) = (&client, &at_once, &most);
                scope.spawn(move || {
                    most.fetch_max(at_once.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    assert_echo(client, [n]);
                    at_once.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        server.close();
        assert!(answering.join().unwrap() <= 3);
        assert!(most.load(Ordering::Relaxed) > 3, "more were wanted");
    });
}

#[test]
fn a_call_that_finds_no_free_connection_times_out() {
    within_limit(|| {
        let server = crate::support::server();
        let client = Options::new().connection_limit(1).connect(server.endpoint()).unwrap();
        let asking = ask(&client, "first");
        let (context, message) = server.receive_message().unwrap();
        let waiting = client.clone().with_timeout(Duration::from_millis(50));
        let (kind, text) = failure(waiting.send_message(b"second".to_vec(), true));
        assert_eq!(kind, ErrorKind::Timeout);
        assert!(text.contains("connection_limit"), "{text}");
        context.reply(message).unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), Some(b"first".to_vec()));
        let _serving = echo(server);
        assert_echo(&client, "third");
    });
}

#[test]
fn a_client_that_reads_no_replies_fills_its_own_queue_only() {
    within_limit(|| {
        let server = Options::new().reply_queue_limit(10).bind(ANY_PORT).unwrap();
        // It sends, but reads nothing: its script is stopped after the last message.
        let mut deaf = Zmq::start("dealer", &server.endpoint().to_string(), &[]);
        let messages = 200_usize;
        for _ in 0..messages {
            deaf.send(&[b"give me a megabyte"]);
        }
        let contexts: Vec<_> = (0..messages).map(|_| server.receive_message().unwrap().0).collect();
        deaf.peer.stop();
        let mut full = 0;
        for context in contexts {
            match context.reply(vec![7; 1_000_000]) {
                Ok(()) => {}
                Err(ReplyError::Failed(error)) if error.kind() == ErrorKind::Full => full += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(full > messages / 2, "{full} of {messages} megabytes were refused");
        let client = client_of(&server);
        let _serving = echo(server.clone());
        assert_echo(&client, vec![7; 1_000_000]);
        drop(deaf);
        eventually("the server's peace", || server.incoming().unanswered() == 0);
    });
}
