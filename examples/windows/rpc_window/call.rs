//! A client, by either transport.

use std::error::Error;

use foreground::transport::{ClientTransport, http, zmq};
use serde_json::{Value, json};

use crate::print;

/// Calls a method, and prints its result.
pub(crate) fn run(address: &str, method: &str, params: Value) -> Result<(), Box<dyn Error>> {
    // A user may take their time.
    let client: Box<dyn ClientTransport> = match address.starts_with("http") {
        true => Box::new(http::Client::new(address)?.timeout(None)),
        false => Box::new(zmq::Options::new().timeout(None).connect(address)?),
    };
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let reply = client.send_message(request.to_string().into(), true)?.unwrap_or_default();
    let mut reply: Value = serde_json::from_slice(&reply)?;
    match reply["error"]["message"].take() {
        Value::Null => print(&reply["result"]),
        Value::String(text) => return Err(text.into()),
        other => return Err(other.to_string().into()),
    }
    Ok(())
}
