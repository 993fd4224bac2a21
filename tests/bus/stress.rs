//! Many clients and servers, timeouts and drops at random, with an account of every request. Nobody sleeps.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use foreground::bus::{
    self, Client, PendingResponse, RecvResponseTimeoutError, ResponseError, SendResponseError, Server,
    Transaction,
};

use crate::common::{Census, Member, looped, no_deadlock};

const CLIENTS: u64 = 4;
const REQUESTS: u64 = 2_000;

struct Request {
    id: u64,
    _member: Member,
}

struct Response {
    id: u64,
    _member: Member,
}

/// What one side knows of a request at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Answered,
    Unanswered,
    /// By the client: it dropped its pending response. By a server: it had its response back.
    GivenUp,
    Disconnected,
    /// It was not sent.
    Refused,
}

type Fates = HashMap<u64, Fate>;

/// Cheap and repeatable.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn run_client(client: &Client<Request, Response>, number: u64, census: &Census) -> Fates {
    let mut dice = Dice(number);
    let mut fates = Fates::new();
    let mut pending = Vec::new();
    for request in 0..REQUESTS {
        let id = number * REQUESTS + request;
        match client.send_request(Request { id, _member: census.member() }) {
            Err(error) => {
                assert_eq!(error.into_inner().id, id);
                fates.insert(id, Fate::Refused);
            }
            Ok(response) => pending.push((id, response)),
        }
        // Some are waited for at once, some later in another order.
        if dice.roll(3) > 0 && !pending.is_empty() {
            let (id, response) = pending.swap_remove(dice.roll(pending.len() as u64) as usize);
            fates.insert(id, finish(id, response, &mut dice));
        }
    }
    for (id, response) in pending {
        fates.insert(id, finish(id, response, &mut dice));
    }
    fates
}

/// Waits for a response with timeouts, or not at all.
fn finish(id: u64, mut pending: PendingResponse<Response>, dice: &mut Dice) -> Fate {
    let outcome = loop {
        let timeout = match dice.roll(8) {
            0 => return Fate::GivenUp,
            1 | 2 => Duration::ZERO,
            3 => Duration::from_micros(dice.roll(50)),
            _ => break pending.recv_response(),
        };
        match pending.recv_response_timeout(timeout) {
            Ok(response) => break Ok(response),
            Err(RecvResponseTimeoutError::Timeout(again)) => pending = again,
            Err(RecvResponseTimeoutError::Failed(error)) => break Err(error),
            Err(other) => panic!("{other:?}"),
        }
    };
    match outcome {
        Ok(response) => {
            assert_eq!(response.id, id, "the response to another request");
            Fate::Answered
        }
        Err(ResponseError::NoResponse) => Fate::Unanswered,
        Err(ResponseError::Disconnected) => Fate::Disconnected,
        Err(other) => panic!("{other:?}"),
    }
}

/// Answers, or does not.
fn answer(transaction: Transaction<Response>, request: &Request, census: &Census, dice: &mut Dice) -> Fate {
    if dice.roll(8) == 0 {
        return Fate::Unanswered;
    }
    let seemed_abandoned = transaction.is_abandoned();
    match transaction.send_response(Response { id: request.id, _member: census.member() }) {
        Ok(()) => {
            assert!(!seemed_abandoned, "who has given up has come back");
            Fate::Answered
        }
        Err(SendResponseError::Abandoned(response)) => {
            assert_eq!(response.id, request.id);
            Fate::GivenUp
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Answers up to `at_most` requests, not in the order in which they came.
fn run_server(server: &Server<Request, Response>, number: u64, at_most: usize, census: &Census) -> Fates {
    let mut dice = Dice(100 + number);
    let mut fates = Fates::new();
    let mut kept: Vec<(Transaction<Response>, Request)> = Vec::new();
    for _ in 0..at_most {
        let received = server.try_recv_request();
        let keeps = if received.is_ok() { dice.roll(4) as usize } else { 0 };
        kept.extend(received);
        while kept.len() > keeps {
            let (transaction, request) = kept.swap_remove(dice.roll(kept.len() as u64) as usize);
            insert(&mut fates, request.id, answer(transaction, &request, census, &mut dice));
        }
        // No client waits for what this server keeps while it sleeps.
        if kept.is_empty() {
            match server.recv_request() {
                Ok(received) => kept.push(received),
                Err(_) => break,
            }
        }
    }
    for (transaction, request) in kept {
        insert(&mut fates, request.id, answer(transaction, &request, census, &mut dice));
    }
    fates
}

fn insert(fates: &mut Fates, id: u64, fate: Fate) {
    assert_eq!(fates.insert(id, fate), None, "request {id} came twice");
}

fn spawn_clients(client: Client<Request, Response>, census: &Census) -> Vec<JoinHandle<Fates>> {
    let start = |number| {
        let (client, census) = (client.clone(), census.clone());
        thread::spawn(move || run_client(&client, number, &census))
    };
    (0..CLIENTS).map(start).collect()
}

fn join(threads: Vec<JoinHandle<Fates>>) -> Fates {
    let mut all = Fates::new();
    for thread in threads {
        let fates = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        fates.into_iter().for_each(|(id, fate)| insert(&mut all, id, fate));
    }
    all
}

/// Compares what the two sides know of each request.
fn balance(clients: &Fates, servers: &Fates) {
    assert_eq!(clients.len() as u64, CLIENTS * REQUESTS);
    for (id, fate) in clients {
        let served = servers.get(id).copied();
        let agrees = match fate {
            Fate::Answered => served == Some(Fate::Answered),
            Fate::Unanswered => served == Some(Fate::Unanswered),
            // Nobody may have received it before the servers went.
            Fate::GivenUp => true,
            Fate::Disconnected | Fate::Refused => served.is_none(),
        };
        assert!(agrees, "request {id}: {fate:?} for the client, {served:?} for the server");
    }
    assert!(servers.keys().all(|id| clients.contains_key(id)));
}

#[test]
fn every_request_is_answered_once_or_told_why_not() {
    no_deadlock(|| {
        let census = Census::default();
        let (client, server) = bus::local();
        let servers: Vec<_> = (0..3)
            .map(|number| {
                let (server, census) = (server.clone(), census.clone());
                thread::spawn(move || run_server(&server, number, usize::MAX, &census))
            })
            .collect();
        drop(server);
        let clients = spawn_clients(client, &census);
        let (clients, servers) = (join(clients), join(servers));
        balance(&clients, &servers);
        assert_eq!(servers.len() as u64, CLIENTS * REQUESTS);
        assert!(clients.values().any(|fate| *fate == Fate::Answered));
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn when_the_servers_go_one_after_the_other_every_client_is_told() {
    no_deadlock(|| {
        let census = Census::default();
        let (client, server) = bus::local();
        let servers: Vec<_> = (0..3)
            .map(|number| {
                let (server, census) = (server.clone(), census.clone());
                let at_most = 400 * (number as usize + 1);
                thread::spawn(move || run_server(&server, number, at_most, &census))
            })
            .collect();
        drop(server);
        let clients = spawn_clients(client, &census);
        let (clients, servers) = (join(clients), join(servers));
        balance(&clients, &servers);
        assert!(clients.values().any(|fate| *fate == Fate::Refused));
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn threads_and_a_foreground_that_stops_halfway_share_the_requests() {
    no_deadlock(|| {
        let census = Census::default();
        let (router, test_loop) = looped::<(Fates, Dice)>();
        let (client, server) = bus::local();
        let servers: Vec<_> = (0..2)
            .map(|number| {
                let (server, census) = (server.clone(), census.clone());
                thread::spawn(move || run_server(&server, number, usize::MAX, &census))
            })
            .collect();
        let of_foreground = census.clone();
        let serving = server.serve_on(&router, move |(fates, dice), transaction, request: Request| {
            insert(fates, request.id, answer(transaction, &request, &of_foreground, dice));
        });
        let serving = serving.unwrap();
        let clients = spawn_clients(client, &census);
        let mut state = (Fates::new(), Dice(7));
        test_loop.run_until(&mut state, |(fates, _)| fates.len() >= 50).unwrap();
        drop(serving);
        let (clients, mut servers) = (join(clients), join(servers));
        state.0.into_iter().for_each(|(id, fate)| insert(&mut servers, id, fate));
        balance(&clients, &servers);
        assert_eq!(servers.len() as u64, CLIENTS * REQUESTS);
        drop(router);
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn responses_come_to_the_foreground_once_each() {
    no_deadlock(|| {
        let (router, test_loop) = looped::<(HashMap<u64, usize>, usize)>();
        let (client, server) = bus::local::<u64, u64>();
        let unanswered = Arc::new(AtomicUsize::new(0));
        let servers: Vec<_> = (0..3)
            .map(|number| {
                let (server, unanswered) = (server.clone(), unanswered.clone());
                thread::spawn(move || {
                    let mut dice = Dice(number);
                    while let Ok((transaction, id)) = server.recv_request() {
                        if dice.roll(5) == 0 {
                            unanswered.fetch_add(1, Ordering::SeqCst);
                        } else {
                            transaction.send_response(id).unwrap();
                        }
                    }
                })
            })
            .collect();
        drop(server);
        for id in 0..REQUESTS {
            let pending = client.send_request(id).unwrap();
            let deliver = |(answered, failed): &mut (HashMap<u64, usize>, usize), response| match response {
                Ok(id) => *answered.entry(id).or_default() += 1,
                Err(ResponseError::NoResponse) => *failed += 1,
                Err(error) => panic!("{error:?}"),
            };
            pending.deliver_on(&router, deliver).unwrap();
        }
        drop(client);
        let mut state = (HashMap::new(), 0);
        let is_done = |(answered, failed): &mut (HashMap<u64, usize>, usize)| {
            (answered.len() + *failed) as u64 == REQUESTS
        };
        test_loop.run_until(&mut state, is_done).unwrap();
        // The last pipe's end may follow its response only now.
        servers.into_iter().for_each(|server| server.join().unwrap());
        test_loop.run_until_idle(&mut state).unwrap();
        assert!(state.0.values().all(|times| *times == 1));
        assert_eq!(state.1, unanswered.load(Ordering::SeqCst));
        assert_eq!(router.stats().open_pipes, 0);
    });
}
