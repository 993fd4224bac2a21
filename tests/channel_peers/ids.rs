//! Ids of all sorts, and replies that nobody waits for.

use std::time::Duration;

use foreground::channel::{ReplyError, Value};

use crate::raw::{exception, request, result};
use crate::support::{Setting, echo};

each_setting!(
    of_strangers_come_back_unchanged,
    of_aiomas_come_back_unchanged,
    nobody_waits_for_harm_nothing,
    late_replies_harm_nothing,
    second_replies_harm_nothing,
);

fn of_strangers_come_back_unchanged(setting: Setting) {
    let (mut peer, channel) = setting.raw_client();
    let answering = echo(channel);
    let mut ids: Vec<Value> = vec![
        0.into(),
        7.into(),
        u64::MAX.into(),
        i64::MIN.into(),
        (-1).into(),
        1.5.into(),
        true.into(),
        Value::Null,
        "".into(),
        "seven".into(),
        "ü\u{1f980}\n".into(),
        vec![1.into(), Value::from("a"), Value::Null].into(),
        Value::Array(vec![]),
        Value::from([("a", 1)]),
    ];
    if !setting.is_json() {
        ids.extend([Value::Bytes(vec![0, 255]), Value::from([(1, 2)]), Value::Extension(3, vec![1])]);
    }
    for id in &ids {
        peer.send(&request(id.clone(), "hello"));
        assert_eq!(peer.message().unwrap(), [1.into(), id.clone(), "hello".into()]);
    }
    // The same id twice at once is the asker's business.
    peer.send(&request(7, "a"));
    peer.send(&request(7, "b"));
    assert_eq!(peer.message().unwrap(), [1.into(), 7.into(), "a".into()]);
    assert_eq!(peer.message().unwrap(), [1.into(), 7.into(), "b".into()]);
    drop(peer);
    answering.join().unwrap();
}

fn of_aiomas_come_back_unchanged(setting: Setting) {
    let (_server, channel, _place) = setting.aiomas_server();
    let answering = echo(channel.clone());
    for id in [Value::from("id"), Value::Null, 1.5.into(), (-3).into(), true.into(), (1_u64 << 60).into()] {
        let outcome: (String, Value) = channel.call(&("ask_as", &id, "question")).unwrap();
        assert_eq!(outcome, ("value".into(), "question".into()), "{id}");
    }
    channel.close();
    answering.join().unwrap();
}

fn nobody_waits_for_harm_nothing(setting: Setting) {
    let (_server, channel, _place) = setting.aiomas_server();
    for id in [Value::from(12345), 0.into(), (-1).into(), "text".into(), 0.5.into(), Value::Array(vec![])] {
        assert_eq!(channel.call::<Value>(&("unasked", id, "surprise")).unwrap(), Value::Null);
    }
    assert_eq!(channel.call::<u32>(&("add", 1, 2)).unwrap(), 3);

    let (mut peer, channel) = setting.raw_client();
    peer.send(&result(99, "surprise"));
    peer.send(&exception(99, "Surprise: exception"));
    peer.send(&exception("text", "Surprise: exception"));
    peer.send(&exception(Value::Null, "Surprise: exception that belongs to nothing"));
    peer.send(&request(1, "and now?"));
    channel.recv().unwrap().reply("fine").unwrap();
    assert_eq!(peer.message().unwrap()[2], "fine".into());
    // What belongs to nothing is taken for the reason why the peer closes.
    drop(peer);
    let error = channel.recv().unwrap_err();
    assert!(error.to_string().contains("exception that belongs to nothing"), "{error}");
}

fn late_replies_harm_nothing(setting: Setting) {
    let (_server, channel, _place) = setting.aiomas_server();
    for key in 0..20 {
        let pending = channel.request(&("hold", key)).unwrap();
        match key % 2 {
            0 => drop(pending),
            _ => {
                let result = pending.wait_timeout::<u32>(Duration::from_millis(1));
                assert!(matches!(result, Err(ReplyError::TimedOut)), "{result:?}");
            }
        }
    }
    let keys: Vec<Value> = (0..20).map(Value::from).collect();
    assert_eq!(channel.call::<u32>(&[vec!["release".into()], keys].concat()).unwrap(), 20);
    assert_eq!(channel.call::<u32>(&("add", 1, 2)).unwrap(), 3);
}

fn second_replies_harm_nothing(setting: Setting) {
    let (_server, channel, _place) = setting.aiomas_server();
    for n in 0..10 {
        assert_eq!(channel.call::<u32>(&("twice", n)).unwrap(), n);
    }
    let pending: Vec<_> = (0..10).map(|n| channel.request(&("twice", n)).unwrap()).collect();
    for (n, pending) in pending.into_iter().enumerate() {
        assert_eq!(pending.wait::<usize>().unwrap(), n);
    }

    // A failure after a result, and a result after a failure.
    let (mut peer, channel) = setting.raw_client();
    let pending = [channel.request("a").unwrap(), channel.request("b").unwrap()];
    peer.send(&result(1, "b"));
    peer.send(&exception(1, "Error: no"));
    peer.send(&exception(0, "Error: no"));
    peer.send(&result(0, "a"));
    let [a, b] = pending.map(|pending| pending.wait::<String>());
    assert!(matches!(a, Err(ReplyError::Remote(_))), "{a:?}");
    assert_eq!(b.unwrap(), "b");
}
