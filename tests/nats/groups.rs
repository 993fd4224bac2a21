//! Who serves the same subject shares the work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use foreground::transport::nats::{Client, Options, Server};
use foreground::transport::{ClientTransport, ServerTransport};

use super::server::NatsServer;
use super::{LONG, connect, echo};

#[test]
fn a_group_shares_the_work() {
    const CALLS: u64 = 3000;
    let nats = NatsServer::start();
    let servers: Vec<_> = (0..3)
        .map(|_| {
            let connection = connect(&nats);
            let server = Options::new().queue_group("workers").serve(&connection, "work").unwrap();
            connection.flush(LONG).unwrap();
            (server.clone(), echo(server))
        })
        .collect();
    let client = Client::new(&connect(&nats), "work").unwrap();
    thread::scope(|scope| {
        for first in 0..3 {
            let client = &client;
            scope.spawn(move || {
                for n in (first..CALLS).step_by(3) {
                    let message = n.to_le_bytes();
                    assert_eq!(client.send_message(message.to_vec(), true).unwrap().unwrap(), message);
                }
            });
        }
    });
    let counts: Vec<_> = servers
        .into_iter()
        .map(|(server, echoing)| {
            assert_eq!(server.stop(LONG), 0);
            echoing.join().unwrap()
        })
        .collect();
    assert_eq!(counts.iter().sum::<u64>(), CALLS);
    assert!(counts.iter().all(|&count| count > CALLS / 10), "{counts:?}");
}

#[test]
fn each_group_gets_each_message() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let serve = |group: &str| Options::new().queue_group(group).serve(&connection, "news").unwrap();
    let (first, second) = (serve("first"), serve("second"));
    let client = Client::new(&connection, "news").unwrap();
    for n in 0..10_u8 {
        client.send_message(vec![n], false).unwrap();
    }
    for server in [first, second] {
        for n in 0..10_u8 {
            assert_eq!(server.receive_message_timeout(LONG).unwrap().1, [n]);
        }
    }
}

#[test]
fn who_leaves_a_group_loses_no_message() {
    let nats = NatsServer::start();
    let (here, there) = (connect(&nats), connect(&nats));
    let staying = Server::new(&there, "work").unwrap();
    there.flush(LONG).unwrap();
    let echoing = echo(staying.clone());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for caller in 0..6_u8 {
            let client = Client::new(&connect(&nats), "work").unwrap();
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(
                        client.send_message(vec![caller; 1000], true).unwrap().unwrap(),
                        [caller; 1000]
                    );
                }
            });
        }
        for _ in 0..30 {
            let leaving = Server::new(&here, "work").unwrap();
            for _ in 0..20 {
                let (context, message) = leaving.receive_message().unwrap();
                context.reply(message).unwrap();
            }
            let echoing = echo(leaving.clone());
            assert_eq!(leaving.stop(LONG), 0);
            echoing.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    staying.stop(LONG);
    echoing.join().unwrap();
}
