//! tinyrpc's client against our server, and ours against its server.

use std::thread::{self, JoinHandle};

use foreground::transport::ClientTransport;
use foreground::transport::ServerTransport;
use foreground::transport::zmq::{Client, Server};
use serde_json::{Value, json};

use crate::peer::zmq::Zmq;
use crate::support::{client, endpoints, within_limit};

/// Answers JSON-RPC 2.0, with one method that fails.
fn serve(server: Server) -> JoinHandle<Vec<Value>> {
    thread::spawn(move || {
        let mut requests = Vec::new();
        while let Ok((context, message)) = server.receive_message() {
            let request: Value = serde_json::from_slice(&message).expect("tinyrpc writes JSON");
            let reply = match request["method"].as_str() {
                Some("fail") => {
                    json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -1, "message": "on purpose"}})
                }
                _ => json!({"jsonrpc": "2.0", "id": request["id"], "result": request["params"]}),
            };
            context.reply(reply.to_string()).expect("the client waits");
            requests.push(request);
        }
        requests
    })
}

/// Calls a method of tinyrpc's server.
fn call(client: &Client, id: u32, method: &str, params: Value) -> Value {
    let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let reply = client.send_message(request.to_string().into(), true).expect("it is answered");
    serde_json::from_slice(&reply.expect("a reply was expected")).expect("tinyrpc writes JSON")
}

#[test]
fn its_client_calls_our_server() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints[..2] {
            let server = Server::bind(endpoint).unwrap();
            let serving = serve(server.clone());
            let mut peer = Zmq::start("rpc-client", &server.endpoint().to_string(), &[]);
            for n in 0..100 {
                assert_eq!(peer.call("anything", json!([n, "ä", null])), Ok(json!([n, "ä", null])));
            }
            let failure = peer.call("fail", json!([])).unwrap_err();
            assert!(failure.text.contains("on purpose"), "{failure:?}");
            assert_eq!(peer.call("after a failure", json!([1])), Ok(json!([1])));
            server.close();
            assert_eq!(serving.join().unwrap().len(), 102);
        }
    });
}

#[test]
fn its_notification_waits_for_a_reply_of_ours() {
    within_limit(|| {
        let server = crate::support::server();
        let mut peer = Zmq::start("rpc-client", &server.endpoint().to_string(), &[]);
        peer.start_call("note", json!(["!"]), true);
        let (context, message) = server.receive_message().unwrap();
        let request: Value = serde_json::from_slice(&message).unwrap();
        assert!(request.get("id").is_none(), "{request}");
        // Its socket could send nothing more before.
        context.reply("").unwrap();
        assert_eq!(peer.outcome(), Ok(Value::Null));
    });
}

#[test]
fn its_client_times_out_and_ours_is_told_nothing() {
    within_limit(|| {
        let server = crate::support::server();
        let mut peer = Zmq::start("rpc-client", &server.endpoint().to_string(), &["--timeout", "0.05"]);
        assert_eq!(peer.call("slow", json!([])).unwrap_err().error, "TimeoutError");
        let (context, _) = server.receive_message().unwrap();
        // It waits for nothing any more, but its connection stands.
        context.reply("too late").unwrap();
    });
}

#[test]
fn our_client_calls_its_server() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints[..2] {
            let mut peer = Zmq::start("rpc-server", endpoint.replace(":0", ":*").as_str(), &[]);
            let client = client(peer.address());
            for n in 0..100 {
                assert_eq!(
                    call(&client, n, "add", json!([n, 1])),
                    json!({"jsonrpc": "2.0", "id": n, "result": n + 1})
                );
            }
            let failure = call(&client, 100, "fail", json!(["on purpose"]));
            assert!(failure["error"]["message"].as_str().unwrap().contains("on purpose"), "{failure}");
            assert_eq!(call(&client, 101, "no such method", json!([]))["error"]["code"], -32601);
            let parse_error = client.send_message(b"no JSON".to_vec(), true).unwrap().unwrap();
            let parse_error: Value = serde_json::from_slice(&parse_error).unwrap();
            assert_eq!(parse_error["error"]["code"], -32700);
            for n in 0..100 {
                assert_eq!(peer.called(), ("add".to_owned(), json!([n, 1])));
            }
        }
    });
}

#[test]
fn our_notifications_come_in_order_though_its_server_never_answers_them() {
    within_limit(|| {
        let mut peer = Zmq::start("rpc-server", "tcp://127.0.0.1:*", &[]);
        let client = client(peer.address());
        for n in 0..100 {
            let request = json!({"jsonrpc": "2.0", "method": "note", "params": [n]});
            assert_eq!(client.send_message(request.to_string().into(), false).unwrap(), None);
        }
        for n in 0..100 {
            assert_eq!(peer.called(), ("note".to_owned(), json!([n])));
        }
        assert_eq!(call(&client, 1, "add", json!([1, 1]))["result"], 2);
    });
}

#[test]
fn threads_share_a_client_of_its_server() {
    within_limit(|| {
        let peer = Zmq::start("rpc-server", "tcp://127.0.0.1:*", &[]);
        let client = client(peer.address());
        thread::scope(|scope| {
            for thread in 0..8 {
                let client = &client;
                scope.spawn(move || {
                    for n in 0..50 {
                        let id = thread * 1000 + n;
                        assert_eq!(
                            call(client, id, "echo", json!([id])),
                            json!({"jsonrpc": "2.0", "id": id, "result": id})
                        );
                    }
                });
            }
        });
    });
}
