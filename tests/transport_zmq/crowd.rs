//! Many at once, and every message counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use foreground::transport::zmq::{Options, Server};
use foreground::transport::{ClientTransport, ErrorKind, ServerTransport};

use crate::peer::zmq::Zmq;
use crate::support::{PATIENCE, assert_echo, client_of, echo, endpoints, eventually, server, within_limit};

/// Who sent it, and which it is of theirs.
fn message(client: u32, number: u32) -> Vec<u8> {
    [client.to_be_bytes(), number.to_be_bytes()].concat()
}

#[test]
fn many_clients_are_answered_each_with_its_own() {
    within_limit(|| {
        const CLIENTS: u32 = 100;
        const CALLS: u32 = 50;
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let server = Server::bind(endpoint).unwrap();
            let servings: Vec<_> = (0..3).map(|_| echo(server.clone())).collect();
            thread::scope(|scope| {
                for client in 0..CLIENTS {
                    let server = &server;
                    scope.spawn(move || {
                        // One for itself, so that all connect at once.
                        let transport = client_of(server);
                        for number in 0..CALLS {
                            assert_echo(&transport, message(client, number));
                        }
                    });
                }
            });
            server.close();
            let count: usize = servings.into_iter().map(|serving| serving.join().unwrap()).sum();
            assert_eq!(count, (CLIENTS * CALLS) as usize, "{endpoint}: each once");
        }
    });
}

#[test]
fn a_thousand_clients_that_come_at_once_are_all_let_in() {
    within_limit(|| {
        let server = server();
        let _serving = echo(server.clone());
        let clients: Vec<_> = (0..1000).map(|_| client_of(&server)).collect();
        thread::scope(|scope| {
            for part in clients.chunks(50) {
                scope.spawn(move || part.iter().for_each(|client| assert_echo(client, "let me in")));
            }
        });
    });
}

/// Calls that succeed, are given up, are left unanswered or are answered late, from several threads, while messages that want no
/// reply are sent; then it is counted who received what.
#[test]
fn in_a_stress_every_message_is_accounted_for() {
    within_limit(|| {
        const THREADS: u32 = 4;
        const CALLS: u32 = 1500;
        let server = server();
        let seen = Seen::default();
        let serving = {
            let (server, seen) = (server.clone(), seen.clone());
            thread::spawn(move || {
                let mut late = Vec::new();
                while let Ok((context, message)) = server.receive_message() {
                    *seen.lock().unwrap().entry(message.clone()).or_default() += 1;
                    match message[7] % 16 {
                        3 => drop(context),
                        7 => late.push((context, message)),
                        _ => {
                            // It may have given up just now.
                            let _ = context.reply(message);
                        }
                    }
                    if late.len() > 10 {
                        late.drain(..).for_each(|(context, message)| {
                            let _ = context.reply(message);
                        });
                    }
                }
            })
        };
        let client = Options::new().timeout(PATIENCE).connection_limit(3).connect(server.endpoint()).unwrap();
        let counts: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let client = client.clone();
                    scope.spawn(move || {
                        let impatient = client.clone().with_timeout(Duration::from_millis(2));
                        let (mut answered, mut sent, mut unknown) = (Vec::new(), Vec::new(), 0);
                        for number in 0..CALLS {
                            let message = message(thread, number);
                            if number % 5 == 0 {
                                client.send_message(message.clone(), false).unwrap();
                                sent.push(message);
                                continue;
                            }
                            let client = if matches!(number % 16, 3 | 7) { &impatient } else { &client };
                            match client.send_message(message.clone(), true) {
                                Ok(reply) => {
                                    assert_eq!(reply, Some(message.clone()), "the reply to another message");
                                    answered.push(message);
                                }
                                Err(error) => {
                                    let known =
                                        matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unreachable);
                                    assert!(known && matches!(number % 16, 3 | 7), "{number}: {error}");
                                    unknown += 1;
                                }
                            }
                        }
                        (answered, sent, unknown)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let wanted: usize = counts.iter().map(|(answered, sent, _)| answered.len() + sent.len()).sum();
        drop(client);
        // What wants no reply may be on its way still.
        let has_come = |message: &Vec<u8>| seen.lock().unwrap().contains_key(message);
        for (answered, sent, _) in &counts {
            assert!(answered.iter().all(has_come), "one that was answered did not come");
            for message in sent {
                eventually("the arrival of a message without reply", || has_come(message));
            }
        }
        server.close();
        serving.join().unwrap();
        let seen = seen.lock().unwrap();
        assert!(seen.values().all(|count| *count == 1), "one came twice");
        let unknown: usize = counts.iter().map(|(_, _, unknown)| unknown).sum();
        assert!((wanted..=wanted + unknown).contains(&seen.len()), "{wanted} {unknown} {}", seen.len());
    });
}

type Seen = Arc<Mutex<HashMap<Vec<u8>, u32>>>;

/// Answers each message with the same, and counts it.
fn echo_seen(server: &Server, seen: &Seen) -> JoinHandle<()> {
    let (server, seen) = (server.clone(), seen.clone());
    thread::spawn(move || {
        while let Ok((context, message)) = server.receive_message() {
            *seen.lock().unwrap().entry(message.clone()).or_default() += 1;
            // The client may have lost its connection.
            let _ = context.reply(message);
        }
    })
}

/// Whatever happens to it, a message comes once or not at all, and what is answered has come.
#[test]
fn servers_come_and_go_under_clients_that_go_on_calling() {
    within_limit(|| {
        const THREADS: u32 = 4;
        const SERVERS: u32 = 30;
        let mut server = server();
        let endpoint = server.endpoint().clone();
        let seen = Seen::default();
        let done = Arc::new(AtomicBool::new(false));
        let calls = Arc::new(AtomicU32::new(0));
        let callers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (done, calls, seen) = (done.clone(), calls.clone(), seen.clone());
                let client = crate::support::client(&endpoint.to_string());
                thread::spawn(move || {
                    let (mut number, mut lost) = (0, 0_u32);
                    while !done.load(Ordering::Relaxed) {
                        let message = message(thread, number);
                        match client.send_message(message.clone(), true) {
                            Ok(reply) => {
                                assert_eq!(reply, Some(message.clone()));
                                assert!(seen.lock().unwrap().contains_key(&message));
                            }
                            Err(error) => {
                                // A machine that is busy enough may tell of the end too late.
                                let kinds = [ErrorKind::Disconnected, ErrorKind::Timeout];
                                assert!(kinds.contains(&error.kind()), "{error}");
                                lost += 1;
                            }
                        }
                        number += 1;
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                    lost
                })
            })
            .collect();
        for _ in 0..SERVERS {
            let serving = echo_seen(&server, &seen);
            let before = calls.load(Ordering::Relaxed);
            eventually("some calls", || calls.load(Ordering::Relaxed) > before + 20);
            server.close();
            serving.join().unwrap();
            server = Server::bind(&endpoint).unwrap();
        }
        let serving = echo_seen(&server, &seen);
        done.store(true, Ordering::Relaxed);
        let lost: u32 = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
        server.close();
        serving.join().unwrap();
        assert!(seen.lock().unwrap().values().all(|count| *count == 1), "one came twice");
        assert!(lost <= SERVERS * THREADS, "{lost} were lost to {SERVERS} servers' ends");
    });
}

#[test]
fn libzmqs_dealer_is_served_as_fast_as_it_sends() {
    within_limit(|| {
        const MESSAGES: u32 = 2000;
        let server = server();
        let serving = echo(server.clone());
        let mut dealer = Zmq::start("dealer", &server.endpoint().to_string(), &[]);
        for n in 0..MESSAGES {
            dealer.send(&[&n.to_be_bytes()]);
        }
        for n in 0..MESSAGES {
            assert_eq!(dealer.received(), [n.to_be_bytes()], "in their order");
        }
        server.close();
        assert_eq!(serving.join().unwrap(), MESSAGES as usize);
    });
}
