//! Publish and subscribe: what is published now.

use std::thread;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::nats::{Options, State};
use foreground::pubsub::{Bus, ErrorKind, GetError, Subscriber};
use serde_json::json;

use super::peer::Peer;
use super::server::NatsServer;
use super::{LONG, assert_kind, connect, eventually};

/// A subscriber that NATS knows of.
fn subscribe(bus: &Bus, channels: &[&str], connection: &foreground::nats::Connection) -> Subscriber {
    let subscriber = bus.subscriber(channels).unwrap();
    connection.flush(LONG).unwrap();
    subscriber
}

#[track_caller]
fn get(subscriber: &Subscriber) -> (String, u32) {
    subscriber.get_timeout(LONG).unwrap().expect("a message in time")
}

#[test]
fn many_publishers_and_subscribers_meet() {
    let nats = NatsServer::start();
    let connections: Vec<_> = (0..4).map(|_| connect(&nats)).collect();
    let subscribers: Vec<_> = connections
        .iter()
        .map(|connection| subscribe(&Bus::over(connection, "meet").unwrap(), &["a"], connection))
        .collect();
    thread::scope(|scope| {
        for (connection, publisher) in connections.iter().zip(0..) {
            scope.spawn(move || {
                let bus = Bus::over(connection, "meet").unwrap();
                let publishing = bus.publisher().unwrap();
                for n in 0..100 {
                    publishing.put("a", &(publisher * 100 + n)).unwrap();
                }
                let stopped = publishing.stop(LONG);
                assert_eq!((stopped.sent, stopped.unsent, stopped.dropped), (100, 0, 0));
                assert_kind(publishing.put("a", &0), ErrorKind::Closed);
                assert_eq!(publishing.stop(LONG), stopped);
            });
        }
    });
    for subscriber in subscribers {
        let all: Vec<_> = (0..400).map(|_| get(&subscriber).1).collect();
        for publisher in 0..4 {
            // In order, of each.
            let of_one: Vec<_> = all.iter().copied().filter(|n| n / 100 == publisher).collect();
            assert_eq!(of_one, (publisher * 100..publisher * 100 + 100).collect::<Vec<_>>());
        }
        assert_eq!(subscriber.dropped(), 0);
    }
}

#[test]
fn which_channels_come() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let bus = Bus::over(&connection, "which").unwrap();
    let other = Bus::over(&connection, "whichever").unwrap().publisher().unwrap();
    let everything = subscribe(&bus, &[""], &connection);
    let beginning = subscribe(&bus, &["a"], &connection);
    let below = subscribe(&bus, &["a."], &connection);
    let overlapping = subscribe(&bus, &["a.b", "a.b.c", "x"], &connection);
    let exact = bus.subscriber(["a", "a.b"]).unwrap().exact();
    connection.flush(LONG).unwrap();
    let publisher = bus.publisher().unwrap();
    let channels = ["a", "ab", "a.b", "a.bc", "a.b.c", "b", "x.y"];
    for (channel, n) in channels.iter().zip(0..) {
        publisher.put(channel, &n).unwrap();
        other.put(channel, &100).unwrap();
    }
    publisher.put(["a", "b"], &7).unwrap();
    publisher.put("last", &8).unwrap();
    publisher.stop(LONG);
    let got = |subscriber: &Subscriber, count: usize| {
        let mut got: Vec<_> = (0..count).map(|_| get(subscriber)).collect();
        assert!(subscriber.get::<u32>().unwrap().is_none(), "nothing twice");
        got.sort();
        got.iter().map(|(channel, n)| format!("{channel} {n}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(got(&everything, 10), "a 0, a 7, a.b 2, a.b.c 4, a.bc 3, ab 1, b 5, b 7, last 8, x.y 6");
    connection.flush(LONG).unwrap();
    assert_eq!(got(&beginning, 6), "a 0, a 7, a.b 2, a.b.c 4, a.bc 3, ab 1");
    assert_eq!(got(&below, 3), "a.b 2, a.b.c 4, a.bc 3");
    assert_eq!(got(&overlapping, 4), "a.b 2, a.b.c 4, a.bc 3, x.y 6");
    assert_eq!(got(&exact, 3), "a 0, a 7, a.b 2");
}

#[test]
fn what_is_no_channel() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    for root in ["", "a b", "a.", "*"] {
        assert_kind(Bus::over(&connection, root), ErrorKind::InvalidInput);
    }
    let bus = Bus::over(&connection, "bus").unwrap();
    let publisher = bus.publisher().unwrap();
    for channel in ["", "a b", "a.", "a..b", "*", "a.>", "a\r\n"] {
        assert_kind(publisher.put(channel, &1), ErrorKind::InvalidInput);
    }
    // Of several, none is published on if one is none.
    assert_kind(publisher.put(["good", "*"], &1), ErrorKind::InvalidInput);
    assert_eq!(publisher.published(), 0);
    for channel in ["a b", ".", "*", "a..b"] {
        assert_kind(bus.subscriber(channel), ErrorKind::InvalidInput);
    }
    assert_kind(bus.clone().queue_group("").subscriber("a"), ErrorKind::InvalidInput);
    assert_kind(bus.durable_subscriber("name", "a"), ErrorKind::InvalidInput);
    assert_kind(bus.create_stream(LONG), ErrorKind::InvalidInput);
    assert_kind(publisher.put("a", &"x".repeat(1024 * 1024)), ErrorKind::TooLarge);
    assert_eq!(connection.reconnects(), 0);
}

#[test]
fn a_message_that_does_not_decode_harms_no_other() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let subscriber = subscribe(&Bus::over(&connection, "odd").unwrap().message_limit(50), &[""], &connection);
    let publisher = Bus::over(&connection, "odd").unwrap().publisher().unwrap();
    publisher.put("a", "text").unwrap();
    publisher.put("a", &"x".repeat(100)).unwrap();
    publisher.put("a", &1).unwrap();
    publisher.stop(LONG);
    match subscriber.get_timeout::<u32>(LONG) {
        Err(GetError::Decode(error)) => {
            assert_eq!((error.channel(), error.bytes()), (Some("a"), &b"\"text\""[..]))
        }
        other => panic!("{other:?}"),
    }
    match subscriber.get_timeout::<u32>(LONG) {
        Err(GetError::Decode(error)) => assert!(error.to_string().contains("limit is 50"), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(get(&subscriber), ("a".to_owned(), 1));
    assert_eq!(subscriber.undecoded(), 2);
}

#[test]
fn a_group_of_subscribers_shares_the_messages() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let bus = Bus::over(&connection, "jobs").unwrap();
    let members: Vec<_> = (0..3)
        .map(|_| {
            let connection = connect(&nats);
            subscribe(&Bus::over(&connection, "jobs").unwrap().queue_group("workers"), &["job"], &connection)
        })
        .collect();
    let publisher = bus.publisher().unwrap();
    (0..3000).for_each(|n| publisher.put("job", &n).unwrap());
    assert_eq!(publisher.stop(LONG).sent, 3000);
    let mut all = Vec::new();
    eventually("all have come", || {
        for member in &members {
            while let Some((_, n)) = member.get::<u32>().unwrap() {
                all.push(n);
            }
        }
        all.len() >= 3000
    });
    all.sort_unstable();
    assert_eq!(all, (0..3000).collect::<Vec<_>>());
}

#[test]
fn a_burst_is_delivered_to_the_window_exactly() {
    const MESSAGES: u32 = 50_000;
    let nats = NatsServer::start();
    let (here, there) = (connect(&nats), connect(&nats));
    let subscriber = subscribe(&Bus::over(&here, "burst").unwrap(), &["n"], &here);
    let router: MessageRouter<Vec<u32>> = MessageRouter::new(|| {});
    router.start().unwrap();
    let serving = subscriber.deliver_to(&router, |app: &mut Vec<u32>, _, n| app.push(n)).unwrap();
    let publisher = Bus::over(&there, "burst").unwrap().publisher().unwrap();
    (0..MESSAGES).for_each(|n| publisher.put("n", &n).unwrap());
    let stopped = thread::spawn(move || publisher.stop(LONG));
    let mut app = Vec::new();
    router.route_until(&mut app, |app| app.len() == MESSAGES as usize, LONG).unwrap();
    assert_eq!(app, (0..MESSAGES).collect::<Vec<_>>());
    let stopped = stopped.join().unwrap();
    assert_eq!((stopped.sent, stopped.unsent, stopped.dropped), (MESSAGES.into(), 0, 0));
    serving.stop();
}

#[test]
fn a_slow_subscriber_loses_messages_and_counts_them() {
    let nats = NatsServer::start();
    let (here, there) = (connect(&nats), connect(&nats));
    let slow = subscribe(&Bus::over(&here, "slow").unwrap().high_water_mark(100), &["n"], &here);
    let quick = subscribe(&Bus::over(&here, "slow").unwrap(), &["n"], &here);
    let publisher = Bus::over(&there, "slow").unwrap().publisher().unwrap();
    (0..5000).for_each(|n| publisher.put("n", &n).unwrap());
    publisher.stop(LONG);
    // It harms nobody else on the same connection.
    assert_eq!((0..5000).map(|_| get(&quick).1).collect::<Vec<_>>(), (0..5000).collect::<Vec<_>>());
    eventually("the rest is dropped", || slow.dropped() == 4900);
    assert_eq!((0..100).map(|_| get(&slow).1).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    publisher_again(&there, &slow);
}

/// And then it gets messages again.
fn publisher_again(connection: &foreground::nats::Connection, subscriber: &Subscriber) {
    let publisher = Bus::over(connection, "slow").unwrap().publisher().unwrap();
    publisher.put("n", &9999).unwrap();
    assert_eq!(get(subscriber).1, 9999);
}

#[test]
fn a_subscription_comes_back_by_itself() {
    let mut nats = NatsServer::start();
    let options = Options::new().reconnect_pause(Duration::from_millis(20));
    let (here, there) = (options.connect(nats.address()).unwrap(), options.connect(nats.address()).unwrap());
    let subscriber = subscribe(&Bus::over(&here, "back").unwrap(), &["a."], &here);
    let publisher = Bus::over(&there, "back").unwrap().publisher().unwrap();
    publisher.put("a.x", &1).unwrap();
    assert_eq!(get(&subscriber).1, 1);
    nats.kill();
    eventually("both see it", || here.state() == State::Reconnecting && there.state() == State::Reconnecting);
    // What is put meanwhile waits.
    publisher.put("a.x", &2).unwrap();
    let late = subscribe_later(&here);
    nats.start_again();
    // The publisher may be back before the subscriber: then that one is lost, as nobody was there.
    eventually("it is back", || here.state() == State::Connected);
    here.flush(LONG).unwrap();
    publisher.put("a.x", &3).unwrap();
    let first = get(&subscriber).1;
    assert!(first == 2 || first == 3, "{first}");
    if first == 2 {
        assert_eq!(get(&subscriber).1, 3);
    }
    eventually("the other too", || late.get::<u32>().unwrap().is_some_and(|(_, n)| n == 3));
    publisher.stop(LONG);
}

fn subscribe_later(connection: &foreground::nats::Connection) -> Subscriber {
    Bus::over(connection, "back").unwrap().subscriber("a.").unwrap()
}

#[test]
fn a_publisher_whose_server_has_gone() {
    let mut nats = NatsServer::start();
    let connection = connect(&nats);
    let publisher = Bus::over(&connection, "gone").unwrap().high_water_mark(10).publisher().unwrap();
    nats.kill();
    eventually("it is seen", || connection.state() == State::Reconnecting);
    (0..30).for_each(|n| publisher.put("a", &n).unwrap());
    let stopped = publisher.stop(Duration::from_millis(50));
    assert_eq!(stopped.sent, 0);
    assert_eq!(stopped.unsent + stopped.dropped, 30);
    assert!(stopped.unsent >= 10 && stopped.unsent <= 11, "{stopped:?}");
}

#[test]
fn large_messages_do_not_fill_the_memory() {
    let mut nats = NatsServer::start();
    let connection = connect(&nats);
    let publisher = Bus::over(&connection, "large").unwrap().publisher().unwrap();
    nats.kill();
    eventually("it is seen", || connection.state() == State::Reconnecting);
    let message = "x".repeat(1024 * 1000);
    (0..100).for_each(|_| publisher.put("a", &message).unwrap());
    assert!(publisher.dropped() >= 30, "of 64 MiB");
    assert_eq!(publisher.stop(Duration::ZERO).unsent + publisher.dropped(), 100);
}

#[test]
fn closing_wakes_who_waits() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let subscriber = subscribe(&Bus::over(&connection, "close").unwrap(), &["a"], &connection);
    let waiting = {
        let subscriber = subscriber.clone();
        thread::spawn(move || subscriber.get_blocking::<u32>())
    };
    subscriber.close();
    assert_eq!(waiting.join().unwrap(), Err(GetError::Closed));
}

#[test]
fn with_another_client() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let bus = Bus::over(&connection, "shared").unwrap();
    let subscriber = subscribe(&bus, &["a"], &connection);
    let mut peer = Peer::start("nats_peer.py", &[&nats.address()]);
    peer.wait_for("ready");
    peer.tell(&json!({"do": "publish", "subject": "shared.a.b", "data": "[1, NaN]"}));
    peer.wait_for("published");
    let (channel, (one, nan)) = subscriber.get_timeout::<(u8, f64)>(LONG).unwrap().unwrap();
    assert_eq!((channel.as_str(), one), ("a.b", 1));
    assert!(nan.is_nan());
    peer.tell(&json!({"do": "subscribe", "subject": "shared.>"}));
    peer.wait_for("subscribed");
    let publisher = bus.publisher().unwrap();
    publisher.put("x.y", &json!({"n": 1})).unwrap();
    let message = peer.wait_for("message");
    assert_eq!(message["subject"], "shared.x.y");
    let data: serde_json::Value = serde_json::from_str(message["data"].as_str().unwrap()).unwrap();
    assert_eq!(data, json!({"n": 1}));
}

#[test]
fn what_arrived_before_the_connection_was_lost_counts_as_sent() {
    let mut nats = NatsServer::start();
    let connection =
        Options::new().reconnect_pause(Duration::from_millis(20)).connect(nats.address()).unwrap();
    let bus = Bus::over(&connection, "counted").unwrap();
    let subscriber = subscribe(&bus, &[""], &connection);
    let publisher = bus.publisher().unwrap();
    publisher.put("a", &1).unwrap();
    assert_eq!(get(&subscriber), ("a".into(), 1));
    // NATS is asked of itself, a quarter of a second later; nobody sees when.
    thread::sleep(Duration::from_secs(2));
    nats.kill();
    eventually("it is lost", || connection.state() == State::Reconnecting);
    nats.start_again();
    eventually("it is back", || connection.state() == State::Connected);
    let stopped = publisher.stop(LONG);
    assert_eq!((stopped.sent, stopped.unsent), (1, 0));
}
