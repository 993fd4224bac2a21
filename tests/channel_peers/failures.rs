//! Exceptions, both ways.

use foreground::channel::{RemoteError, ReplyError, Value};
use serde_json::json;

use crate::support::Setting;

each_setting!(of_aiomas_arrive_with_their_traceback, of_ours_arrive_there);

fn of_aiomas_arrive_with_their_traceback(setting: Setting) {
    let (server, channel, _place) = setting.aiomas_server();
    let fail = |content: Value| -> RemoteError {
        match channel.call::<Value>(&content) {
            Err(ReplyError::Remote(error)) => error,
            other => panic!("{other:?} is no failure"),
        }
    };
    let long = "x".repeat(1 << 20);
    for text in ["no such thing", "", "first: line\nsecond: line", "  at the margin", "ü\u{1f980}", &long] {
        let error = fail(vec![Value::from("fail"), text.into()].into());
        assert!(error.text().starts_with("Traceback (most recent call last):\n"), "{}", error.text());
        assert_eq!(error.type_name(), Some("ValueError"), "{}", error.text());
        // Python prints a line end after it, which is no part of it.
        assert_eq!(error.message(), text);
        assert_eq!(error.origin(), channel.peer_address());
        let origin = error.origin().unwrap().to_string();
        assert_eq!(origin.strip_prefix("unix:").unwrap_or(&origin), server.address());
    }
    assert_eq!(fail(vec!["unheard of"].into()).to_string(), "the peer failed: LookupError: unheard of");
    assert_eq!(fail(7.into()).type_name(), Some("TypeError"));
    assert_eq!(channel.call::<u32>(&("add", 2, 3)).unwrap(), 5);
}

fn of_ours_arrive_there(setting: Setting) {
    let (mut client, channel, place) = setting.aiomas_client();
    let mut fail = |how: &dyn Fn(foreground::channel::Request)| {
        client.send(&[json!("please fail")]);
        how(channel.recv().unwrap());
        let failure = client.outcome().result.unwrap_err();
        assert_eq!(failure.error, "RemoteException");
        assert_eq!(failure.origin.as_deref(), Some(&*place.address));
        failure.text
    };
    let number = "x".parse::<i32>();
    assert_eq!(
        fail(&|request| request.fail(number.clone().unwrap_err()).unwrap()),
        "ParseIntError: invalid digit found in string\n"
    );
    assert_eq!(fail(&|request| request.fail("ä\nb").unwrap()), "Error: ä\nb\n");
    assert_eq!(fail(&|request| request.fail_as("KeyError", "'a'").unwrap()), "KeyError: 'a'\n");
    assert_eq!(fail(&drop), "NoReply: the request was dropped unanswered\n");
    client.send(&[json!("go on")]);
    channel.recv().unwrap().reply(&1).unwrap();
    assert_eq!(client.outcome().result.unwrap(), json!(1));
}
