//! A client, by either transport.

use std::error::Error;

use foreground::transport::{self, ClientTransport, http, zmq};
use serde_json::{Value, json};

use crate::print;

/// What both clients have in common here, as one type.
trait Caller {
    fn call(&self, message: Vec<u8>) -> Result<Option<Vec<u8>>, transport::Error>;
}

impl<T: ClientTransport> Caller for T {
    fn call(&self, message: Vec<u8>) -> Result<Option<Vec<u8>>, transport::Error> {
        self.send_message(message, true)
    }
}

/// Calls a method, and prints its result.
pub(crate) fn run(address: &str, method: &str, params: Value) -> Result<(), Box<dyn Error>> {
    // A user may take their time.
    let client: Box<dyn Caller> = match address.starts_with("http") {
        true => Box::new(http::Client::new(address)?.timeout(None)),
        false => Box::new(zmq::Options::new().timeout(None).connect(address)?),
    };
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let reply = client.call(request.to_string().into())?.unwrap_or_default();
    let mut reply: Value = serde_json::from_slice(&reply)?;
    match reply["error"]["message"].take() {
        Value::Null => print(&reply["result"]),
        Value::String(text) => return Err(text.into()),
        other => return Err(other.to_string().into()),
    }
    Ok(())
}
