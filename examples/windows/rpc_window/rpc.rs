//! JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>): from messages to calls, and from results to replies.

use std::cell::RefCell;
use std::rc::Rc;

use foreground::transport::Context;
use serde_json::{Value, json};

use crate::complain;
use crate::service::LONGEST_MESSAGE;

pub(crate) const INVALID_PARAMS: i64 = -32602;
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
/// Of the range that is the server's own.
pub(crate) const NOBODY_THERE: i64 = -32000;
const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const INTERNAL_ERROR: i64 = -32603;

/// A call that is to be answered, now or later. Dropped, it is answered with an error.
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) params: Value,
    /// None with a notification: nobody wants to know how it ended.
    id: Option<Value>,
    message: Rc<Message>,
}

/// What came in one message: a call, or several. The reply goes with the last of them.
struct Message {
    context: RefCell<Option<Context>>,
    responses: RefCell<Vec<Value>>,
    is_batch: bool,
}

/// Reads a message. What is wrong with it is answered here; the calls are for others to answer.
pub(crate) fn read(context: Context, message: &[u8]) -> Vec<Call> {
    let (entries, is_batch, is_json) = match serde_json::from_slice(message) {
        Ok(Value::Array(entries)) if !entries.is_empty() => (entries, true, true),
        Ok(entry) => (vec![entry], false, true),
        Err(_) => (vec![Value::Null], false, false),
    };
    let message =
        Rc::new(Message { context: RefCell::new(Some(context)), responses: RefCell::default(), is_batch });
    let mut calls = Vec::new();
    for entry in entries {
        match Call::new(entry, &message) {
            Ok(call) => calls.push(call),
            Err(id) if is_json => {
                message.respond(error(id, INVALID_REQUEST, "this is no JSON-RPC 2.0 request"))
            }
            Err(id) => message.respond(error(id, PARSE_ERROR, "this is no JSON")),
        }
    }
    calls
}

impl Call {
    /// Fails with the id of what is no request, as far as it has one.
    fn new(mut entry: Value, message: &Rc<Message>) -> Result<Self, Value> {
        let id = entry.get("id").cloned();
        let has_id = matches!(id, None | Some(Value::Null | Value::String(_) | Value::Number(_)));
        let params = entry.get_mut("params").map_or_else(|| json!([]), Value::take);
        match entry["method"].as_str() {
            Some(method)
                if entry["jsonrpc"] == "2.0" && has_id && (params.is_array() || params.is_object()) =>
            {
                Ok(Self { method: method.to_owned(), params, id, message: message.clone() })
            }
            _ => Err(id.filter(|_| has_id).unwrap_or_default()),
        }
    }

    pub(crate) fn succeed(mut self, result: impl Into<Value>) {
        if let Some(id) = self.id.take() {
            self.message.respond(json!({"jsonrpc": "2.0", "id": id, "result": result.into()}));
        }
    }

    pub(crate) fn fail(mut self, code: i64, text: &str) {
        if let Some(id) = self.id.take() {
            self.message.respond(error(id, code, text));
        }
    }

    /// Whether it is known that nobody waits any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.message.context.borrow().as_ref().is_none_or(Context::is_abandoned)
    }

    /// Who called, for people.
    pub(crate) fn peer(&self) -> String {
        self.message.context.borrow().as_ref().map_or_else(String::new, Context::peer)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.message.respond(error(id, INTERNAL_ERROR, "nobody answered"));
        }
    }
}

impl Message {
    fn respond(&self, response: Value) {
        self.responses.borrow_mut().push(response);
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let mut responses = self.responses.take();
        let reply = match self.is_batch {
            _ if responses.is_empty() => String::new(), // to notifications: 0MQ's clients wait even then
            true => Value::Array(responses).to_string(),
            false => responses.swap_remove(0).to_string(),
        };
        // The transport would not send it, and a client over 0MQ would wait for nothing.
        let reply = if reply.len() > LONGEST_MESSAGE {
            error(Value::Null, INTERNAL_ERROR, "the reply is too long").to_string()
        } else {
            reply
        };
        if let Some(context) = self.context.take()
            && let Err(error) = context.reply(reply)
        {
            complain(format_args!("a reply was not sent: {error}"));
        }
    }
}

fn error(id: Value, code: i64, text: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text}})
}
