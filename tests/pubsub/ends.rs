//! Stopping, lingering, dropping. No thread is left behind.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use foreground::pubsub::{Bus, ErrorKind, GetError};
use serde_json::{Value, json};

use crate::common::{ANYWHERE, PATIENCE, Zmq, meet, next, publisher, publisher_of};

#[test]
fn stop_sends_what_was_put() {
    let (publisher, bus) = publisher();
    let subscriber = bus.high_water_mark(10_000).subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let before = publisher.published();
    let pad = ".".repeat(10_000);
    (0..900).for_each(|n| publisher.put("a", &json!([n, pad])).unwrap());
    let stopped = publisher.stop(PATIENCE);
    assert_eq!((stopped.sent, stopped.unsent, stopped.dropped), (before + 900, 0, 0));
    assert!(stopped.is_flushed);
    (0..900).for_each(|n| assert_eq!(next(&subscriber).1[0], n));
    assert_eq!(publisher.put("a", &1).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(publisher.stop(Duration::ZERO), stopped, "again, it says the same");
}

#[test]
fn stop_waits_for_the_start_delay_if_it_has_the_time() {
    let bus = Bus::new(ANYWHERE).unwrap();
    let publisher = bus.clone().start_delay(Duration::from_millis(500)).publisher().unwrap();
    let subscriber = Bus::new(publisher.address()).unwrap().subscriber("a").unwrap();
    publisher.put("a", &1).unwrap();
    let stopped = publisher.stop(PATIENCE);
    assert_eq!((stopped.sent, stopped.unsent, stopped.is_flushed), (1, 0, true));
    assert_eq!(next(&subscriber).1, 1);
}

#[test]
fn stop_without_time_says_what_it_has_not_sent() {
    let publisher = Bus::new(ANYWHERE).unwrap().start_delay(Duration::MAX).publisher().unwrap();
    (0..7).for_each(|n| publisher.put(["a", "b"], &n).unwrap());
    let begun = Instant::now();
    let stopped = publisher.stop(Duration::ZERO);
    assert_eq!((stopped.sent, stopped.unsent, stopped.dropped, stopped.is_flushed), (0, 14, 0, false));
    let again = Bus::new(ANYWHERE).unwrap().start_delay(Duration::MAX).publisher().unwrap();
    again.put("a", &1).unwrap();
    assert_eq!(again.stop(Duration::from_millis(100)).unsent, 1);
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn stop_gives_a_subscriber_that_does_not_read_no_longer_than_its_time() {
    let (publisher, _) = publisher_of(Bus::new(ANYWHERE).unwrap());
    let mut peer = Zmq::start("sub", publisher.address(), &["--subscribe", "a", "--hwm", "1"]);
    peer.meet(&publisher, "a");
    peer.tell("pause");
    peer.0.wait_for("paused");
    let pad = ".".repeat(100_000);
    (0..500).for_each(|n| publisher.put("a", &json!([n, pad])).unwrap());
    let begun = Instant::now();
    let stopped = publisher.stop(Duration::from_millis(300));
    assert!(!stopped.is_flushed, "{stopped:?}");
    assert!((Duration::from_millis(290)..PATIENCE).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[test]
fn a_publisher_that_is_dropped_lingers_as_long_as_it_was_told() {
    let bus = Bus::new(ANYWHERE).unwrap().start_delay(Duration::from_millis(500));
    for (linger, arrives) in [(Some(PATIENCE), true), (None, true), (Some(Duration::ZERO), false)] {
        let publisher = bus.clone().linger(linger).publisher().unwrap();
        let subscriber = Bus::new(publisher.address()).unwrap().subscriber("a").unwrap();
        publisher.put("a", &1).unwrap();
        let begun = Instant::now();
        drop(publisher);
        assert!(begun.elapsed() < Duration::from_millis(400), "a drop does not wait");
        let time = if arrives { PATIENCE } else { Duration::from_secs(1) };
        assert_eq!(subscriber.get_timeout::<u32>(time).unwrap().is_some(), arrives, "{linger:?}");
    }
}

#[test]
fn closing_wakes_who_waits_and_leaves_what_has_come() {
    let (publisher, bus) = publisher();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let waiting = subscriber.clone();
    let waiting = thread::spawn(move || waiting.iter::<Value>().count());
    subscriber.close();
    assert_eq!(waiting.join().unwrap(), 0);

    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    publisher.put("a", &1).unwrap();
    publisher.put("a", &2).unwrap();
    assert_eq!(next(&subscriber).1, 1);
    // The second has come by now: they were sent as one. If not, it is lost with the rest, and there is nothing to leave.
    subscriber.close();
    let rest: Vec<_> = subscriber.iter::<Value>().map(|got| got.unwrap().1).collect();
    assert!(rest.is_empty() || rest == [json!(2)], "{rest:?}");
    assert_eq!(subscriber.get_blocking::<Value>(), Err(GetError::Closed));
    assert_eq!(subscriber.get_timeout::<Value>(PATIENCE), Err(GetError::Closed));
}

#[test]
fn get_timeout_ends_in_time() {
    let (_publisher, bus) = publisher();
    let subscriber = bus.subscriber("a").unwrap();
    let begun = Instant::now();
    assert_eq!(subscriber.get_timeout::<Value>(Duration::from_millis(50)), Ok(None));
    assert!(begun.elapsed() >= Duration::from_millis(50));
    assert_eq!(subscriber.get::<Value>(), Ok(None));
}

/// Whether the private thread runs in this process, in which nextest runs this test only.
fn has_thread() -> bool {
    fs::read_dir("/proc/self/task").unwrap().flatten().any(|task| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("foreground-asyn"))
    })
}

#[cfg(target_os = "linux")]
#[test]
fn no_thread_and_no_socket_is_left_behind() {
    // Other tests of this process would have it too. One of their own is what `cargo nextest` gives to each.
    if std::env::var_os("NEXTEST").is_none() {
        let test = ["--exact", "ends::no_thread_and_no_socket_is_left_behind"];
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(test)
            .env("NEXTEST", "1")
            .status();
        return assert!(status.unwrap().success());
    }
    let sockets = || {
        fs::read_dir("/proc/self/fd").unwrap().flatten().filter(|file| {
            fs::read_link(file.path()).is_ok_and(|link| link.to_string_lossy().starts_with("socket:"))
        })
    };
    crate::tokio_first::let_tokio_begin();
    assert!(!has_thread());
    let before = sockets().count();
    for round in 0..4 {
        let (publisher, bus) = publisher();
        let forwarder = Bus::new(ANYWHERE).unwrap().forwarder(ANYWHERE).unwrap();
        let unreachable = Bus::new("tcp://127.0.0.1:1").unwrap().subscriber("a").unwrap();
        let subscribers = [bus.subscriber("a").unwrap(), bus.subscriber("b").unwrap().exact()];
        meet(&publisher, "a", &subscribers[0]);
        assert!(has_thread());
        if round % 2 == 0 {
            publisher.stop(PATIENCE);
        }
        drop((forwarder, unreachable));
        if round < 2 {
            drop((publisher, subscribers));
        } else {
            drop((subscribers, publisher));
        }
        let deadline = Instant::now() + PATIENCE;
        while has_thread() || sockets().count() > before {
            assert!(Instant::now() < deadline, "round {round}: {} sockets", sockets().count());
            thread::yield_now();
        }
    }
}
