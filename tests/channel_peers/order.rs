//! Replies in any order, many at once, both sides at once.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use foreground::channel::{PendingReply, Value};
use serde_json::json;

use crate::support::{Setting, echo};

each_setting!(
    replies_of_aiomas_come_in_any_order,
    replies_of_ours_go_in_any_order,
    a_thousand_are_in_flight,
    a_thousand_of_aiomas_are_in_flight,
    both_sides_ask_at_once,
    whoever_is_asked_asks_back,
);

fn replies_of_aiomas_come_in_any_order(setting: Setting) {
    let (_server, channel, _place) = setting.aiomas_server();
    let mut pending: HashMap<u32, PendingReply> =
        (0..5).map(|key| (key, channel.request(&("hold", key)).unwrap())).collect();
    for key in [3, 0, 4, 1, 2] {
        assert_eq!(channel.call::<u32>(&("release", key)).unwrap(), 1);
        let reply = pending.remove(&key).unwrap();
        assert!(reply.ready_within(Duration::ZERO), "it came before the reply to `release`");
        assert_eq!(reply.wait::<u32>().unwrap(), key);
        assert!(pending.values().all(|reply| !reply.ready_within(Duration::ZERO)));
    }
}

fn replies_of_ours_go_in_any_order(setting: Setting) {
    let (mut client, channel, _place) = setting.aiomas_client();
    client.send(&(0..5).map(|n| json!(n)).collect::<Vec<_>>());
    let mut requests: Vec<_> = (0..5).map(|_| Some(channel.recv().unwrap())).collect();
    for n in [3, 0, 4, 1, 2] {
        let request = requests[n].take().unwrap();
        assert_eq!(request.content::<usize>().unwrap(), n);
        request.reply(&(n * 10)).unwrap();
        let outcome = client.outcome();
        assert_eq!((outcome.number, outcome.result.unwrap()), (n as u64, json!(n * 10)));
    }
}

fn a_thousand_are_in_flight(setting: Setting) {
    let (mut server, channel, _place) = setting.aiomas_server();
    let pending: Vec<_> = (0..1000).map(|key| channel.request(&("hold", key)).unwrap()).collect();
    let keys: Vec<Value> = (0..1000).rev().map(Value::from).collect();
    let release = [vec!["release".into()], keys].concat();
    assert_eq!(channel.call::<u32>(&release).unwrap(), 1000);
    for (key, pending) in pending.into_iter().enumerate() {
        assert_eq!(pending.wait::<usize>().unwrap(), key);
    }
    assert_eq!(server.counts().answered, 1001);
}

fn a_thousand_of_aiomas_are_in_flight(setting: Setting) {
    let (mut client, channel, _place) = setting.aiomas_client();
    client.send(&(0..1000).map(|n| json!(n)).collect::<Vec<_>>());
    let requests: Vec<_> = (0..1000).map(|_| channel.recv().unwrap()).collect();
    for request in requests.into_iter().rev() {
        let n: u64 = request.content().unwrap();
        request.reply(&n).unwrap();
    }
    for n in (0..1000).rev() {
        let outcome = client.outcome();
        assert_eq!((outcome.number, outcome.result.unwrap()), (n, json!(n)));
    }
}

fn both_sides_ask_at_once(setting: Setting) {
    const EACH: u64 = 500;
    let (mut server, channel, _place) = setting.aiomas_server();
    let answering = echo(channel.clone());
    server.send(&(0..EACH).map(|n| json!(n)).collect::<Vec<_>>());
    thread::scope(|scope| {
        for thread in 0..2 {
            let channel = &channel;
            scope.spawn(move || {
                for n in 0..EACH / 2 {
                    assert_eq!(channel.call::<(u64, u64)>(&("echo", (thread, n))).unwrap(), (thread, n));
                }
            });
        }
    });
    for _ in 0..EACH {
        let outcome = server.outcome();
        assert_eq!(outcome.result.unwrap(), json!(outcome.number));
    }
    channel.close();
    answering.join().unwrap();
}

fn whoever_is_asked_asks_back(setting: Setting) {
    let (_server, channel, _place) = setting.aiomas_server();
    let answering = echo(channel.clone());
    let outcomes: Vec<(String, Value)> = channel.call(&("ask", "a", 2, vec![3])).unwrap();
    let results: Vec<_> = outcomes.into_iter().map(|(_, result)| result).collect();
    assert_eq!(results, ["a".into(), 2.into(), vec![3].into()]);
    channel.close();
    answering.join().unwrap();

    let (mut client, channel, _place) = setting.aiomas_client();
    client.send(&[json!("outer")]);
    let request = channel.recv().unwrap();
    let sum: u32 = request.channel().call(&("add", 1, 2)).unwrap();
    // And what is asked within that.
    let inner = request.channel().request(&("ask", "inner")).unwrap();
    channel.recv().unwrap().reply("inmost").unwrap();
    assert_eq!(inner.wait::<Value>().unwrap().to_string(), r#"[["value", "inmost"]]"#);
    request.reply(&sum).unwrap();
    let outcome = std::iter::repeat_with(|| client.outcome()).find(|outcome| outcome.number == 0).unwrap();
    assert_eq!(outcome.result.unwrap(), json!(3));
}
