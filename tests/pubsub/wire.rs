//! What WIRE and documentation say of matching, channels, and the start.

use std::time::{Duration, Instant};

use foreground::pubsub::{Bus, ErrorKind, GetError};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::common::{ANYWHERE, meet, next, publisher, publisher_of};

#[test]
fn a_subscription_matches_by_prefix() {
    let (publisher, bus) = publisher();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    for channel in ["a", "b", "ab", "ba", "a.b"] {
        publisher.put(channel, channel).unwrap();
    }
    for channel in ["a", "ab", "a.b"] {
        assert_eq!(next(&subscriber), (channel.into(), json!(channel)));
    }
}

#[test]
fn an_exact_subscription_matches_its_name_only() {
    let (publisher, bus) = publisher();
    let exact = bus.subscriber(["a", "c"]).unwrap().exact();
    meet(&publisher, "a", &exact);
    meet(&publisher, "c", &exact);
    for channel in ["ab", "a", "c.d", "c"] {
        publisher.put(channel, &1).unwrap();
    }
    assert_eq!(next(&exact).0, "a");
    assert_eq!(next(&exact).0, "c");
}

#[test]
fn the_empty_name_is_everything_exact_or_not() {
    let (publisher, bus) = publisher();
    for subscriber in [bus.subscriber("").unwrap(), bus.subscriber("").unwrap().exact()] {
        meet(&publisher, "x", &subscriber);
        publisher.put("anything", &1).unwrap();
        assert_eq!(next(&subscriber).0, "anything");
    }
}

#[test]
fn a_message_that_two_subscriptions_match_comes_once() {
    let (publisher, bus) = publisher();
    let subscriber = bus.subscriber(["a", "ab", ""]).unwrap();
    meet(&publisher, "ab", &subscriber);
    publisher.put("ab", &1).unwrap();
    publisher.put("ab", &2).unwrap();
    assert_eq!([next(&subscriber).1, next(&subscriber).1], [1, 2]);
}

#[test]
fn a_message_on_two_channels_comes_once_for_each() {
    let (publisher, bus) = publisher();
    let subscriber = bus.subscriber("").unwrap();
    meet(&publisher, "a", &subscriber);
    let before = publisher.published();
    publisher.put(["a", "b"], &json!({"x": 1})).unwrap();
    assert_eq!(publisher.published(), before + 2);
    assert_eq!(next(&subscriber), ("a".into(), json!({"x": 1})));
    assert_eq!(next(&subscriber), ("b".into(), json!({"x": 1})));
}

#[test]
fn any_value_can_be_put_also_those_that_the_original_refuses() {
    let (publisher, bus) = publisher();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let values = [json!(null), json!(false), json!(0), json!(""), json!([]), json!({}), json!("a b  c")];
    values.iter().for_each(|value| publisher.put("a", value).unwrap());
    values.iter().for_each(|value| assert_eq!(next(&subscriber).1, *value));
}

#[test]
fn a_channel_that_the_original_cannot_read_is_an_error() {
    let (publisher, bus) = publisher();
    let kind = |channels: &[&str]| publisher.put(channels, &1).unwrap_err().kind();
    assert_eq!(kind(&[""]), ErrorKind::InvalidInput);
    assert_eq!(kind(&["a b"]), ErrorKind::InvalidInput);
    assert_eq!(kind(&[]), ErrorKind::InvalidInput);
    assert_eq!(kind(&["fine", "not fine"]), ErrorKind::InvalidInput);
    assert_eq!(publisher.published(), 0, "nothing was put on the channel before either");
    assert_eq!(bus.subscriber("a ").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_message_that_cannot_be_json_is_an_error() {
    struct Broken;
    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("out of ink"))
        }
    }
    let (publisher, _) = publisher();
    let error = publisher.put("a", &Broken).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("out of ink"), "{error}");
}

#[test]
fn a_message_over_the_limit_is_not_put() {
    let (publisher, bus) = publisher_of(Bus::new(ANYWHERE).unwrap().message_limit(100));
    let subscriber = bus.message_limit(100).subscriber("").unwrap();
    meet(&publisher, "a", &subscriber);
    // The channel, the space, two quotes.
    publisher.put("a", &"x".repeat(96)).unwrap();
    assert_eq!(publisher.put("a", &"x".repeat(97)).unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(publisher.put(["a", "ab"], &"x".repeat(96)).unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(next(&subscriber).1.as_str().unwrap().len(), 96);
}

#[test]
fn large_messages_arrive_among_small_ones() {
    let (publisher, bus) = publisher();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    for size in [1, 63, 64, 100_000, 10, 3_000_000, 65_530, 65_536] {
        publisher.put("a", &"x".repeat(size)).unwrap();
    }
    for size in [1, 63, 64, 100_000, 10, 3_000_000, 65_530, 65_536] {
        assert_eq!(next(&subscriber).1.as_str().unwrap().len(), size);
    }
}

#[test]
fn what_is_put_during_the_start_delay_is_sent_after_it_in_order() {
    let bus = Bus::new(ANYWHERE).unwrap().start_delay(Duration::from_secs(1));
    let begun = Instant::now();
    let publisher = bus.publisher().unwrap();
    assert!(begun.elapsed() < Duration::from_millis(900), "it does not wait");
    let subscriber = Bus::new(publisher.address()).unwrap().subscriber("a").unwrap();
    (0..900).for_each(|n| publisher.put("a", &n).unwrap());
    // Who subscribes within the delay misses nothing.
    (0..900).for_each(|n| assert_eq!(next(&subscriber).1, n));
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!((publisher.published(), publisher.dropped()), (900, 0));
}

#[test]
fn the_settings_are_checked() {
    assert_eq!(Bus::new("nowhere").unwrap_err().kind(), ErrorKind::InvalidAddress);
    assert_eq!(Bus::new("udp://127.0.0.1:5555").unwrap_err().kind(), ErrorKind::InvalidAddress);
    for mark in [0, u32::MAX] {
        let bus = Bus::new(ANYWHERE).unwrap().high_water_mark(mark);
        assert_eq!(bus.publisher().unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(bus.subscriber("a").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(bus.connected_publisher().unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(bus.forwarder(ANYWHERE).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn the_other_transports_of_0mq_work_too() {
    let folder = tempfile::tempdir().unwrap();
    let ipc = format!("ipc://{}", folder.path().join("bus").display());
    for address in [ipc.as_str(), "inproc://the_other_transports"] {
        let (publisher, _) = publisher_of(Bus::new(address).unwrap());
        let subscriber = Bus::new(address).unwrap().subscriber("a").unwrap();
        meet(&publisher, "a", &subscriber);
        publisher.put("a", &7).unwrap();
        assert_eq!(next(&subscriber).1, 7);
    }
}

#[test]
fn clones_share_the_messages() {
    let (publisher, bus) = publisher();
    let subscriber = bus.subscriber("a").unwrap();
    let clone = subscriber.clone();
    meet(&publisher, "a", &clone);
    drop(subscriber);
    publisher.clone().put("a", &1).unwrap();
    assert_eq!(next(&clone).1, 1);
    assert_eq!(clone.get::<Value>(), Ok(None));
    clone.close();
    assert_eq!(clone.get::<Value>(), Err(GetError::Closed));
}
