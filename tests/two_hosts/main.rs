//! Calls and publications between two hosts, while the cable between them is cut and mended.

#![cfg(target_os = "linux")]

mod hosts;
#[path = "../nats/server.rs"]
#[allow(dead_code)]
mod server;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use foreground::nats::Connection;
use foreground::pubsub::{Bus, Publisher, Subscriber};
use foreground::transport::{ClientTransport, ErrorKind, ServerTransport, http, nats, zmq};

use self::hosts::{Far, NEAR, Near, on_two_hosts};
use self::server::NatsServer;

/// For what must happen: longer than any machine takes.
const LONG: Duration = Duration::from_secs(20);

/// How long a call over a cut cable may take.
const HASTE: Duration = Duration::from_secs(1);

fn echo(server: impl ServerTransport + 'static) {
    thread::spawn(move || {
        while let Ok((context, message)) = server.receive_message() {
            // Who asked may be out of reach.
            let _ = context.reply(message);
        }
    });
}

/// Calls over a cut cable fail in their time, and the first call over the mended one works.
fn calls(patient: impl ClientTransport, hasty: impl ClientTransport, near: &mut Near) {
    let call = |client: &dyn ClientTransport, text: &str| client.send_message(text.into(), true);
    for n in 0..10 {
        let text = n.to_string();
        assert_eq!(call(&patient, &text).unwrap(), Some(text.clone().into()));
        assert_eq!(call(&hasty, &text).unwrap(), Some(text.into()));
    }
    near.tell("cut it");
    assert_eq!(near.hear::<String>(), "it is cut");
    for _ in 0..2 {
        let error = call(&hasty, "into the void").unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected | ErrorKind::Unreachable),
            "{error:?}"
        );
    }
    near.tell("mend it");
    assert_eq!(near.hear::<String>(), "it is mended");
    for n in 0..10 {
        let text = format!("again {n}");
        assert_eq!(call(&patient, &text).unwrap(), Some(text.into()));
    }
    near.tell("done");
}

/// The near host's part of it.
fn serves_calls(far: &mut Far) {
    assert_eq!(far.hear::<String>(), "cut it");
    far.cut();
    far.tell("it is cut");
    assert_eq!(far.hear::<String>(), "mend it");
    far.mend();
    far.tell("it is mended");
    assert_eq!(far.hear::<String>(), "done");
    far.finish();
}

#[test]
fn calls_over_0mq() {
    on_two_hosts(
        "calls_over_0mq",
        |far| {
            let server = zmq::Server::bind(format!("tcp://{NEAR}:0")).unwrap();
            far.tell(server.endpoint());
            echo(server);
            serves_calls(far);
        },
        |near| {
            let server: String = near.hear();
            let client = |timeout| zmq::Options::new().timeout(timeout).connect(&server).unwrap();
            calls(client(LONG), client(HASTE), near);
        },
    );
}

#[test]
fn calls_over_http() {
    on_two_hosts(
        "calls_over_http",
        |far| {
            let server = http::Server::bind(format!("{NEAR}:0")).unwrap();
            far.tell(server.local_address());
            echo(server);
            serves_calls(far);
        },
        |near| {
            let url = format!("http://{}/", near.hear::<String>());
            let client = |timeout| http::Client::new(&url).unwrap().timeout(timeout);
            calls(client(LONG), client(HASTE), near);
        },
    );
}

/// A server of NATS on the near host, and a connection to it.
fn nats_server() -> (NatsServer, Connection) {
    let server = NatsServer::start_with(&["-a", NEAR]);
    let connection = foreground::nats::connect(format!("nats://{NEAR}:{}", server.port())).unwrap();
    (server, connection)
}

#[test]
fn calls_over_nats() {
    on_two_hosts(
        "calls_over_nats",
        |far| {
            let (_server, connection) = nats_server();
            echo(nats::Server::new(&connection, "echo").unwrap());
            connection.flush(LONG).unwrap();
            far.tell(connection.address());
            serves_calls(far);
        },
        |near| {
            let connection = foreground::nats::connect(near.hear::<String>()).unwrap();
            let client = |timeout| nats::Client::new(&connection, "echo").unwrap().with_timeout(timeout);
            calls(client(LONG), client(HASTE), near);
        },
    );
}

#[test]
fn publications_over_0mq() {
    on_two_hosts(
        "publications_over_0mq",
        |far| {
            let publisher = Bus::new(format!("tcp://{NEAR}:0")).unwrap().publisher().unwrap();
            far.tell(publisher.address());
            ticks(&publisher, far);
        },
        |near| {
            let bus = Bus::new(near.hear::<String>()).unwrap();
            hears_ticks(&bus.subscriber("ticks").unwrap(), near);
        },
    );
}

#[test]
fn publications_over_nats() {
    on_two_hosts(
        "publications_over_nats",
        |far| {
            let (_server, connection) = nats_server();
            far.tell(connection.address());
            ticks(&Bus::over(&connection, "hosts").unwrap().publisher().unwrap(), far);
        },
        |near| {
            let connection = foreground::nats::connect(near.hear::<String>()).unwrap();
            hears_ticks(&Bus::over(&connection, "hosts").unwrap().subscriber("ticks").unwrap(), near);
        },
    );
}

/// Publishes numbers, while the cable is cut and mended.
fn ticks(publisher: &Publisher, far: &mut Far) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0u64.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                publisher.put("ticks", &number).unwrap();
                // The pace of the clock that ticks.
                thread::sleep(Duration::from_millis(2));
            }
        });
        assert_eq!(far.hear::<String>(), "it ticks");
        far.cut();
        far.tell("it is cut");
        assert_eq!(far.hear::<String>(), "nothing comes");
        far.mend();
        far.tell(publisher.published());
        assert_eq!(far.hear::<String>(), "done");
        is_over.store(true, Ordering::Relaxed);
    });
    far.finish();
}

/// Each number comes once and in order; and so do those that are published after the mending.
fn hears_ticks(subscriber: &Subscriber, near: &mut Near) {
    let mut last = None;
    let mut next = |timeout| {
        let (_, number) = subscriber.get_timeout::<u64>(timeout).unwrap()?;
        assert!(Some(number) > last, "{number} after {last:?}: in order, and once");
        last = Some(number);
        last
    };
    for _ in 0..50 {
        next(LONG).expect("it ticks");
    }
    near.tell("it ticks");
    assert_eq!(near.hear::<String>(), "it is cut");
    while next(Duration::from_millis(500)).is_some() {}
    near.tell("nothing comes");
    let at_the_mending: u64 = near.hear();
    while next(LONG).expect("it ticks again") <= at_the_mending {}
    near.tell("done");
}
