//! A peer of ratchet.bus over sockets: `tests/peers/ratchet_peer.py`, whose head says in what shapes a message can be
//! sent.

use serde_json::{Value, json};

use super::{Peer, number, text};

/// A body and its attachments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub body: Vec<u8>,
    pub attachments: Vec<Vec<u8>>,
}

impl Parts {
    pub fn new(body: &[u8], attachments: &[&[u8]]) -> Self {
        Self { body: body.to_vec(), attachments: attachments.iter().map(|part| part.to_vec()).collect() }
    }

    fn of(event: &Value) -> Self {
        let attachments = event["attachments"].as_array().expect("there is a list of them");
        Self { body: from_hex(&event["body"]), attachments: attachments.iter().map(from_hex).collect() }
    }

    /// Adds them to a command.
    fn put(&self, command: &mut Value) {
        command["body"] = to_hex(&self.body).into();
        command["attachments"] = self.attachments.iter().map(|part| to_hex(part)).collect();
    }
}

/// The two roles.
pub struct Ratchet;

impl Ratchet {
    /// Starts a server, which listens on `address`: `host:port`, where port 0 is any that is free, or a path.
    /// More of the script's arguments are `--original` and `--deaf`.
    pub fn server(address: &str, more: &[&str]) -> RatchetServer {
        let arguments = [&["server", "--address", address], more].concat();
        let mut peer = Peer::start("ratchet_peer.py", &arguments);
        let address = text(&peer.wait_for("ready")["address"]);
        RatchetServer { peer, address }
    }

    /// Starts a client.
    pub fn client() -> RatchetClient {
        let mut peer = Peer::start("ratchet_peer.py", &["client"]);
        peer.wait_for("ready");
        RatchetClient { peer, made: 0 }
    }
}

pub struct RatchetServer {
    pub peer: Peer,
    address: String,
}

/// A request, as the server received it.
#[derive(Clone, Debug)]
pub struct RatchetRequest {
    pub number: u64,
    pub parts: Parts,
    /// From where it came; empty for a Unix socket.
    pub from: String,
    /// Whether it is one that only the original would see.
    pub is_phantom: bool,
}

impl RatchetServer {
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits for the next request.
    pub fn request(&mut self) -> RatchetRequest {
        let event = self.peer.wait_for("request");
        RatchetRequest {
            number: number(&event["number"]),
            parts: Parts::of(&event),
            from: text(&event["peer"]),
            is_phantom: event["phantom"] == true,
        }
    }

    /// Waits for a connection that ends before its request is whole; returns what was received of it.
    pub fn incomplete(&mut self) -> Incomplete {
        Incomplete::of(&self.peer.wait_for("dropped"))
    }

    /// Answers a request, and closes.
    pub fn respond(&mut self, number: u64, response: &Parts) {
        self.respond_in_shape(number, response, &json!({}));
    }

    pub fn respond_in_shape(&mut self, number: u64, response: &Parts, shape: &Value) {
        let mut command = json!({"do": "respond", "number": number, "shape": shape});
        response.put(&mut command);
        self.peer.tell(&command);
    }

    /// Answers by a message of no parts.
    pub fn respond_nothing(&mut self, number: u64) {
        self.peer.tell(&json!({"do": "respond", "number": number}));
    }

    /// Closes without an answer, by a reset if `reset`.
    pub fn drop_request(&mut self, number: u64, reset: bool) {
        self.peer.tell(&json!({"do": "drop", "number": number, "reset": reset}));
    }
}

/// A message that ended too early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    pub received: Vec<u8>,
    /// `end`, or the class of Python's exception.
    pub error: String,
}

impl Incomplete {
    fn of(event: &Value) -> Self {
        Self { received: from_hex(&event["received"]), error: text(&event["error"]) }
    }
}

pub struct RatchetClient {
    pub peer: Peer,
    /// How many connections there were.
    made: u64,
}

impl RatchetClient {
    /// Sends a request on a connection of its own; returns the number of that.
    pub fn request(&mut self, address: &str, request: &Parts) -> u64 {
        self.request_in_shape(address, request, &json!({}))
    }

    pub fn request_in_shape(&mut self, address: &str, request: &Parts, shape: &Value) -> u64 {
        let mut command = json!({"do": "request", "address": address, "shape": shape});
        request.put(&mut command);
        self.connect(&command)
    }

    /// Sends a message of no parts.
    pub fn request_nothing(&mut self, address: &str) -> u64 {
        self.connect(&json!({"do": "request", "address": address}))
    }

    /// Connects, and neither sends nor reads; returns once it is connected.
    pub fn open(&mut self, address: &str) -> u64 {
        let number = self.connect(&json!({"do": "open", "address": address}));
        self.own_address(number);
        number
    }

    fn connect(&mut self, command: &Value) -> u64 {
        self.peer.tell(command);
        self.made += 1;
        self.made - 1
    }

    /// Waits until it is connected; returns the address of its own end. Can be called once a connection.
    pub fn own_address(&mut self, number: u64) -> String {
        text(&self.peer.wait_for_one("open", |event| event["number"] == number)["address"])
    }

    /// Waits until all that was to be sent is sent.
    pub fn wait_until_sent(&mut self, number: u64) {
        self.peer.wait_for_one("sent", |event| event["number"] == number);
    }

    /// Waits for the response.
    pub fn response(&mut self, number: u64) -> Result<Parts, Incomplete> {
        let event = self.peer.wait_for_any(&["response", "failed"], |event| event["number"] == number);
        if event["event"] == "response" { Ok(Parts::of(&event)) } else { Err(Incomplete::of(&event)) }
    }

    /// Closes a connection on which no response was read, by a reset if `reset`.
    pub fn close(&mut self, number: u64, reset: bool) {
        self.peer.tell(&json!({"do": "close", "number": number, "reset": reset}));
        self.peer.wait_for_one("closed", |event| event["number"] == number);
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().expect("bytes are written as text").as_bytes();
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).expect("of the letters of ASCII");
        u8::from_str_radix(pair, 16).expect("in hexadecimal digits")
    });
    pairs.collect()
}
