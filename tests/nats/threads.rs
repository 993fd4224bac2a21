//! No thread is left behind, and no connection.

use std::env;
use std::fs;
use std::process::Command;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::nats::{Options, State};
use foreground::pubsub::{Bus, Stream};
use foreground::transport::nats::{Client, Server};
use foreground::transport::{ClientTransport, ServerTransport};

use super::server::NatsServer;
use super::tokio_first::let_tokio_begin;
use super::{LONG, eventually};

const CHILD: &str = "FOREGROUND_NATS_THREADS";

fn threads() -> usize {
    let names = fs::read_dir("/proc/self/task").unwrap().filter_map(|task| {
        // One that has just ended has no name.
        fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names.filter(|name| name.starts_with("foreground-")).count()
}

fn sockets() -> usize {
    let files =
        fs::read_dir("/proc/self/fd").unwrap().filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    files.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// In a process of its own, where no other test has threads.
fn alone(test: &str, run: impl FnOnce()) {
    if env::var_os(CHILD).is_some() {
        return run();
    }
    let status = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
#[cfg(target_os = "linux")]
fn all_ends_with_the_last_handle() {
    alone("threads::all_ends_with_the_last_handle", || {
        let_tokio_begin();
        let before = sockets();
        let nats = NatsServer::start();
        for _ in 0..3 {
            let connection = Options::new().connect(nats.address()).unwrap();
            assert_eq!(threads(), 1);
            let server = Server::new(&connection, "work").unwrap();
            let client = Client::new(&connection, "work").unwrap();
            let router: MessageRouter<u32> = MessageRouter::new(|| {});
            router.start().unwrap();
            server
                .serve_on(&router, |count: &mut u32, context, message| {
                    *count += 1;
                    context.reply(message).unwrap();
                })
                .unwrap()
                .detach();
            client
                .send_message_on(&router, Vec::new(), true, |count: &mut u32, reply| {
                    reply.unwrap();
                    *count += 10;
                })
                .unwrap();
            let mut count = 0;
            router.route_until(&mut count, |count| *count == 11, LONG).unwrap();
            assert_eq!(threads(), 1, "no call has a thread of its own");
            drop((connection, client));
            router.stop().unwrap();
            eventually("it has ended", || threads() == 0 && sockets() == before);
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn all_ends_where_the_server_has_gone() {
    alone("threads::all_ends_where_the_server_has_gone", || {
        let_tokio_begin();
        let before = sockets();
        let mut nats = NatsServer::start_with_streams();
        let options = Options::new().reconnect_pause(Duration::from_millis(10));
        let connection = options.connect(nats.address()).unwrap();
        let server = Server::new(&connection, "work").unwrap();
        let client = Client::new(&connection, "work").unwrap();
        nats.kill();
        eventually("it is seen", || connection.state() == State::Reconnecting);
        // Some replies and messages wait for the server, and a call.
        let router: MessageRouter<bool> = MessageRouter::new(|| {});
        router.start().unwrap();
        let hasty = client.clone().with_timeout(Duration::from_millis(50));
        hasty.send_message_on(&router, Vec::new(), true, |told: &mut bool, _| *told = true).unwrap();
        server.close();
        drop((connection, server, client, hasty));
        let mut told = false;
        router.route_until(&mut told, |told| *told, LONG).unwrap();
        eventually("it has ended", || threads() == 0 && sockets() == before);
        // Publishers and subscribers, durable ones too.
        nats.start_again();
        let connection = options.connect(nats.address()).unwrap();
        let bus = Bus::over(&connection, "ended").unwrap();
        let stored = Bus::over(&connection, "stored").unwrap().stored(Stream::new());
        let subscribers = (
            bus.subscriber("a").unwrap(),
            stored.durable_subscriber("name", "a").unwrap().deliver_to(&router, |_, _, _: u32| {}).unwrap(),
        );
        let publishers = (bus.publisher().unwrap(), stored.publisher().unwrap());
        publishers.1.put("a", &1).unwrap();
        nats.kill();
        eventually("it is seen", || connection.state() == State::Reconnecting);
        publishers.0.put("a", &1).unwrap();
        publishers.1.put("a", &1).unwrap();
        drop((subscribers, publishers, bus, stored, connection));
        // The publishers linger for a second.
        eventually("it has ended", || threads() == 0 && sockets() == before);
        // One that was never there.
        let error = Options::new().connect(nats.address()).unwrap_err();
        drop(error);
        // And one that nobody waits for any more.
        Options::new().retry_forever().connect_on(&router, nats.address(), |_, _| {}).unwrap();
        eventually("it tries", || threads() == 1); // it names itself
        router.stop().unwrap();
        eventually("it has ended", || threads() == 0 && sockets() == before);
    });
}
