//! Great numbers, and each message counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use foreground::MessageRouter;
use foreground::transport::http::{Client, Options};
use foreground::transport::{ClientTransport, ServerTransport};

use crate::support::{Answering, PATIENCE, Raw, post, together, url};

#[test]
fn each_message_of_many_threads_comes_once_and_has_its_own_reply() {
    const THREADS: usize = 16;
    const EACH: usize = 250;
    let seen = Arc::new(Mutex::new(HashMap::<Vec<u8>, usize>::new()));
    let counting = seen.clone();
    let answering = Answering::with(&Options::new(), move |context, message| {
        *counting.lock().unwrap().entry(message.clone()).or_default() += 1;
        let reply = [b"re: ", &message[..]].concat();
        context.reply(reply).unwrap();
    });
    let client = Client::new(answering.url()).unwrap();
    together(THREADS, move |thread| {
        for number in 0..EACH {
            // Sizes on both sides of every buffer and of asking first.
            let size = [0, 10, 5_000, 70_000][number % 4];
            let message = format!("{thread}.{number} {}", "x".repeat(size));
            let reply = client.send_message(message.clone().into_bytes(), true).unwrap().unwrap();
            assert_eq!(reply, format!("re: {message}").into_bytes());
        }
    });
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), THREADS * EACH);
    assert!(seen.values().all(|times| *times == 1));
}

#[test]
fn messages_are_answered_in_the_foreground_while_clients_come_and_go() {
    const CLIENTS: usize = 8;
    const EACH: usize = 100;
    let router: MessageRouter<(usize, bool)> = MessageRouter::new(|| {});
    router.start().unwrap();
    let server = Options::new().bind("127.0.0.1:0").unwrap();
    let _serving = server
        .clone()
        .serve_on(&router, |(answered, _): &mut (usize, bool), context, message| {
            *answered += usize::from(context.reply(message).is_ok());
        })
        .unwrap();
    let (done, told) = router.pipe::<()>().unwrap();
    told.on_message(|(_, is_done), ()| *is_done = true);
    let done = done.start();
    let asking = thread::spawn(move || {
        let url = url(&server);
        together(CLIENTS, move |thread| {
            for number in 0..EACH {
                // A client that goes without its answer, between two that get theirs.
                if number % 3 == 0 {
                    Raw::connect(&server).say(post("gone"));
                }
                let client = Client::new(&url).unwrap();
                let message = format!("{thread}.{number}").into_bytes();
                assert_eq!(client.send_message(message.clone(), true).unwrap().unwrap(), message);
            }
        });
        done.send(()).unwrap();
    });
    let mut state = (0, false);
    router.route_until(&mut state, |(_, is_done)| *is_done, PATIENCE * 2).unwrap();
    asking.join().unwrap();
    assert!(state.0 >= CLIENTS * EACH);
}

#[test]
fn a_server_that_stops_under_load_answers_each_message_or_none() {
    for _ in 0..10 {
        let server = Options::new().bind("127.0.0.1:0").unwrap();
        let url = url(&server);
        let replied = Arc::new(AtomicUsize::new(0));
        let answering = thread::spawn({
            let (server, replied) = (server.clone(), replied.clone());
            move || {
                while let Ok((context, message)) = server.receive_message() {
                    context.reply(message).unwrap();
                    replied.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let client = Client::new(&url).unwrap();
                thread::spawn(move || {
                    let mut got = 0;
                    while client.send_message(b"x".to_vec(), true).is_ok() {
                        got += 1;
                    }
                    got
                })
            })
            .collect();
        crate::support::wait_until("the load is there", || replied.load(Ordering::SeqCst) > 100);
        assert_eq!(server.stop(PATIENCE), 0);
        answering.join().unwrap();
        let got: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
        assert_eq!(got, replied.load(Ordering::SeqCst), "what was replied has arrived");
        assert_eq!(server.connections(), 0);
    }
}
