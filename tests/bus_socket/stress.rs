//! Many clients and servers that do everything at once, with exact accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use foreground::bus::socket::{Message, Options};
use foreground::bus::{RecvRequestTimeoutError, RecvResponseTimeoutError, ResponseError, Transaction};

use crate::common::{Answerer, Asker, PATIENCE, address, client, listen, outcome};

#[derive(Default)]
struct Accounts {
    answered: AtomicUsize,
    unanswered: AtomicUsize,
    given_up: AtomicUsize,
    lost: AtomicUsize,
    /// By the servers.
    given: AtomicUsize,
    dropped: AtomicUsize,
    unwanted: AtomicUsize,
}

fn add(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::SeqCst);
}

/// Asks so many times; what is done to each follows from its number.
fn ask(client: &Asker, accounts: &Accounts, asker: usize, times: usize) {
    for n in 0..times {
        let body = format!("{asker} {n}");
        let padding = vec![n as u8; (n * 7919) % 40_000];
        let pending = client.send_request(Message::new(body.clone()).attach(padding.clone())).unwrap();
        if n % 11 == 10 {
            add(&accounts.given_up);
            continue;
        }
        let pending = match pending.recv_response_timeout(Duration::from_micros((n % 3) as u64 * 50)) {
            Ok(response) => {
                assert_eq!(response, Message::new(body).attach(padding));
                add(&accounts.answered);
                continue;
            }
            Err(RecvResponseTimeoutError::Timeout(pending)) => pending,
            Err(RecvResponseTimeoutError::Failed(ResponseError::NoResponse)) => {
                add(&accounts.unanswered);
                continue;
            }
            Err(other) => panic!("{other:?}"),
        };
        match outcome(pending) {
            Ok(response) => {
                assert_eq!(response, Message::new(body).attach(padding));
                add(&accounts.answered);
            }
            Err(ResponseError::NoResponse) => add(&accounts.unanswered),
            // The server is stopping.
            Err(ResponseError::Connection(_)) => add(&accounts.lost),
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Answers at once, later, in another order, or not at all.
fn answer(server: &Answerer, accounts: &Accounts) {
    let mut kept = Vec::new();
    let give =
        |(transaction, message): (Transaction<Message>, Message)| match transaction.send_response(message) {
            Ok(()) => add(&accounts.given),
            Err(_) => add(&accounts.unwanted),
        };
    for turn in 0.. {
        match server.recv_request_timeout(Duration::from_millis(1)) {
            Ok((transaction, _)) if turn % 7 == 0 => {
                add(&accounts.dropped);
                drop(transaction);
            }
            Ok(received) => kept.push(received),
            Err(RecvRequestTimeoutError::Timeout) => kept.drain(..).for_each(give),
            Err(_) => return kept.drain(..).for_each(give),
        }
        if kept.len() > 3 {
            give(kept.swap_remove(turn % 3));
        }
    }
}

#[test]
fn every_request_has_one_outcome() {
    const ASKERS: usize = 8;
    const TIMES: usize = 250;
    let server = listen(&Options::new(), "127.0.0.1:0");
    let accounts = Arc::new(Accounts::default());
    let answerers: Vec<_> = (0..3)
        .map(|_| {
            let (server, accounts) = (server.clone(), accounts.clone());
            thread::spawn(move || answer(&server, &accounts))
        })
        .collect();
    let address = address(&server);
    let askers: Vec<_> = (0..ASKERS)
        .map(|asker| {
            let (client, accounts) = (client(&Options::new(), &address), accounts.clone());
            thread::spawn(move || ask(&client, &accounts, asker, TIMES))
        })
        .collect();
    askers.into_iter().for_each(|asker| asker.join().unwrap());
    server.stop(PATIENCE);
    answerers.into_iter().for_each(|answerer| answerer.join().unwrap());
    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    let outcomes = count(&accounts.answered) + count(&accounts.unanswered) + count(&accounts.given_up);
    assert_eq!(outcomes, ASKERS * TIMES);
    assert_eq!(count(&accounts.lost), 0);
    assert!(count(&accounts.unanswered) <= count(&accounts.dropped));
    assert!(count(&accounts.given) >= count(&accounts.answered));
}

#[test]
fn a_server_that_stops_in_the_middle_leaves_nobody_waiting() {
    for round in 0..20 {
        let server = listen(&Options::new(), "127.0.0.1:0");
        let client = client(&Options::new(), address(&server));
        let askers: Vec<_> = (0..4)
            .map(|_| {
                let client = client.clone();
                thread::spawn(move || {
                    let mut answered = 0;
                    loop {
                        match outcome(client.send_request("?".into()).unwrap()) {
                            Ok(_) => answered += 1,
                            Err(_) => return answered,
                        }
                    }
                })
            })
            .collect();
        let answering = server.clone();
        let answerer = thread::spawn(move || {
            let mut given = 0;
            while let Ok((transaction, message)) = answering.recv_request() {
                given += usize::from(transaction.send_response(message).is_ok());
            }
            given
        });
        while server.under_way() == 0 && !answerer.is_finished() {
            thread::yield_now();
        }
        // Not to wait for anything: each round stops at another point of the work.
        thread::sleep(Duration::from_millis(round));
        assert_eq!(server.stop(PATIENCE), 0);
        let answered: usize = askers.into_iter().map(|asker| asker.join().unwrap()).sum();
        assert_eq!(answered, answerer.join().unwrap(), "what was given arrived");
    }
}
