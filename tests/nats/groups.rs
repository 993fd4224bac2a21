//! Who serves the same subject shares the work.

use std::thread;

use foreground::transport::nats::{Client, Options};
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
