//! Both ends against the real tinyrpc 1.1.7: its client by requests, its server on werkzeug.

use serde_json::{Value, json};

use foreground::transport::http::{Client, Options};
use foreground::transport::{ClientTransport, Context, ErrorKind, ServerTransport};

use crate::peer::tinyrpc_http::{self as tinyrpc};
use crate::support::Answering;

/// A service of JSON-RPC 2.0, as small as can be.
fn answer(context: Context, message: &[u8]) {
    let Ok(call) = serde_json::from_slice::<Value>(message) else {
        let error =
            json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "Parse error"}});
        return context.reply(error.to_string()).unwrap();
    };
    let arguments = &call["params"];
    let outcome = match call["method"].as_str() {
        Some("echo") => Ok(arguments[0].clone()),
        Some("add") => Ok(json!(arguments[0].as_i64().unwrap() + arguments[1].as_i64().unwrap())),
        Some("drop") => return, // without a reply
        _ => Err(json!({"code": -32601, "message": "Method not found"})),
    };
    let reply = match outcome {
        _ if call["id"].is_null() => return context.reply("").unwrap(),
        Ok(result) => json!({"jsonrpc": "2.0", "id": call["id"], "result": result}),
        Err(error) => json!({"jsonrpc": "2.0", "id": call["id"], "error": error}),
    };
    context.reply(reply.to_string()).unwrap();
}

fn service(options: &Options) -> Answering {
    Answering::with(options, |context, message| answer(context, &message))
}

#[test]
fn its_client_calls_our_server() {
    let service = service(&Options::new());
    let mut client = tinyrpc::Client::start(&service.url());
    assert_eq!(client.call("add", json!([2, 3])), Ok(json!(5)));
    let long = "lång ".repeat(20_000);
    for value in [json!("hällo"), json!(null), json!([1.5, {"a": []}]), json!(long)] {
        assert_eq!(client.call("echo", json!([value])), Ok(value));
    }
    let (error, text) = client.call("nothing", json!([])).unwrap_err();
    assert!(text.contains("Method not found"), "{error}: {text}");
    assert_eq!(client.notify("echo", json!([1])), Ok(Value::Null));
    let reply = client.send("no JSON").unwrap();
    assert!(reply.as_str().unwrap().contains("Parse error"));
    // The status is nothing to it: it takes the text of a 503 or 413 as the reply, and fails to read that.
    assert_eq!(client.send("{\"method\": \"drop\"}"), Ok(json!("The message was not answered")));
    client.call("drop", json!([])).unwrap_err();
    assert_eq!(client.call("add", json!([1, 1])), Ok(json!(2)));
}

#[test]
fn a_body_over_the_limit_is_told_to_its_client() {
    let service = service(&Options::new().body_limit(1000));
    let mut client = tinyrpc::Client::start(&service.url());
    let long = json!("x".repeat(10_000_000));
    assert_eq!(client.send(&long.to_string()), Ok(json!("The message is too large")));
    assert_eq!(client.call("echo", json!(["short"])), Ok(json!("short")));
}

#[test]
fn its_clients_are_served_at_once() {
    let server = Options::new().bind("127.0.0.1:0").unwrap();
    let mut clients: Vec<_> = (0..4).map(|_| tinyrpc::Client::start(&crate::support::url(&server))).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.begin("echo", json!([number]));
    }
    // All are under way before the first is answered, the last one first.
    let calls: Vec<_> = (0..4).map(|_| server.receive_message().unwrap()).collect();
    for (context, message) in calls.into_iter().rev() {
        answer(context, &message);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.outcome(), Ok(json!(number)));
    }
}

#[test]
fn our_client_calls_its_server() {
    let (_peer, address) = tinyrpc::server();
    let client = Client::new(format!("http://{address}/")).unwrap();
    let call = |method: &str, arguments: Value| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": arguments}).to_string();
        let reply = client.send_message(message.into_bytes(), true).unwrap().unwrap();
        serde_json::from_slice::<Value>(&reply).unwrap()
    };
    assert_eq!(call("add", json!([2, 3]))["result"], 5);
    let long = json!("lång ".repeat(20_000));
    assert_eq!(call("echo", json!([long]))["result"], long, "one that asks first");
    assert_eq!(call("fail", json!(["no"]))["error"]["message"], "no");
    let notification = json!({"jsonrpc": "2.0", "method": "echo", "params": [1]}).to_string();
    // Its RPCServer answers nothing, and its transport waits for ever: that ends with our timeout.
    let hasty = client.clone().timeout(std::time::Duration::from_millis(200));
    let error = hasty.send_message(notification.into_bytes(), false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let counted = call("count", json!([]));
    assert_eq!(counted["result"], 3, "each call came once");
}

#[test]
fn its_server_is_called_by_many_threads() {
    let (_peer, address) = tinyrpc::server();
    let client = Client::new(format!("http://{address}/")).unwrap();
    crate::support::together(8, move |thread| {
        for number in 0..25 {
            let value = thread * 1000 + number;
            let message = json!({"jsonrpc": "2.0", "id": value, "method": "echo", "params": [value]});
            let reply = client.send_message(message.to_string().into_bytes(), true).unwrap().unwrap();
            let reply: Value = serde_json::from_slice(&reply).unwrap();
            assert_eq!((&reply["id"], &reply["result"]), (&json!(value), &json!(value)));
        }
    });
}

#[test]
fn what_its_server_refuses_is_an_error_with_the_status() {
    let (_peer, address) = tinyrpc::server();
    let client = Client::new(format!("http://{address}/")).unwrap();
    // Over its max_content_length, which werkzeug turns into a 413.
    let error = client.send_message(vec![b'x'; 20_000_000], true).unwrap_err();
    match error.kind() {
        ErrorKind::Status => assert!(matches!(error.status(), Some(413 | 500)), "{error}"),
        kind => assert_eq!(kind, ErrorKind::Disconnected, "{error}"),
    }
    let reply = client.send_message(br#"{"jsonrpc": "2.0", "id": 1, "method": "count"}"#.to_vec(), true);
    assert!(reply.is_ok(), "the next one is fine: {reply:?}");
}
