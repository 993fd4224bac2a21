//! A peer made of aiomas' own channels: `tests/peers/aiomas_peer.py`, whose head says what it can be asked.

use serde_json::{Value, json};

use super::{Peer, number, text};

/// Which of aiomas' codecs the peer uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Json,
    MsgPack,
}

impl Codec {
    pub const ALL: [Self; 2] = [Self::Json, Self::MsgPack];

    const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MsgPack => "msgpack",
        }
    }
}

/// A server, or a client. After connecting both can do the same.
pub struct Aiomas {
    pub peer: Peer,
    address: String,
}

/// How something failed at the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The class of Python's exception.
    pub error: String,
    /// Its text; with a `RemoteException`, what came over the wire.
    pub text: String,
    /// With a `RemoteException`, from where it came, as far as the peer can tell.
    pub origin: Option<String>,
}

/// What became of a request that the peer sent.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which request it was on its channel, from 0.
    pub number: u64,
    pub result: Result<Value, Failure>,
}

/// What the peer received on a channel.
#[derive(Clone, Debug)]
pub struct Counts {
    pub received: u64,
    pub answered: u64,
    /// The requests' contents, of the latest 1000.
    pub contents: Vec<Value>,
}

impl Aiomas {
    /// Starts a server, which listens on `address`: `host:port`, where port 0 is any that is free, or a path.
    pub fn server(codec: Codec, address: &str) -> Self {
        Self::start("server", codec, address, &[]).expect("a server listens")
    }

    /// Starts a client that connects to `address`, where somebody must listen.
    pub fn client(codec: Codec, address: &str) -> Self {
        Self::start("client", codec, address, &[]).expect("somebody listens")
    }

    /// Starts either, with more of the script's arguments. Fails if a client cannot connect.
    pub fn start(role: &str, codec: Codec, address: &str, more: &[&str]) -> Result<Self, Failure> {
        let arguments = [&[role, "--codec", codec.name(), "--address", address], more].concat();
        let mut peer = Peer::start("aiomas_peer.py", &arguments);
        let event = peer.wait_for_any(&["ready", "refused"], |_| true);
        if event["event"] == "refused" {
            return Err(failure(&event));
        }
        Ok(Self { peer, address: text(&event["address"]) })
    }

    /// Where the server listens; for a client its own end of the connection.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the server has a connection more, and returns its number and from where it came, if that
    /// is known. The other methods are about the latest.
    pub fn wait_for_connection(&mut self) -> (u64, Option<String>) {
        let event = self.peer.wait_for("connected");
        let from = event["peer"].as_str().filter(|peer| !peer.is_empty());
        (number(&event["channel"]), from.map(str::to_owned))
    }

    /// Sends requests, all at once.
    pub fn send(&mut self, contents: &[Value]) {
        self.peer.tell(&json!({"do": "send", "contents": contents}));
    }

    /// Waits for the next reply to any of them, or its failure.
    pub fn outcome(&mut self) -> Outcome {
        let event = self.peer.wait_for("outcome");
        let result = if event["error"].is_null() { Ok(event["value"].clone()) } else { Err(failure(&event)) };
        Outcome { number: number(&event["number"]), result }
    }

    /// Sends a request and waits for its reply; none may be under way.
    pub fn call(&mut self, content: Value) -> Result<Value, Failure> {
        self.send(&[content]);
        self.outcome().result
    }

    /// Returns what the peer received so far.
    pub fn counts(&mut self) -> Counts {
        self.peer.tell(&json!({"do": "count"}));
        let event = self.peer.wait_for("counts");
        Counts {
            received: number(&event["received"]),
            answered: number(&event["answered"]),
            contents: event["contents"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// Has the peer answer what `hold` keeps, in this order.
    pub fn release(&mut self, keys: &[Value]) {
        self.peer.tell(&json!({"do": "release", "keys": keys}));
    }

    /// Has the peer read again, after `deaf`.
    pub fn resume(&mut self) {
        self.peer.tell(&json!({"do": "resume"}));
    }

    /// Closes the channel, and waits until that is done.
    pub fn close(&mut self) {
        self.peer.tell(&json!({"do": "close"}));
        self.peer.wait_for("closed");
    }

    /// Has the server accept no more connections.
    pub fn stop(&mut self) {
        self.peer.tell(&json!({"do": "stop"}));
    }

    /// Waits until a channel has ended, and returns what the peer knows of the reason.
    pub fn wait_for_loss(&mut self) -> Failure {
        failure(&self.peer.wait_for("lost"))
    }
}

fn failure(event: &Value) -> Failure {
    Failure {
        error: text(&event["error"]),
        text: text(&event["text"]),
        origin: event["origin"].as_str().map(str::to_owned),
    }
}
