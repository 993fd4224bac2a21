//! shellbot's own publisher. (Its subscriber does not run on Python 3.)

use std::net::TcpListener;

use foreground::pubsub::Bus;
use serde_json::json;

use crate::common::{Zmq, next};

/// It binds an address that it is told, and does not say which port it got: one that was free a moment ago.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("tcp://{}", listener.local_addr().unwrap())
}

#[test]
fn its_messages_reach_us() {
    let address = free_address();
    let subscriber = Bus::new(&address).unwrap().subscriber(["one", "two"]).unwrap();
    let mut shellbot = Zmq::start("shellbot", &address, &[]);
    shellbot.address();
    // It waits for its subscribers for 0.3 seconds. Whoever needs longer, on a busy machine, misses the first ones.
    let meet = json!({"do": "put", "channels": "two", "message": "hello"});
    shellbot.0.tell(&meet);
    while subscriber.get_timeout::<String>(std::time::Duration::from_millis(100)).unwrap().is_none() {
        shellbot.0.tell(&meet);
    }
    let message = json!({"command": "vote", "text": "Größe \u{1f600}", "values": [1, 2.5, null, true]});
    shellbot.0.tell(&json!({"do": "put", "channels": ["one", "zero", "two"], "message": message}));
    let got = || loop {
        let (channel, message) = next(&subscriber);
        if message != "hello" {
            return (channel, message);
        }
    };
    assert_eq!(got(), ("one".into(), message.clone()));
    assert_eq!(got(), ("two".into(), message));
}
