//! Durable subscriptions: nothing is lost while nobody is there.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use foreground::nats::{Connection, Options, State};
use foreground::pubsub::{Bus, Durable, ErrorKind, GetError, Stream, Subscriber};
use foreground::transport::ClientTransport;
use foreground::transport::nats::Client;
use foreground::{MessageRouter, nats};
use serde_json::json;

use super::server::NatsServer;
use super::{LONG, assert_kind, eventually};

fn connect(server: &NatsServer) -> Connection {
    Options::new().reconnect_pause(Duration::from_millis(20)).connect(server.address()).unwrap()
}

fn bus(connection: &Connection) -> Bus {
    Bus::over(connection, "orders").unwrap().stored(Stream::new())
}

/// NATS is patient for a second only.
fn window() -> Durable {
    Durable::new("window").acknowledge_within(Duration::from_secs(1))
}

fn publish(bus: &Bus, numbers: std::ops::Range<u32>) {
    let publisher = bus.publisher().unwrap();
    numbers.clone().for_each(|n| publisher.put("a", &n).unwrap());
    let stopped = publisher.stop(LONG);
    assert_eq!((stopped.sent, stopped.unsent, stopped.dropped), (numbers.len() as u64, 0, 0));
}

#[track_caller]
fn get(subscriber: &Subscriber, count: usize) -> Vec<u32> {
    (0..count).map(|_| subscriber.get_timeout(LONG).unwrap().expect("a message in time").1).collect()
}

fn nothing_comes(subscriber: &Subscriber) {
    // Longer than NATS is patient.
    assert_eq!(subscriber.get_timeout::<u32>(Duration::from_millis(1300)), Ok(None));
}

#[test]
fn a_window_that_was_closed_gets_what_it_missed() {
    let nats = NatsServer::start_with_streams();
    let (here, there) = (connect(&nats), connect(&nats));
    publish(&bus(&there), 0..10);
    for round in 0..3 {
        // Opened again, by a name alone.
        let router: MessageRouter<Vec<u32>> = MessageRouter::new(|| {});
        router.start().unwrap();
        let subscriber = bus(&here).durable_subscriber(window(), "").unwrap();
        let serving = subscriber.deliver_to(&router, |app: &mut Vec<u32>, _, n| app.push(n)).unwrap();
        let mut app = Vec::new();
        router.route_until(&mut app, |app| app.len() == 10, LONG).unwrap();
        assert_eq!(app, (round * 10..round * 10 + 10).collect::<Vec<_>>());
        serving.stop();
        here.flush(LONG).unwrap();
        publish(&bus(&there), (round + 1) * 10..(round + 2) * 10);
    }
    let subscriber = bus(&here).durable_subscriber(window(), "").unwrap();
    assert_eq!(get(&subscriber, 10), (30..40).collect::<Vec<_>>());
    nothing_comes(&subscriber);
    // Another name has had nothing yet.
    let other = bus(&here).durable_subscriber("other", "").unwrap();
    assert_eq!(get(&other, 40), (0..40).collect::<Vec<_>>());
}

#[test]
fn a_callback_that_panics_gets_the_message_again() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    publish(&bus(&connection), 0..3);
    let open = |router: &MessageRouter<Vec<u32>>, bad: u32| {
        let subscriber = bus(&connection).durable_subscriber(window(), "").unwrap();
        subscriber
            .deliver_to(router, move |app: &mut Vec<u32>, _, n| {
                assert_ne!(n, bad, "as it should");
                app.push(n);
            })
            .unwrap()
    };
    let router: MessageRouter<Vec<u32>> = MessageRouter::new(|| {});
    router.start().unwrap();
    let mut app = Vec::new();
    let serving = open(&router, 1);
    let panicked = catch_unwind(AssertUnwindSafe(|| router.route_until(&mut app, |_| false, LONG)));
    assert!(panicked.is_err());
    drop(serving);
    assert_eq!(app, [0]);
    let serving = open(&router, 99);
    router.route_until(&mut app, |app| app.len() == 3, LONG).unwrap();
    app.sort_unstable();
    assert_eq!(app, [0, 1, 2], "what was done with does not come again");
    drop(serving);
}

#[test]
fn what_is_held_for_long_does_not_come_twice() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    publish(&bus(&connection), 0..5);
    let subscriber = bus(&connection).durable_subscriber(window(), "").unwrap();
    let router: MessageRouter<Vec<u32>> = MessageRouter::new(|| {});
    router.start().unwrap();
    let _serving = subscriber
        .deliver_to(&router, |app: &mut Vec<u32>, _, n| {
            app.push(n);
            if n == 0 {
                // A dialog, say: the callback takes much longer than NATS is patient.
                let (sender, receiver) = std::sync::mpsc::channel::<()>();
                let _ = receiver.recv_timeout(Duration::from_millis(2500));
                drop(sender);
            }
        })
        .unwrap();
    let mut app = Vec::new();
    router.route_until(&mut app, |app| app.len() >= 5, LONG).unwrap();
    let late = router.route_until(&mut app, |app| app.len() > 5, Duration::from_millis(1500));
    assert!(late.is_err());
    assert_eq!(app, [0, 1, 2, 3, 4]);
}

#[test]
fn a_program_that_is_killed_loses_nothing() {
    const CHILD: &str = "FOREGROUND_NATS_DURABLE";
    if let Ok(address) = std::env::var(CHILD) {
        let connection = nats::connect(address).unwrap();
        let subscriber = bus(&connection).durable_subscriber(window(), "").unwrap();
        let router: MessageRouter<u32> = MessageRouter::new(|| {});
        router.start().unwrap();
        let _serving = subscriber
            .deliver_to(&router, |count: &mut u32, _, _: u32| {
                *count += 1;
                if *count == 4 {
                    // In the middle of its callback.
                    std::process::abort();
                }
            })
            .unwrap();
        let _ = router.route_until(&mut 0, |_| false, LONG);
        return;
    }
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    publish(&bus(&connection), 0..10);
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["durable::a_program_that_is_killed_loses_nothing", "--exact"])
        .env(CHILD, nats.address())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(!status.success(), "it was killed");
    let subscriber = bus(&connection).durable_subscriber(window(), "").unwrap();
    let mut got = BTreeSet::new();
    while !(3..10).all(|n| got.contains(&n)) {
        got.extend(get(&subscriber, 1));
    }
    // The first three were done with; whether NATS heard of all of them before the end is open.
    assert!(got.len() <= 10);
    nothing_comes(&subscriber);
}

#[test]
fn a_server_that_is_killed_loses_nothing() {
    const MESSAGES: u32 = 3000;
    let mut nats = NatsServer::start_with_streams();
    let (here, there) = (connect(&nats), connect(&nats));
    let subscriber = bus(&here).durable_subscriber(window(), "").unwrap();
    let publisher = bus(&there).publisher().unwrap();
    let getting = thread::spawn(move || {
        let (mut got, mut twice) = (BTreeSet::new(), 0);
        let end = Instant::now() + 2 * LONG;
        while got.len() < MESSAGES as usize && Instant::now() < end {
            if let Some((_, n)) = subscriber.get_timeout::<u32>(LONG).unwrap() {
                twice += u32::from(!got.insert(n));
            }
        }
        (got, twice)
    });
    for round in 0..3 {
        let third = MESSAGES / 3;
        (round * third..(round + 1) * third).for_each(|n| publisher.put("a", &n).unwrap());
        nats.kill();
        eventually("it is seen", || there.state() == State::Reconnecting);
        nats.start_again();
    }
    let stopped = publisher.stop(LONG);
    assert_eq!((stopped.sent, stopped.unsent, stopped.dropped), (MESSAGES.into(), 0, 0));
    let (got, twice) = getting.join().unwrap();
    assert_eq!(got, (0..MESSAGES).collect::<BTreeSet<_>>());
    // Those whose acknowledgement was lost with the connection.
    assert!(twice < MESSAGES, "{twice}");
}

#[test]
fn several_by_one_name_share_the_messages() {
    const MESSAGES: u32 = 2000;
    let nats = NatsServer::start_with_streams();
    let connections: Vec<_> = (0..3).map(|_| connect(&nats)).collect();
    publish(&bus(&connections[0]), 0..MESSAGES);
    let members: Vec<_> = connections
        .iter()
        .map(|connection| bus(connection).durable_subscriber(window().unacknowledged_limit(50), "").unwrap())
        .collect();
    let mut all = Vec::new();
    eventually("all have come", || {
        for member in &members {
            while let Some((_, n)) = member.get::<u32>().unwrap() {
                all.push(n);
            }
        }
        all.len() >= MESSAGES as usize
    });
    all.sort_unstable();
    assert_eq!(all, (0..MESSAGES).collect::<Vec<_>>(), "each once");
    members.iter().for_each(|member| assert_eq!(member.get::<u32>(), Ok(None)));
}

#[test]
fn channels_of_a_durable_subscriber() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    let bus = bus(&connection);
    let publisher = bus.publisher().unwrap();
    for (channel, n) in ["a", "ab", "a.b", "b", "a.b.c"].iter().zip(0..) {
        publisher.put(channel, &n).unwrap();
    }
    assert_eq!(publisher.stop(LONG).sent, 5);
    assert_eq!(get(&bus.durable_subscriber("one", "a.").unwrap(), 2), [2, 4]);
    assert_eq!(get(&bus.durable_subscriber("two", ["a.b", "b"]).unwrap(), 3), [2, 3, 4]);
    let exact = bus.durable_subscriber("three", ["a", "a.b"]).unwrap().exact();
    assert_eq!(get(&exact, 2), [0, 2]);
    // The same name for other channels, later.
    assert_eq!(get(&bus.durable_subscriber(Durable::new("four"), "b").unwrap(), 1), [3]);
    let publisher = bus.publisher().unwrap();
    publisher.put("a.x", &9).unwrap();
    publisher.stop(LONG);
    assert_eq!(get(&bus.durable_subscriber(Durable::new("one"), ["a.", "b"]).unwrap(), 1), [9]);
}

#[test]
fn beginning_with_what_comes_now() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    publish(&bus(&connection), 0..5);
    let durable = window().from_now();
    let subscriber = bus(&connection).durable_subscriber(durable.clone(), "").unwrap();
    let mut first = 100;
    // Until it is there.
    let got = loop {
        publish(&bus(&connection), first..first + 1);
        first += 1;
        if let Some((_, n)) = subscriber.get_timeout::<u32>(Duration::from_millis(200)).unwrap() {
            break n;
        }
    };
    assert!(got >= 100);
    drop(subscriber);
    publish(&bus(&connection), 200..205);
    let subscriber = bus(&connection).durable_subscriber(durable, "").unwrap();
    let mut missed = Vec::new();
    while missed.last() != Some(&204) {
        missed.extend(get(&subscriber, 1));
    }
    assert_eq!(missed.iter().filter(|&&n| n >= 200).count(), 5);
}

#[test]
fn a_message_that_is_never_done_is_passed_over() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    publish(&bus(&connection), 0..1);
    let durable = window().deliveries(3);
    let mut deliveries = 0;
    for _ in 0..5 {
        let router: MessageRouter<u32> = MessageRouter::new(|| {});
        router.start().unwrap();
        let subscriber = bus(&connection).durable_subscriber(durable.clone(), "").unwrap();
        let _serving =
            subscriber.deliver_to(&router, |_: &mut u32, _, _: u32| panic!("as it should")).unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            router.route_until(&mut 0, |_| false, Duration::from_millis(1500)).unwrap_err()
        }));
        deliveries += u32::from(outcome.is_err());
    }
    assert_eq!(deliveries, 3);
}

#[test]
fn limits_of_a_stream() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    let bus = |root: &str, stream: Stream| Bus::over(&connection, root).unwrap().stored(stream);
    // The oldest give way, or the new ones are refused.
    let old = bus("old", Stream::new().max_messages(5).in_memory());
    publish(&old, 0..10);
    assert_eq!(get(&old.durable_subscriber("all", "").unwrap(), 5), [5, 6, 7, 8, 9]);
    let full = bus("full", Stream::new().max_messages(5).refuse_when_full());
    let publisher = full.publisher().unwrap();
    (0..10).for_each(|n| publisher.put("a", &n).unwrap());
    let stopped = publisher.stop(LONG);
    assert_eq!((stopped.sent, stopped.unsent, stopped.dropped), (5, 0, 5));
    assert_eq!(get(&full.durable_subscriber("all", "").unwrap(), 5), [0, 1, 2, 3, 4]);
    // Only who says so changes it.
    publish(&bus("full", Stream::new().max_messages(7).refuse_when_full()), 0..0);
    let larger = bus("full", Stream::new().max_messages(7).refuse_when_full());
    larger.create_stream(LONG).unwrap();
    publish(&larger, 10..12);
    let age = bus("age", Stream::new().max_age(Duration::from_millis(200)));
    publish(&age, 0..1);
    let subscriber = age.durable_subscriber("early", "").unwrap();
    assert_eq!(get(&subscriber, 1), [0]);
    eventually("it is too old", || {
        let late =
            age.durable_subscriber(format!("late{:?}", Instant::now().elapsed().as_nanos()), "").unwrap();
        late.get_timeout::<u32>(Duration::from_millis(100)).unwrap().is_none()
    });
}

#[test]
fn what_the_server_does_not_take() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    bus(&connection).create_stream(LONG).unwrap();
    let bus = |root: &str, stream: Stream| Bus::over(&connection, root).unwrap().stored(stream);
    // A stream for other subjects; some of another stream's subjects; more servers than there are.
    assert_kind(bus("other", Stream::new().name("orders")).create_stream(LONG), ErrorKind::InvalidInput);
    assert_kind(bus("orders", Stream::new().name("second")).create_stream(LONG), ErrorKind::InvalidInput);
    assert_kind(bus("third", Stream::new().replicas(3)).create_stream(LONG), ErrorKind::InvalidInput);
    assert_kind(bus("fourth", Stream::new().name("a.b")).publisher(), ErrorKind::InvalidInput);
    assert_kind(bus("orders", Stream::new()).durable_subscriber("a b", ""), ErrorKind::InvalidInput);
    let impatient = Durable::new("x").acknowledge_within(Duration::ZERO);
    assert_kind(bus("orders", Stream::new()).durable_subscriber(impatient, ""), ErrorKind::InvalidInput);
    let subscriber = bus("other", Stream::new().name("orders")).durable_subscriber("x", "").unwrap();
    match subscriber.get_timeout::<u32>(LONG) {
        Err(GetError::Refused(reason)) => assert!(reason.contains("for other subjects"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_without_streams() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    assert_kind(bus(&connection).create_stream(LONG), ErrorKind::Refused);
    let subscriber = bus(&connection).durable_subscriber("window", "").unwrap();
    match subscriber.get_timeout::<u32>(LONG) {
        Err(GetError::Refused(reason)) => assert!(reason.contains("nats-server -js"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let publisher = bus(&connection).publisher().unwrap();
    publisher.put("a", &1).unwrap();
    let stopped = publisher.stop(Duration::from_millis(100));
    assert_eq!((stopped.sent, stopped.unsent), (0, 1));
}

#[test]
fn what_an_exact_subscription_does_not_want_is_done_with() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    let bus = bus(&connection);
    let publisher = bus.publisher().unwrap();
    publisher.put(["ab", "a"], &1).unwrap();
    assert_eq!(publisher.stop(LONG).sent, 2);
    let router: MessageRouter<Vec<String>> = MessageRouter::new(|| {});
    router.start().unwrap();
    // One that came again and again would keep the next from coming.
    let subscriber = bus.durable_subscriber(window().unacknowledged_limit(1), "a").unwrap().exact();
    let _serving = subscriber
        .deliver_to(&router, |app: &mut Vec<_>, channel, _: u32| app.push(channel.to_owned()))
        .unwrap();
    let mut app = Vec::new();
    router.route_until(&mut app, |app| !app.is_empty(), LONG).unwrap();
    assert_eq!(app, ["a"]);
}

/// What JetStream says.
fn ask(connection: &Connection, subject: &str) -> serde_json::Value {
    let client = Client::new(connection, subject).unwrap();
    serde_json::from_slice(&client.send_message(Vec::new(), true).unwrap().unwrap()).unwrap()
}

#[test]
fn limits_that_nats_would_misunderstand() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    let bus = Bus::over(&connection, "orders").unwrap();
    // It takes 0 for no limit.
    for stream in
        [Stream::new().max_age(Duration::ZERO), Stream::new().max_messages(0), Stream::new().max_bytes(0)]
    {
        assert_kind(bus.clone().stored(stream).create_stream(LONG), ErrorKind::InvalidInput);
    }
    // And has no number for these.
    let for_ever = Stream::new().max_age(Duration::MAX).max_messages(u64::MAX).max_bytes(u64::MAX);
    let bus = bus.stored(for_ever);
    bus.create_stream(LONG).unwrap();
    let config = &ask(&connection, "$JS.API.STREAM.INFO.orders")["config"];
    assert_eq!(
        (&config["max_age"], &config["max_msgs"], &config["max_bytes"]),
        (&json!(0), &json!(-1), &json!(-1))
    );
    publish(&bus, 0..1);
    let patient = Durable::new("patient").acknowledge_within(Duration::MAX).unacknowledged_limit(u32::MAX);
    assert_eq!(get(&bus.durable_subscriber(patient.deliveries(u32::MAX), "").unwrap(), 1), [0]);
}

#[test]
fn a_stream_that_is_changed_keeps_what_others_have_settled() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    let settled = json!({
        "name": "orders", "subjects": ["orders.>", "more"], "retention": "limits", "storage": "file", "num_replicas": 1,
        "max_msgs_per_subject": 5, "duplicate_window": 600_000_000_000_u64, "description": "ours",
    });
    let client = Client::new(&connection, "$JS.API.STREAM.CREATE.orders").unwrap();
    client.send_message(settled.to_string().into_bytes(), true).unwrap();
    let bus = bus(&connection).stored(Stream::new().max_messages(7));
    bus.create_stream(LONG).unwrap();
    let config = &ask(&connection, "$JS.API.STREAM.INFO.orders")["config"];
    assert_eq!(config["max_msgs"], 7);
    for name in ["subjects", "max_msgs_per_subject", "duplicate_window", "description"] {
        assert_eq!(config[name], settled[name], "{name}");
    }
    // As long as the messages are kept at most, or NATS refuses.
    let short = bus.clone().stored(Stream::new().max_age(Duration::from_secs(60)));
    short.create_stream(LONG).unwrap();
    assert_eq!(
        ask(&connection, "$JS.API.STREAM.INFO.orders")["config"]["duplicate_window"],
        60_000_000_000_u64
    );
    bus.create_stream(LONG).unwrap();
    assert_eq!(
        ask(&connection, "$JS.API.STREAM.INFO.orders")["config"]["duplicate_window"],
        120_000_000_000_u64
    );
}

#[test]
fn what_is_too_long_with_its_headers_is_told_when_it_is_put() {
    let nats = NatsServer::start_configured("max_payload: 1000", &["-js"]);
    let connection = connect(&nats);
    let publisher = bus(&connection).publisher().unwrap();
    let is_taken = |length: &usize| publisher.put("a", &"x".repeat(*length)).is_ok();
    let taken = (0..1000).filter(is_taken).count() as u64;
    assert!((800..998).contains(&taken), "{taken}");
    let stopped = publisher.stop(LONG);
    assert_eq!((stopped.sent, stopped.unsent, stopped.dropped), (taken, 0, 0));
    assert_eq!(connection.reconnects(), 0);
}

#[test]
fn the_foreground_can_be_served_anew() {
    let nats = NatsServer::start_with_streams();
    let connection = connect(&nats);
    let router: MessageRouter<BTreeSet<u32>> = MessageRouter::new(|| {});
    router.start().unwrap();
    let subscriber = bus(&connection).durable_subscriber(window().deliveries(3), "").unwrap();
    let mut app = BTreeSet::new();
    for round in 0..3 {
        let serve = || {
            subscriber.clone().deliver_to(&router, |app: &mut BTreeSet<u32>, _, n| _ = app.insert(n)).unwrap()
        };
        let serving = serve();
        publish(&bus(&connection), round * 2..round * 2 + 1);
        router.route_until(&mut app, |app| app.contains(&(round * 2)), LONG).unwrap();
        drop(serving);
        publish(&bus(&connection), round * 2 + 1..round * 2 + 2);
        // It is sent and given back, but not again and again: NATS would give up.
        thread::sleep(Duration::from_millis(1500));
        let _serving = serve();
        router.route_until(&mut app, |app| app.contains(&(round * 2 + 1)), LONG).unwrap();
    }
}
