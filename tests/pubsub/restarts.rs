//! One side goes and comes again; the other goes on.

use std::time::Duration;

use foreground::pubsub::{Bus, ErrorKind};
use serde_json::json;

use crate::common::{ANYWHERE, Zmq, meet, next, publisher, publisher_of};

#[test]
fn a_subscriber_is_killed_and_started_again() {
    let (publisher, bus) = publisher();
    let ours = bus.subscriber("a").unwrap();
    meet(&publisher, "a", &ours);
    for round in 0..3 {
        let mut peer = Zmq::start("sub", publisher.address(), &["--subscribe", "a"]);
        peer.meet(&publisher, "a");
        publisher.put("a", &json!({"round": round})).unwrap();
        assert_eq!(peer.next(), format!("a {{\"round\":{round}}}"));
        peer.0.kill();
        publisher.put("a", &json!({"killed": round})).unwrap();
        while next(&ours).1 != json!({"killed": round}) {}
    }
}

#[test]
fn a_publisher_is_started_again_and_its_subscribers_come_back() {
    let (first, bus) = publisher();
    let address = first.address().to_owned();
    let subscriber = bus.subscriber("a").unwrap();
    meet(&first, "a", &subscriber);
    let mut peer = Zmq::subscriber("sub", &first, "a");
    first.stop(Duration::from_secs(10));
    for _ in 0..3 {
        let (again, _) = publisher_of(Bus::new(&address).unwrap());
        meet(&again, "a", &subscriber);
        peer.meet(&again, "a");
        again.put("a", "back").unwrap();
        assert_eq!(next(&subscriber).1, "back");
        assert_eq!(peer.next(), "a \"back\"");
        again.stop(Duration::from_secs(10));
    }
}

#[test]
fn a_publisher_of_libzmq_is_killed_and_started_again() {
    let mut peer = Zmq::start("xpub", ANYWHERE, &[]);
    let address = peer.address();
    let subscriber = Bus::new(&address).unwrap().subscriber("a").unwrap();
    for n in 0..3 {
        peer.wait_for_topics(&["a"]);
        peer.send(&[&format!("a {n}")]);
        assert_eq!(next(&subscriber).1, n);
        peer.0.kill();
        peer.0.wait_for_end();
        peer = Zmq::start("xpub", &address, &[]);
        peer.address();
    }
}

#[test]
fn a_subscriber_may_be_there_before_its_publisher() {
    let address = {
        let (publisher, _) = publisher();
        let address = publisher.address().to_owned();
        publisher.stop(Duration::ZERO);
        address
    };
    let subscriber = Bus::new(&address).unwrap().subscriber("a").unwrap();
    assert_eq!(subscriber.get::<u32>(), Ok(None));
    let (publisher, _) = publisher_of(Bus::new(&address).unwrap());
    meet(&publisher, "a", &subscriber);
}

#[test]
fn an_address_in_use_is_an_error_and_free_when_the_publisher_has_gone() {
    let (first, _) = publisher();
    let bus = Bus::new(first.address()).unwrap();
    assert_eq!(bus.publisher().unwrap_err().kind(), ErrorKind::AddressInUse);
    assert_eq!(bus.forwarder(ANYWHERE).unwrap_err().kind(), ErrorKind::AddressInUse);
    first.stop(Duration::ZERO);
    let second = bus.publisher().unwrap();
    drop(second);
    let third = bus.publisher().unwrap();
    drop(third);

    let peer = &mut Zmq::start("pub", ANYWHERE, &[]);
    let error = Bus::new(peer.address()).unwrap().publisher().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressInUse);
}
