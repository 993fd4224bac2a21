//! High-water marks: what is below them arrives, what is above is dropped, and nobody else is harmed.

use std::time::Duration;

use foreground::MessageRouter;
use foreground::pubsub::Bus;
use serde_json::{Value, json};

use crate::common::{ANYWHERE, PATIENCE, Zmq, meet, next, publisher_of};

fn bus(mark: u32) -> Bus {
    Bus::new(ANYWHERE).unwrap().high_water_mark(mark)
}

#[test]
fn a_publisher_counts_what_it_drops_during_the_start_delay() {
    let publisher = bus(100).start_delay(Duration::from_secs(1)).publisher().unwrap();
    let subscriber = Bus::new(publisher.address()).unwrap().subscriber("a").unwrap();
    (0..250).for_each(|n| publisher.put("a", &n).unwrap());
    assert_eq!((publisher.published(), publisher.dropped()), (250, 150));
    (0..100).for_each(|n| assert_eq!(next(&subscriber).1, n, "the first are kept"));
    let stopped = publisher.stop(PATIENCE);
    assert_eq!((stopped.sent, stopped.unsent, stopped.dropped, stopped.is_flushed), (100, 0, 150, true));
}

#[test]
fn everything_below_the_mark_arrives_whatever_its_size() {
    // Several times what the sockets of the system take, with the subscriber not reading.
    const COUNT: u64 = 400;
    let (publisher, peers) = publisher_of(bus(1000));
    let subscriber = peers.clone().high_water_mark(1).subscriber("a").unwrap();
    let mut libzmq = Zmq::start("sub", publisher.address(), &["--subscribe", "a", "--hwm", "1"]);
    meet(&publisher, "a", &subscriber);
    libzmq.meet(&publisher, "a");
    publisher.put("a", "the start").unwrap();
    while next(&subscriber).1 != "the start" {}
    assert_eq!(libzmq.next(), "a \"the start\"");
    libzmq.tell("quiet");
    let before = libzmq.count();
    libzmq.tell("pause");
    libzmq.0.wait_for("paused");
    for n in 0..COUNT {
        // Short and long ones in turn.
        let pad = ".".repeat(if n % 2 == 0 { 10 } else { 100_000 });
        publisher.put("a", &json!({"n": n, "pad": pad})).unwrap();
    }
    assert_eq!(publisher.dropped(), 0);
    for n in 0..COUNT {
        assert_eq!(next(&subscriber).1["n"], n);
    }
    libzmq.tell("resume");
    assert_eq!(libzmq.wait_for_count(before + COUNT), before + COUNT);
}

#[test]
fn a_subscriber_that_keeps_up_loses_nothing_beside_one_that_does_not() {
    const ROUNDS: u64 = 300;
    let (publisher, peers) = publisher_of(bus(100));
    let fast = peers.clone().high_water_mark(100).subscriber("a").unwrap();
    meet(&publisher, "a", &fast);
    let slow = peers.clone().high_water_mark(10).subscriber("a").unwrap();
    meet(&publisher, "a", &slow);
    publisher.put("a", "the start").unwrap();
    while next(&fast).1 != "the start" {}
    while next(&slow).1 != "the start" {}
    // 300 rounds of 50 messages of 10 kB are 150 MB: more than the sockets of the system take.
    let pad = ".".repeat(10_000);
    for round in 0..ROUNDS {
        (0..50).for_each(|n| publisher.put("a", &json!([round, n, pad])).unwrap());
        (0..50).for_each(|n| assert_eq!(next(&fast).1.as_array().unwrap()[..2], [json!(round), json!(n)]));
    }
    // The slow one gets the first ones in order, then has holes; and it is not dead.
    let (mut got, mut last) = (0_u64, None);
    while let Some((_, message)) = slow.get_timeout::<Value>(Duration::from_millis(200)).unwrap() {
        let place = message[0].as_u64().unwrap() * 50 + message[1].as_u64().unwrap();
        assert!(last.is_none_or(|last| place > last), "{place} after {last:?}");
        (got, last) = (got + 1, Some(place));
    }
    assert!((10..ROUNDS * 50).contains(&got), "{got}");
    meet(&publisher, "a", &slow);
}

#[test]
fn a_foreground_that_does_not_route_holds_no_more_than_the_mark() {
    let (publisher, peers) = publisher_of(bus(100));
    let router: MessageRouter<u64> = MessageRouter::new(|| {});
    router.start().unwrap();
    let subscriber = peers.high_water_mark(10).subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let serving = subscriber.deliver_to(&router, |got: &mut u64, _, _: Value| *got += 1).unwrap();
    let pad = ".".repeat(10_000);
    let total = 10_000;
    for n in 0..total {
        publisher.put("a", &json!([n, pad])).unwrap();
        std::thread::yield_now();
    }
    assert!(router.stats().queued <= 10 + 10, "{:?}", router.stats());
    let mut got = 0;
    router.route_until(&mut got, |got| *got >= 10, PATIENCE).unwrap();
    drop(serving);
}

#[test]
fn counts_are_exact_below_the_mark_with_four_subscribers_in_a_running_router() {
    const COUNT: u64 = 20_000;
    let (publisher, peers) = publisher_of(bus(COUNT as u32 + 1000));
    let peers = peers.high_water_mark(COUNT as u32 + 1000);
    let router: MessageRouter<[u64; 4]> = MessageRouter::new(|| {});
    router.start().unwrap();
    let servings: Vec<_> = (0..4)
        .map(|which| {
            let subscriber = peers.subscriber("a").unwrap();
            meet(&publisher, "a", &subscriber);
            let deliver = move |got: &mut [u64; 4], channel: &str, n: i64| {
                if n >= 0 {
                    assert_eq!((channel, n), ("a", got[which] as i64));
                    got[which] += 1;
                }
            };
            // The texts by which the others meet the publisher are no numbers.
            subscriber.deliver_to(&router, deliver).unwrap()
        })
        .collect();
    let putting = std::thread::spawn(move || {
        (0..COUNT).for_each(|n| publisher.put("a", &n).unwrap());
        publisher
    });
    let mut got = [0; 4];
    router.route_until(&mut got, |got| got.iter().all(|got| *got == COUNT), PATIENCE).unwrap();
    assert_eq!(putting.join().unwrap().dropped(), 0);
    drop(servings);
}
