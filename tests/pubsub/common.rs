//! What the tests share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use foreground::pubsub::{Bus, GetError, Publisher, Subscriber};
use serde_json::{Value, json};

use crate::peer::Peer;

/// What lets a test wait longer fails it.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const ANYWHERE: &str = "tcp://127.0.0.1:0";
/// How a text begins that is put until a subscription has arrived. Each is used by one who waits.
const PROBE: &str = "is anybody there? ";

fn probe() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{PROBE}{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A publisher that sends at once, and a bus at its address.
pub fn publisher() -> (Publisher, Bus) {
    publisher_of(Bus::new(ANYWHERE).unwrap())
}

pub fn publisher_of(bus: Bus) -> (Publisher, Bus) {
    let publisher = bus.start_delay(Duration::ZERO).publisher().unwrap();
    let bus = Bus::new(publisher.address()).unwrap();
    (publisher, bus)
}

/// The next message, which must come.
pub fn next(subscriber: &Subscriber) -> (String, Value) {
    received(subscriber).unwrap()
}

/// The next message, or what is wrong with it.
pub fn received(subscriber: &Subscriber) -> Result<(String, Value), GetError> {
    loop {
        let (channel, message) = subscriber.get_timeout::<Value>(PATIENCE)?.expect("a message comes in time");
        if !message.as_str().is_some_and(|text| text.starts_with(PROBE)) {
            return Ok((channel, message));
        }
    }
}

/// Publishes on a channel until the subscriber gets it.
pub fn meet(publisher: &Publisher, channel: &str, subscriber: &Subscriber) {
    let probe = probe();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        publisher.put(channel, &probe).unwrap();
        while let Some((_, message)) = subscriber.get_timeout::<Value>(Duration::from_millis(10)).unwrap() {
            if message == probe {
                return;
            }
        }
    }
    panic!("{channel} is not subscribed to");
}

/// A socket of libzmq, in a process of its own.
pub struct Zmq(pub Peer);

impl Zmq {
    pub fn start(role: &str, address: &str, more: &[&str]) -> Self {
        Self(Peer::start("bus_peer.py", &[&[role, "--address", address], more].concat()))
    }

    /// Starts a subscriber, and publishes until it has got something of `channel`.
    pub fn subscriber(role: &str, publisher: &Publisher, channel: &str) -> Self {
        let mut this = Self::start(role, publisher.address(), &["--subscribe", channel]);
        this.meet(publisher, channel);
        this
    }

    /// Publishes on a channel until the subscriber gets it, and all that was published for that.
    pub fn meet(&mut self, publisher: &Publisher, channel: &str) {
        let (first, last) = (probe(), probe());
        let deadline = Instant::now() + PATIENCE;
        while !self.last().contains(&first) {
            assert!(Instant::now() < deadline, "{channel} is not subscribed to");
            publisher.put(channel, &first).unwrap();
        }
        // Others of the first may be on their way, and come before this one.
        publisher.put(channel, &last).unwrap();
        while !self.last().contains(&last) {
            assert!(Instant::now() < deadline, "what came last on {channel} is not the last");
        }
    }

    /// The first frame of the message that came last, or nothing.
    fn last(&mut self) -> String {
        self.tell("count");
        self.0.wait_for("counts")["last"][0].as_str().unwrap_or_default().to_owned()
    }

    /// Where a publisher has bound; for others it says that the handshake is over.
    pub fn address(&mut self) -> String {
        self.0.wait_for("ready")["address"].as_str().unwrap().to_owned()
    }

    pub fn tell(&mut self, what: &str) {
        self.0.tell(&json!({"do": what}));
    }

    pub fn send(&mut self, frames: &[&str]) {
        self.0.tell(&json!({"do": "send", "frames": frames}));
    }

    /// The next message that is no probe, as one text.
    pub fn next(&mut self) -> String {
        let event = self.0.wait_for_one("got", |event| !event["frames"][0].as_str().unwrap().contains(PROBE));
        assert_eq!(event["frames"].as_array().unwrap().len(), 1);
        event["frames"][0].as_str().unwrap().to_owned()
    }

    /// Waits until a publisher has exactly these subscriptions.
    pub fn wait_for_topics(&mut self, topics: &[&str]) {
        self.0.wait_for_one("subscribed", |event| event["topics"] == json!(topics));
    }

    /// How many messages it has got.
    pub fn count(&mut self) -> u64 {
        self.tell("count");
        self.0.wait_for("counts")["received"].as_u64().unwrap()
    }

    /// Waits until it has got so many messages, and says whether it has.
    pub fn wait_for_count(&mut self, count: u64) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.count();
            if found >= count || Instant::now() > deadline {
                return found;
            }
        }
    }
}
