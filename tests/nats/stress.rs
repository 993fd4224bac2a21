//! Many messages, exactly counted.

use std::thread;

use foreground::transport::nats::{Client, Options, Server};
use foreground::transport::{ClientTransport, ServerTransport};

use super::server::NatsServer;
use super::{LONG, connect, echo};

#[test]
fn many_callers_and_servers() {
    const CALLERS: u32 = 16;
    const CALLS: u32 = 500;
    let nats = NatsServer::start();
    let servers: Vec<_> = (0..2)
        .map(|_| {
            let connection = connect(&nats);
            let server = Server::new(&connection, "stress").unwrap();
            connection.flush(LONG).unwrap();
            // Two threads take from each.
            [echo(server.clone()), echo(server.clone())]
                .into_iter()
                .map(|echoing| (server.clone(), echoing))
                .collect::<Vec<_>>()
        })
        .collect();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let nats = &nats;
            scope.spawn(move || {
                let client = Client::new(&connect(nats), "stress").unwrap();
                for n in 0..CALLS {
                    let message = (caller * CALLS + n).to_le_bytes();
                    assert_eq!(client.send_message(message.to_vec(), true).unwrap().unwrap(), message);
                }
            });
        }
    });
    let mut count = 0;
    for (server, echoing) in servers.into_iter().flatten() {
        server.stop(LONG);
        count += echoing.join().unwrap();
    }
    assert_eq!(count, u64::from(CALLERS * CALLS));
}

#[test]
fn a_burst_is_not_lost() {
    const MESSAGES: u32 = 50_000;
    let nats = NatsServer::start();
    let (here, there) = (connect(&nats), connect(&nats));
    let server =
        Options::new().unanswered_limit(MESSAGES as usize, usize::MAX).serve(&here, "burst").unwrap();
    here.flush(LONG).unwrap();
    let client = Client::new(&there, "burst").unwrap();
    for n in 0..MESSAGES {
        client.send_message(n.to_le_bytes().to_vec(), false).unwrap();
    }
    for n in 0..MESSAGES {
        assert_eq!(server.receive_message_timeout(LONG).unwrap().1, n.to_le_bytes());
    }
}
