//! Connections that are lost, servers that are started again, replies that come late.

use std::thread;
use std::time::{Duration, Instant};

use foreground::transport::zmq::{Options, Server};
use foreground::transport::{ClientTransport, ErrorKind, ReplyError, ServerTransport};

use crate::peer::zmq::Zmq;
use crate::support::{
    ask, ask_in_haste, assert_echo, client, client_of, echo, endpoints, failure, server, within_limit,
};

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn after_a_timeout_the_next_call_works_and_gets_its_own_reply() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let server = Server::bind(endpoint).unwrap();
            let client = client_of(&server);
            for round in 0..10_u8 {
                let (late, asking) = ask_in_haste(&client, &server, &[round, 1]);
                let (kind, text) = failure(asking.join().unwrap());
                assert_eq!(kind, ErrorKind::Timeout, "{text}");
                let asking = ask(&client, [round, 2]);
                let (context, message) = server.receive_message().unwrap();
                assert_eq!(message, [round, 2]);
                // Before the other, and perhaps known to be for nobody.
                let _ = late.reply("too late");
                context.reply(message).unwrap();
                assert_eq!(asking.join().unwrap().unwrap(), Some(vec![round, 2]));
            }
        }
    });
}

#[test]
fn what_timed_out_before_there_was_a_server_is_never_sent() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            // A port at which nobody listens any more.
            let endpoint = Server::bind(endpoint).unwrap().endpoint().to_string();
            let client = client(&endpoint);
            let (kind, text) =
                failure(client.clone().with_timeout(SHORT).send_message(b"early".to_vec(), true));
            assert_eq!(kind, ErrorKind::Unreachable, "{text}");
            let server = Server::bind(&endpoint).unwrap();
            let asking = ask(&client, "in time");
            let (context, message) = server.receive_message().unwrap();
            assert_eq!(message, b"in time");
            context.reply("!").unwrap();
            asking.join().unwrap().unwrap();
        }
    });
}

#[test]
fn a_server_that_comes_in_time_is_waited_for() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let endpoint = Server::bind(endpoint).unwrap().endpoint().to_string();
            let client = client(&endpoint);
            for expect_reply in [true, false] {
                let sender = client.clone();
                let asking = thread::spawn(move || sender.send_message(b"early".to_vec(), expect_reply));
                // So that it most likely tries in vain first; it passes in any case.
                thread::park_timeout(Duration::from_millis(30));
                let server = Server::bind(&endpoint).unwrap();
                let (context, message) = server.receive_message().unwrap();
                assert_eq!(message, b"early");
                context.reply("!").unwrap();
                asking.join().unwrap().unwrap();
            }
        }
    });
}

#[test]
fn a_server_that_was_started_again_answers_the_next_call() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let mut server = Server::bind(endpoint).unwrap();
            let endpoint = server.endpoint().to_string();
            let client = client(&endpoint);
            for round in 0..30_u8 {
                let serving = echo(server.clone());
                assert_echo(&client, [round]);
                assert_eq!(client.send_message(vec![round], false).unwrap(), None);
                server.close();
                serving.join().unwrap();
                drop(server);
                server = Server::bind(&endpoint).unwrap();
            }
        }
    });
}

#[test]
fn libzmqs_server_killed_in_mid_conversation_and_started_again() {
    within_limit(|| {
        let mut address = "tcp://127.0.0.1:*".to_owned();
        let mut router = Zmq::start("router", &address, &[]);
        address = router.address().to_owned();
        let client = client(&address);
        for round in 0..3_u8 {
            let asking = ask(&client, [round]);
            let frames = router.received();
            router.send(&[&frames[0], b"", b"!"]);
            assert_eq!(asking.join().unwrap().unwrap(), Some(b"!".to_vec()));

            let asking = ask(&client, "never answered");
            router.received();
            let killed = Instant::now();
            drop(router);
            let (kind, text) = failure(asking.join().unwrap());
            assert_eq!(kind, ErrorKind::Disconnected, "{text}");
            assert!(killed.elapsed() < Duration::from_secs(10), "long before the timeout");
            router = Zmq::start("router", &address, &[]);
        }
    });
}

#[test]
fn a_killed_client_is_known_when_it_is_answered() {
    within_limit(|| {
        let server = server();
        let mut dealer = Zmq::start("dealer", &server.endpoint().to_string(), &[]);
        dealer.send(&[b"and good bye"]);
        let (mut context, message) = server.receive_message().unwrap();
        assert_eq!(message, b"and good bye");
        drop(dealer);
        // It takes the system a moment to tell, which the next client's calls give it.
        let client = client_of(&server);
        loop {
            match context.reply("?") {
                Err(ReplyError::Abandoned(reply)) => break assert_eq!(reply, b"?"),
                other => other.unwrap(),
            }
            // Not told yet: another one that is killed after its message.
            let mut dealer = Zmq::start("dealer", &server.endpoint().to_string(), &[]);
            dealer.send(&[b"and good bye"]);
            (context, _) = server.receive_message().unwrap();
            drop(dealer);
            let asking = ask(&client, "hello");
            let (other, message) = server.receive_message().unwrap();
            other.reply(message).unwrap();
            asking.join().unwrap().unwrap();
        }
    });
}

#[test]
fn a_reply_that_comes_with_the_servers_end_is_not_lost() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            for round in 0..30_u8 {
                let server = Server::bind(endpoint).unwrap();
                let asking = ask(&client_of(&server), "last words?");
                let (context, _) = server.receive_message().unwrap();
                server.close();
                drop(server);
                context.reply(vec![round; 300_000]).unwrap();
                assert_eq!(asking.join().unwrap().unwrap(), Some(vec![round; 300_000]), "{endpoint}");
            }
        }
    });
}

#[test]
fn a_server_that_ends_unanswering_is_seen_at_once() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let server = Server::bind(endpoint).unwrap();
            let asking = ask(&client_of(&server).with_timeout(None), "?");
            let (context, _) = server.receive_message().unwrap();
            drop(server);
            drop(context);
            let (kind, text) = failure(asking.join().unwrap());
            assert_eq!(kind, ErrorKind::Disconnected, "{endpoint}: {text}");
        }
    });
}

#[test]
fn whoever_is_told_that_nobody_can_be_reached_has_sent_nothing() {
    within_limit(|| {
        let endpoint = server().endpoint().clone();
        for _ in 0..30 {
            let asking: Vec<_> = (0..20_u8)
                .map(|n| {
                    // About as long as the server needs to come and the clients to find it.
                    let timeout = Duration::from_micros(21_000 + 250 * u64::from(n));
                    ask(&Options::new().timeout(timeout).connect(&endpoint).unwrap(), [n])
                })
                .collect();
            let server = Server::bind(&endpoint).unwrap();
            let outcomes: Vec<_> =
                asking.into_iter().map(|asking| failure(asking.join().unwrap()).0).collect();
            while let Ok((_, message)) = server.receive_message_timeout(Duration::from_millis(20)) {
                assert_ne!(outcomes[usize::from(message[0])], ErrorKind::Unreachable);
            }
        }
    });
}
