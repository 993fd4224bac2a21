//! The two patterns of the original, and both together.

use foreground::MessageRouter;
use serde::{Deserialize, Serialize};

use crate::common::{PATIENCE, meet, next, publisher};

#[test]
fn a_group_instructs_its_direct_channels() {
    let (group, bus) = publisher();
    let direct: Vec<_> = ["ann", "bob", "eve"].map(|name| bus.subscriber(name).unwrap().exact()).into();
    for (subscriber, name) in direct.iter().zip(["ann", "bob", "eve"]) {
        meet(&group, name, subscriber);
    }
    group.put(["ann", "bob", "eve"], "begin").unwrap();
    group.put("bob", "and you take notes").unwrap();
    group.put(["ann", "eve"], "end").unwrap();
    assert_eq!([next(&direct[0]).1, next(&direct[0]).1], ["begin", "end"]);
    assert_eq!([next(&direct[1]).1, next(&direct[1]).1], ["begin", "and you take notes"]);
    assert_eq!([next(&direct[2]).1, next(&direct[2]).1], ["begin", "end"]);
}

#[test]
fn a_group_observes_its_direct_channels() {
    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Said {
        text: String,
    }

    let forwarder = foreground::pubsub::Bus::new(crate::common::ANYWHERE).unwrap();
    let forwarder = forwarder.forwarder(crate::common::ANYWHERE).unwrap();
    let publishers = foreground::pubsub::Bus::new(forwarder.publishers_address()).unwrap();
    let group = foreground::pubsub::Bus::new(forwarder.subscribers_address()).unwrap();
    let group = group.subscriber(["ann", "bob"]).unwrap();
    let direct: Vec<_> = ["ann", "bob", "eve"].map(|_| publishers.connected_publisher().unwrap()).into();
    meet(&direct[0], "ann", &group);
    meet(&direct[1], "bob", &group);

    let router: MessageRouter<Vec<(String, Said)>> = MessageRouter::new(|| {});
    router.start().unwrap();
    let _serving = group
        .deliver_to(&router, |seen: &mut Vec<_>, channel, said: Said| seen.push((channel.to_owned(), said)))
        .unwrap();
    for (publisher, name) in direct.iter().zip(["ann", "bob", "eve"]) {
        publisher.put(name, &Said { text: format!("hello, {name} speaking") }).unwrap();
    }
    let mut seen = Vec::new();
    router.route_until(&mut seen, |seen| seen.len() == 2, PATIENCE).unwrap();
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(seen[0].1.text, "hello, ann speaking");
    assert_eq!(seen[1].1.text, "hello, bob speaking");
}
