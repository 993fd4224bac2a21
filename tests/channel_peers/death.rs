//! A peer that dies: each of us who waits for it learns so at once.

use std::thread;

use foreground::channel::{SendError, Value};
use foreground::net::DisconnectKind;

use crate::support::Setting;

each_setting!(
    while_we_wait_for_replies,
    after_half_a_reply,
    while_we_receive,
    while_we_send_much,
    of_a_client_leaves_the_server_alone,
);

fn while_we_wait_for_replies(setting: Setting) {
    let (_server, channel, _place) = setting.aiomas_server();
    let pending: Vec<_> = (0..5).map(|_| channel.request(&("never",)).unwrap()).collect();
    let waiting: Vec<_> =
        pending.into_iter().map(|pending| thread::spawn(|| pending.wait::<Value>())).collect();
    let last = channel.request(&("die",)).unwrap();
    for waiting in waiting {
        let error = waiting.join().unwrap().unwrap_err();
        assert_eq!(error.disconnect().unwrap().kind(), DisconnectKind::ClosedByPeer, "{error}");
    }
    assert!(last.wait::<Value>().unwrap_err().disconnect().is_some());
    assert!(!channel.is_open());
    let error = channel.request("anybody there?").unwrap_err();
    assert_eq!(error.disconnect().unwrap().kind(), DisconnectKind::ClosedByPeer, "{error}");
}

fn after_half_a_reply(setting: Setting) {
    let (_server, channel, _place) = setting.aiomas_server();
    let other = channel.request(&("never",)).unwrap();
    let error = channel.call::<Value>(&("die", "half")).unwrap_err();
    assert_eq!(error.disconnect().unwrap().kind(), DisconnectKind::Truncated, "{error}");
    assert!(error.to_string().contains("in the middle of a message"), "{error}");
    let error = other.wait::<Value>().unwrap_err();
    assert_eq!(error.disconnect().unwrap().kind(), DisconnectKind::Truncated, "{error}");
}

fn while_we_receive(setting: Setting) {
    let (mut server, channel, _place) = setting.aiomas_server();
    let receiving: Vec<_> = (0..3)
        .map(|_| {
            let channel = channel.clone();
            thread::spawn(move || channel.recv())
        })
        .collect();
    server.peer.kill();
    for receiving in receiving {
        let error = receiving.join().unwrap().unwrap_err();
        assert_eq!(error.disconnect().unwrap().kind(), DisconnectKind::ClosedByPeer, "{error}");
    }
}

fn while_we_send_much(setting: Setting) {
    let (mut server, channel, _place) = setting.aiomas_server();
    let _deaf = channel.request(&("deaf",)).unwrap();
    let much = "x".repeat(8 << 20);
    let mut pending = Vec::new();
    loop {
        match channel.try_request(&("echo", &much)) {
            Ok(reply) => pending.push(reply),
            Err(SendError::Full) => break,
            Err(error) => panic!("{error}"),
        }
    }
    // These wait for room, some of them already when the peer dies.
    let sending: Vec<_> = (0..3)
        .map(|_| {
            let (channel, much) = (channel.clone(), much.clone());
            thread::spawn(move || channel.request(&("echo", &much)).map(drop))
        })
        .collect();
    server.peer.kill();
    for sending in sending {
        let error = sending.join().unwrap().unwrap_err();
        assert_eq!(error.disconnect().unwrap().kind(), DisconnectKind::ClosedByPeer, "{error}");
    }
    for pending in pending {
        let error = pending.wait::<Value>().unwrap_err();
        assert_eq!(error.disconnect().unwrap().kind(), DisconnectKind::ClosedByPeer, "{error}");
    }
}

fn of_a_client_leaves_the_server_alone(setting: Setting) {
    let (listener, place) = setting.listen();
    let requests = listener.requests();
    let mut mortal = crate::peer::aiomas::Aiomas::client(setting.codec, &place.address);
    let mut other = crate::peer::aiomas::Aiomas::client(setting.codec, &place.address);
    mortal.send(&[serde_json::json!("last words")]);
    let unanswered = requests.recv().unwrap();
    mortal.peer.kill();
    other.send(&[serde_json::json!("hello")]);
    requests.recv().unwrap().reply("hello").unwrap();
    assert_eq!(other.outcome().result.unwrap(), serde_json::json!("hello"));
    crate::support::eventually("the news of the death", || !unanswered.channel().is_open());
    // The peer might only have closed its direction: whether it reads is not known yet.
    let _ = unanswered.reply("too late");
    crate::support::eventually("the end of the connection", || requests.connections() == 1);
}
