//! Limits of time and number.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use foreground::bus::socket::Options;
use foreground::net::DisconnectKind;

use crate::common::{PATIENCE, address, client, disconnect, echo, eventually, listen, outcome, pair_with};

const SHORT: Duration = Duration::from_millis(50);

fn is_closed(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = stream;
    match stream.read(&mut [0]) {
        Ok(n) => assert_eq!(n, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[test]
fn who_sends_nothing_is_let_go() {
    let (_, server) = pair_with(&Options::new().idle_timeout(SHORT));
    let began = Instant::now();
    let idle = TcpStream::connect(address(&server).to_string()).unwrap();
    is_closed(&idle);
    assert!(began.elapsed() >= SHORT);
}

#[test]
fn who_trickles_is_let_go() {
    let (_, server) = pair_with(&Options::new().message_timeout(SHORT));
    let trickling = TcpStream::connect(address(&server).to_string()).unwrap();
    (&trickling).write_all(b"\0\x01\0").unwrap();
    is_closed(&trickling);
}

#[test]
fn who_waits_for_a_response_is_not_idle() {
    // Longer than a busy machine takes from a connection to its request.
    let short = SHORT * 10;
    let (client, server) = pair_with(&Options::new().idle_timeout(short).message_timeout(short));
    let pending = client.send_request("?".into()).unwrap();
    let (transaction, message) = server.recv_request_timeout(PATIENCE).unwrap();
    // Another is let go meanwhile, so that the time is over.
    is_closed(&TcpStream::connect(address(&server).to_string()).unwrap());
    transaction.send_response(message).unwrap();
    outcome(pending).unwrap();
}

#[test]
fn a_client_gives_up_after_its_own_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let impatient = client(&Options::new().response_timeout(SHORT), address);
    let reason = disconnect(impatient.send_request("?".into()).unwrap());
    assert_eq!(reason.kind(), DisconnectKind::TimedOut, "{reason}");
    let patient = client(&Options::new(), address);
    let pending = patient.send_request("?".into()).unwrap();
    let pending = match pending.recv_response_timeout(SHORT) {
        Err(foreground::bus::RecvResponseTimeoutError::Timeout(pending)) => pending,
        other => panic!("{other:?}"),
    };
    drop(pending);
}

#[test]
fn a_server_that_reads_nothing_is_given_up() {
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&Options::new().send_timeout(SHORT), deaf.local_addr().unwrap());
    let pending = client.send_request(vec![0; 15_000_000].into()).unwrap();
    let reason = disconnect(pending);
    assert_eq!(reason.kind(), DisconnectKind::TimedOut, "{reason}");
}

#[test]
fn more_clients_than_the_limit_wait_for_their_turn() {
    let (client, server) = pair_with(&Options::new().connection_limit(2));
    let pending: Vec<_> = (0..10_u8).map(|n| client.send_request(vec![n].into()).unwrap()).collect();
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(server.recv_request().unwrap());
    }
    assert!(server.recv_request_timeout(SHORT).is_err(), "the others are not let in");
    for (transaction, message) in held {
        transaction.send_response(message).unwrap();
    }
    echo(server);
    for (n, pending) in (0..).zip(pending) {
        assert_eq!(outcome(pending).unwrap().body, [n]);
    }
}

#[test]
fn slow_clients_delay_nobody() {
    let server = listen(&Options::new(), "127.0.0.1:0");
    let fast = client(&Options::new(), address(&server));
    // Some send no more than a part, some do not take what they asked for.
    let halves: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(address(&server).to_string()).unwrap();
            stream.write_all(b"\0\x02\0\0\0\x03ab").unwrap();
            stream
        })
        .collect();
    let deaf: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(address(&server).to_string()).unwrap();
            stream.write_all(b"\0\0").unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        let (transaction, _) = server.recv_request().unwrap();
        transaction.send_response(vec![0; 10_000_000].into()).unwrap();
    }
    echo(server.clone());
    for n in 0..100_u8 {
        assert_eq!(outcome(fast.send_request(vec![n].into()).unwrap()).unwrap().body, [n]);
    }
    drop((halves, deaf));
    eventually("nothing is under way", || server.under_way() == 0);
}
