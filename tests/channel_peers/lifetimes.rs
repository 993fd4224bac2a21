//! When connections end, and what is still delivered then.

use std::thread;

use foreground::channel::{Channel, ReplyError, Value};
use foreground::net::DisconnectKind;
use serde_json::json;

use crate::raw::{Raw, request};
use crate::support::{Setting, echo, eventually};

each_setting!(
    the_last_handle_closes,
    a_kept_request_keeps_it_open,
    a_pending_reply_keeps_it_open,
    what_was_sent_is_delivered,
    requests_before_the_end_are_received,
    a_dropped_request_fails_at_the_peer,
    a_dropped_listener_leaves_connections_alone,
);

fn the_last_handle_closes(setting: Setting) {
    let (mut client, channel, _place) = setting.aiomas_client();
    let another = channel.clone();
    drop(channel);
    client.send(&[json!("still there?")]);
    another.recv().unwrap().reply("yes").unwrap();
    assert_eq!(client.outcome().result.unwrap(), json!("yes"));
    client.send(&[json!("and now?")]);
    let request = another.recv().unwrap();
    drop(another);
    drop(request);
    assert!(client.outcome().result.unwrap_err().text.starts_with("NoReply: "));
    assert_eq!(client.wait_for_loss().error, "ConnectionResetError");
}

fn a_kept_request_keeps_it_open(setting: Setting) {
    let (mut client, channel, _place) = setting.aiomas_client();
    client.send(&[json!("first"), json!("second")]);
    let (first, second) = (channel.recv().unwrap(), channel.recv().unwrap());
    drop(channel);
    first.reply(&1).unwrap();
    assert_eq!(client.outcome().result.unwrap(), json!(1));
    // The way back to the channel.
    client.send(&[json!("third")]);
    second.channel().recv().unwrap().reply(&3).unwrap();
    assert_eq!(client.outcome().result.unwrap(), json!(3));
    second.reply(&2).unwrap();
    assert_eq!(client.outcome().result.unwrap(), json!(2));
    client.wait_for_loss();
}

fn a_pending_reply_keeps_it_open(setting: Setting) {
    let (mut server, channel, _place) = setting.aiomas_server();
    let pending = channel.request(&("hold", 1)).unwrap();
    // What was sent before has arrived then.
    assert_eq!(channel.call::<u32>(&("count",)).unwrap(), 2);
    drop(channel);
    server.release(&[json!(1)]);
    assert_eq!(pending.wait::<u32>().unwrap(), 1);
    server.wait_for_loss();
}

fn what_was_sent_is_delivered(setting: Setting) {
    const LENGTH: usize = 5 << 20;
    // To a peer that reads only after we are gone.
    let (mut peer, channel) = setting.raw_client();
    drop(channel.request(&"x".repeat(LENGTH)).unwrap());
    drop(channel);
    let messages = peer.messages();
    assert_eq!(messages.len(), 1);
    assert!(messages[0][2].as_str().is_some_and(|text| text.len() == LENGTH));

    let (mut server, channel, _place) = setting.aiomas_server();
    drop(channel.request(&("echo", "x".repeat(LENGTH))).unwrap());
    drop(channel);
    server.wait_for_loss();
    let counts = server.counts();
    assert_eq!(counts.received, 1);
    assert!(counts.contents[0][1].as_str().is_some_and(|text| text.len() == LENGTH));

    // The same for replies.
    let (mut client, channel, _place) = setting.aiomas_client();
    client.send(&[json!("much")]);
    let request = channel.recv().unwrap();
    drop(channel);
    request.reply(&"x".repeat(LENGTH)).unwrap();
    assert!(client.outcome().result.unwrap().as_str().is_some_and(|text| text.len() == LENGTH));
    client.wait_for_loss();
}

fn requests_before_the_end_are_received(setting: Setting) {
    // Still to be answered, as the peer has closed one direction only.
    let (mut peer, channel) = setting.raw_client();
    for n in 0..100 {
        peer.send(&request(n, n));
    }
    peer.half_close();
    let requests: Vec<_> = (0..100).map(|_| channel.recv().unwrap()).collect();
    assert!(matches!(channel.recv().unwrap_err().disconnect().unwrap().kind(), DisconnectKind::ClosedByPeer));
    for request in requests {
        let n: i64 = request.content().unwrap();
        request.reply(&n).unwrap();
    }
    let messages = peer.messages();
    assert_eq!(messages.len(), 100);
    assert!(
        messages
            .iter()
            .enumerate()
            .all(|(n, message)| message[..] == [1.into(), n.into_value(), n.into_value()])
    );

    // From one that is gone.
    let (listener, place) = setting.listen();
    let mut gone = Raw::connect(setting, &place.address);
    for n in 0..100 {
        gone.send(&request(n, n));
    }
    drop(gone);
    let channel = listener.accept().unwrap();
    let received =
        std::iter::from_fn(|| channel.recv().ok()).map(|request| request.content::<i64>().unwrap());
    assert_eq!(received.collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());

    let mut requests = listener.requests();
    let mut gone = Raw::connect(setting, &place.address);
    gone.send(&request(1, "last words"));
    drop(gone);
    assert_eq!(requests.recv().unwrap().content::<String>().unwrap(), "last words");
    // The stream of requests goes on.
    let other = setting.options().connect(&place.address).unwrap();
    let pending = other.request("hello").unwrap();
    answer_one(&mut requests);
    assert_eq!(pending.wait::<String>().unwrap(), "hello");
}

fn answer_one(requests: &mut foreground::channel::Requests) {
    let request = requests.recv().unwrap();
    let content: Value = request.content().unwrap();
    request.reply(&content).unwrap();
}

trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for usize {
    fn into_value(self) -> Value {
        i64::try_from(self).unwrap().into()
    }
}

fn a_dropped_request_fails_at_the_peer(setting: Setting) {
    let (client, server) = setting.pair();
    let pending: Vec<_> = (0..3).map(|n| client.request(&n).unwrap()).collect();
    drop(server.recv().unwrap());
    // The other two were taken by nobody.
    let rest = server.recv().unwrap();
    drop(server);
    drop(rest);
    for (n, pending) in pending.into_iter().enumerate() {
        let error = pending.wait::<Value>().unwrap_err();
        match error {
            ReplyError::Remote(error) => assert_eq!(error.type_name(), Some("NoReply")),
            error => assert!(n == 2 && error.disconnect().is_some(), "{n}: {error}"),
        }
    }
}

fn a_dropped_listener_leaves_connections_alone(setting: Setting) {
    let (listener, place) = setting.listen();
    let connect = || setting.options().connect(&place.address);
    let (taken, not_taken): (Channel, Channel) = (connect().unwrap(), connect().unwrap());
    let server = listener.accept().unwrap();
    drop(listener);
    let error = not_taken.recv().unwrap_err();
    assert!(error.disconnect().is_some(), "{error}");
    eventually("the end of listening", || connect().is_err());
    let answering = echo(server);
    assert_eq!(taken.call::<String>("still there?").unwrap(), "still there?");
    let waiting = thread::spawn(move || taken.call::<String>("and now?"));
    assert_eq!(waiting.join().unwrap().unwrap(), "and now?");
    answering.join().unwrap();
}
