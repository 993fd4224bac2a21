//! A peer made of tinyrpc or of bare 0MQ sockets: `tests/peers/zmq_peer.py`, whose head says what it can be asked.

use serde_json::{Value, json};

use super::{Peer, text};

/// A socket of libzmq's, and what the script does with it.
pub struct Zmq {
    pub peer: Peer,
    address: String,
}

/// How a call of tinyrpc's client failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The class of Python's exception.
    pub error: String,
    pub text: String,
}

impl Zmq {
    /// Starts it in one of the script's roles, with more of its arguments.
    pub fn start(role: &str, address: &str, more: &[&str]) -> Self {
        let mut peer = Peer::start("zmq_peer.py", &[&[role, "--address", address], more].concat());
        let address = text(&peer.wait_for("ready")["address"]);
        Self { peer, address }
    }

    /// Where it listens, or connects to.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Has a bare socket send a message.
    pub fn send(&mut self, frames: &[&[u8]]) {
        let frames: Vec<_> = frames.iter().map(|frame| hex(frame)).collect();
        self.peer.tell(&json!({"do": "send", "frames": frames}));
    }

    /// Waits for the next message of a bare socket.
    pub fn received(&mut self) -> Vec<Vec<u8>> {
        let event = self.peer.wait_for("received");
        let frames = event["frames"].as_array().expect("frames are a list");
        frames.iter().map(|frame| from_hex(frame.as_str().expect("a frame is text"))).collect()
    }

    /// Waits until a bare socket's handshake has ended; returns libzmq's name for how.
    pub fn handshake(&mut self) -> String {
        text(&self.peer.wait_for("handshake")["how"])
    }

    /// Has tinyrpc's client call a method, and waits for what becomes of it.
    pub fn call(&mut self, method: &str, arguments: Value) -> Result<Value, Failure> {
        self.start_call(method, arguments, false);
        self.outcome()
    }

    pub fn start_call(&mut self, method: &str, arguments: Value, one_way: bool) {
        let command = json!({"do": "call", "method": method, "arguments": arguments, "one_way": one_way});
        self.peer.tell(&command);
    }

    pub fn outcome(&mut self) -> Result<Value, Failure> {
        let event = self.peer.wait_for("outcome");
        if event["error"].is_null() {
            return Ok(event["value"].clone());
        }
        Err(Failure { error: text(&event["error"]), text: text(&event["text"]) })
    }

    /// Waits for the next call of a method of tinyrpc's server; returns its name and arguments.
    pub fn called(&mut self) -> (String, Value) {
        let event = self.peer.wait_for("called");
        (text(&event["method"]), event["arguments"].clone())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().map(|digit| digit.to_digit(16).expect("a digit") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect()
}
