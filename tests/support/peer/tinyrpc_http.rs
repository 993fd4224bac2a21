//! Peers made of tinyrpc's transports by HTTP: `tests/peers/tinyrpc_http_peer.py`, whose head says what it can be asked.

use serde_json::{Value, json};

use super::{Peer, text};

/// Starts a server on werkzeug; returns where it listens, too.
pub fn server() -> (Peer, String) {
    let mut peer = Peer::start("tinyrpc_http_peer.py", &["server"]);
    let address = text(&peer.wait_for("ready")["address"]);
    (peer, address)
}

/// A client by requests.
pub struct Client(Peer);

impl Client {
    pub fn start(url: &str) -> Self {
        let mut peer = Peer::start("tinyrpc_http_peer.py", &["client", url]);
        peer.wait_for("ready");
        Self(peer)
    }

    /// Calls, and waits for the result, or for the exception's class and text.
    pub fn call(&mut self, method: &str, arguments: Value) -> Result<Value, (String, String)> {
        self.ask(&json!({"do": "call", "method": method, "arguments": arguments}))
    }

    /// Calls, and waits only until the server has it.
    pub fn notify(&mut self, method: &str, arguments: Value) -> Result<Value, (String, String)> {
        self.ask(&json!({"do": "notify", "method": method, "arguments": arguments}))
    }

    /// Sends a text as it is.
    pub fn send(&mut self, message: &str) -> Result<Value, (String, String)> {
        self.ask(&json!({"do": "send", "text": message}))
    }

    /// Sends a command whose outcome is waited for later.
    pub fn begin(&mut self, method: &str, arguments: Value) {
        self.0.tell(&json!({"do": "call", "method": method, "arguments": arguments}));
    }

    pub fn outcome(&mut self) -> Result<Value, (String, String)> {
        let event = self.0.wait_for("outcome");
        match event.get("error") {
            None => Ok(event["value"].clone()),
            Some(error) => Err((text(error), text(&event["text"]))),
        }
    }

    fn ask(&mut self, command: &Value) -> Result<Value, (String, String)> {
        self.0.tell(command);
        self.outcome()
    }
}
