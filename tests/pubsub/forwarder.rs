//! Many publishers and many subscribers meet at a forwarder, whoever has made them.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use foreground::pubsub::{Bus, Forwarder};
use serde_json::json;

use crate::common::{ANYWHERE, Zmq, meet, next};

/// A forwarder, and the buses of publishers and of subscribers.
fn forwarder() -> (Forwarder, Bus, Bus) {
    let forwarder = Bus::new(ANYWHERE).unwrap().forwarder(ANYWHERE).unwrap();
    let publishers = Bus::new(forwarder.publishers_address()).unwrap();
    let subscribers = Bus::new(forwarder.subscribers_address()).unwrap();
    (forwarder, publishers, subscribers)
}

#[test]
fn each_subscriber_gets_what_each_publisher_puts() {
    let (_forwarder, publishers, subscribers) = forwarder();
    let subscribers: Vec<_> = (0..3).map(|_| subscribers.subscriber("a").unwrap()).collect();
    let publishers: Vec<_> = (0..3).map(|_| publishers.connected_publisher().unwrap()).collect();
    for publisher in &publishers {
        subscribers.iter().for_each(|subscriber| meet(publisher, "a", subscriber));
    }
    publishers[0].put("a", "the start").unwrap();
    subscribers.iter().for_each(|subscriber| while next(subscriber).1 != "the start" {});
    for n in 0..100 {
        publishers.iter().enumerate().for_each(|(who, publisher)| publisher.put("a", &[who, n]).unwrap());
    }
    for subscriber in &subscribers {
        let got: BTreeSet<_> = (0..300).map(|_| next(subscriber).1.to_string()).collect();
        assert_eq!(got.len(), 300);
    }
}

#[test]
fn it_serves_libzmq_on_both_sides() {
    let (forwarder, publishers, subscribers) = forwarder();
    let ours = subscribers.subscriber("a").unwrap();
    let publisher = publishers.connected_publisher().unwrap();
    meet(&publisher, "a", &ours);
    for role in ["sub", "xsub"] {
        let mut peer = Zmq::start(role, &forwarder.subscribers_address(), &["--subscribe", "a"]);
        peer.meet(&publisher, "a");
        publisher.put("a", &json!(role)).unwrap();
        assert_eq!(peer.next(), format!("a \"{role}\""));
    }
    let mut peer = Zmq::start("pub", &forwarder.publishers_address(), &["--connect"]);
    peer.address();
    loop {
        peer.send(&["a \"libzmq\""]);
        let got = ours.get_timeout::<String>(Duration::from_millis(10)).unwrap();
        if got.is_some_and(|(_, text)| text == "libzmq") {
            break;
        }
    }
}

#[test]
fn a_subscription_stays_when_another_with_the_same_name_goes() {
    let (_forwarder, publishers, subscribers) = forwarder();
    let publisher = publishers.connected_publisher().unwrap();
    let (one, another) = (subscribers.subscriber("a").unwrap(), subscribers.subscriber("a").unwrap());
    meet(&publisher, "a", &one);
    meet(&publisher, "a", &another);
    another.close();
    drop(another);
    for n in 0..200 {
        publisher.put("a", &n).unwrap();
        while next(&one).1 != n {}
    }
}

#[test]
fn it_passes_on_only_what_is_subscribed_to() {
    let (forwarder, _, subscribers) = forwarder();
    let mut peer = Zmq::start("xpub", &forwarder.publishers_address(), &["--connect"]);
    let one = subscribers.subscriber(["a", "b"]).unwrap();
    peer.wait_for_topics(&["a", "b"]);
    drop(one);
    peer.wait_for_topics(&[]);
}

#[test]
fn libzmq_goes_on_publishing_when_one_subscriber_of_several_unsubscribes() {
    let (forwarder, _, subscribers) = forwarder();
    let mut peer = Zmq::start("xpub", &forwarder.publishers_address(), &["--connect"]);
    peer.address();
    let one = subscribers.subscriber("a").unwrap();
    peer.wait_for_topics(&["a"]);
    let another = subscribers.subscriber(["a", "b"]).unwrap();
    peer.wait_for_topics(&["a", "b"]);
    // It unsubscribes from "a" and from "b", and subscribes to "a " and to "b ".
    let another = another.exact();
    peer.wait_for_topics(&["a", "a ", "b "]);
    peer.send(&["ab 1"]);
    peer.send(&["a 2"]);
    assert_eq!((next(&one).1, next(&one).1, next(&another).1), (json!(1), json!(2), json!(2)));
    drop(another);
    peer.wait_for_topics(&["a"]);
}

#[test]
fn it_is_started_again_and_all_come_back() {
    let (forwarder, publishers, subscribers) = forwarder();
    let addresses = (forwarder.publishers_address(), forwarder.subscribers_address());
    let publisher = publishers.connected_publisher().unwrap();
    let subscriber = subscribers.subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    let mut forwarder = Some(forwarder);
    for _ in 0..3 {
        drop(forwarder.take());
        forwarder = Some(Bus::new(&addresses.1).unwrap().forwarder(&addresses.0).unwrap());
        meet(&publisher, "a", &subscriber);
    }
}

#[test]
fn the_program_does_the_same() {
    let arguments = ["--publishers", ANYWHERE, "--subscribers", ANYWHERE];
    let mut program = Command::new(env!("CARGO_BIN_EXE_bus_forwarder"))
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut address = |what| lines.next().unwrap().unwrap().strip_prefix(what).unwrap().to_owned();
    let publisher = Bus::new(address("publishers ")).unwrap().connected_publisher().unwrap();
    let subscriber = Bus::new(address("subscribers ")).unwrap().subscriber("a").unwrap();
    meet(&publisher, "a", &subscriber);
    program.kill().unwrap();
    program.wait().unwrap();

    let bad: [&[&str]; 3] = [&[], &["--publishers", "nowhere", "--subscribers", ANYWHERE], &["--what"]];
    for arguments in bad {
        let output = Command::new(env!("CARGO_BIN_EXE_bus_forwarder")).args(arguments).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("bus_forwarder: "));
    }
    let help = Command::new(env!("CARGO_BIN_EXE_bus_forwarder")).arg("--help").output().unwrap();
    assert!(help.status.success() && help.stdout.starts_with(b"bus_forwarder --publishers"));
}
