//! Several programs, some of which are killed.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use foreground::nats;
use foreground::transport::nats::{self as transport, Client};
use foreground::transport::{ClientTransport, ErrorKind, ServerTransport};

use super::server::NatsServer;
use super::{LONG, connect};

const CHILD: &str = "FOREGROUND_NATS_CHILD";

/// Ends with the test.
struct Server(Child);

impl Server {
    fn id(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is dead already, or dies now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs this very test in another process, and waits until it says that it is ready.
fn spawn(test: &str, address: &str) -> Server {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("it serves")));
    Server(child)
}

#[test]
fn servers_in_other_processes() {
    if let Ok(address) = env::var(CHILD) {
        let connection = nats::connect(address).unwrap();
        let server = transport::Server::new(&connection, "who").unwrap();
        connection.flush(LONG).unwrap();
        println!("\nit serves");
        while let Ok((context, _)) = server.receive_message_timeout(LONG) {
            context.reply(std::process::id().to_string()).unwrap();
        }
        return;
    }
    let nats = NatsServer::start();
    let client = Client::new(&connect(&nats), "who").unwrap().with_timeout(Duration::from_secs(3));
    let ask =
        || client.send_message(Vec::new(), true).map(|reply| String::from_utf8(reply.unwrap()).unwrap());
    let mut children: Vec<_> =
        (0..3).map(|_| spawn("processes::servers_in_other_processes", &nats.address())).collect();
    let mut seen: Vec<_> = (0..200).map(|_| ask().unwrap()).collect();
    seen.sort();
    seen.dedup();
    let mut ids: Vec<_> = children.iter().map(Server::id).collect();
    ids.sort();
    assert_eq!(seen, ids, "all share the work");

    // Two are killed: as soon as NATS sees it, all goes to the third. What was sent to one of the dead before has no reply.
    children.drain(..2);
    let id = children[0].id();
    let after = (0..50).map(|_| ask());
    let (answered, failed): (Vec<_>, Vec<_>) = after.partition(Result::is_ok);
    assert!(answered.iter().all(|answered| answered.as_ref().unwrap() == &id), "{answered:?}");
    assert!(failed.len() < 5, "{failed:?}");
    drop(children);
    super::eventually("the last is gone", || match ask() {
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::NoResponders,
    });
}
