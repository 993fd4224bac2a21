//! One side speaks JSON, the other MessagePack.

use foreground::channel::Value;
use foreground::net::DisconnectKind;
use serde_json::json;

use crate::peer::aiomas::Aiomas;
use crate::support::Setting;

each_setting!(is_told_to_both_of_us, is_told_to_aiomas, of_aiomas_that_is_asked_closes);

fn names(setting: Setting) -> (&'static str, &'static str) {
    if setting.is_json() { ("JSON", "MessagePack") } else { ("MessagePack", "JSON") }
}

fn is_told_to_both_of_us(setting: Setting) {
    let (client, server) = setting.pair_with(&setting.other_codec().options(), &setting.options());
    let (ours, theirs) = names(setting);
    let pending = client.request("what do you speak?").unwrap();
    let here = server.recv().unwrap_err();
    assert_eq!(here.disconnect().unwrap().kind(), DisconnectKind::CodecMismatch);
    let text = format!("the peer seems to speak {theirs}, and this channel {ours}");
    assert!(here.to_string().contains(&text), "{here}");
    let there = pending.wait::<Value>().unwrap_err();
    assert!(there.to_string().contains(&text), "{there}");
}

fn is_told_to_aiomas(setting: Setting) {
    let (listener, place) = setting.listen();
    let mut client = Aiomas::client(setting.other_codec().codec, &place.address);
    let channel = listener.accept().unwrap();
    let (ours, theirs) = names(setting);
    let text = format!("the peer seems to speak {theirs}, and this channel {ours}");
    client.send(&[json!("what do you speak?")]);
    let here = channel.recv().unwrap_err();
    assert_eq!(here.disconnect().unwrap().kind(), DisconnectKind::CodecMismatch);
    assert!(here.to_string().contains(&text), "{here}");
    let there = client.outcome().result.unwrap_err();
    assert!(there.text.contains(&text), "{there:?}");

    // The server of aiomas that asks first.
    let place = setting.place();
    let mut server = Aiomas::server(setting.other_codec().codec, &place.address);
    let channel = setting.options().connect(server.address()).unwrap();
    server.wait_for_connection();
    server.send(&[json!(["what", "do you", {"speak": 1}])]);
    let here = channel.recv().unwrap_err();
    assert_eq!(here.disconnect().unwrap().kind(), DisconnectKind::CodecMismatch);
    let there = server.outcome().result.unwrap_err();
    assert!(there.text.contains(&text), "{there:?}");
}

fn of_aiomas_that_is_asked_closes(setting: Setting) {
    // It does not tell why; only that it closed can be told.
    let place = setting.place();
    let mut server = Aiomas::server(setting.other_codec().codec, &place.address);
    let channel = setting.options().connect(server.address()).unwrap();
    let error = channel.call::<Value>("what do you speak?").unwrap_err();
    assert_eq!(error.disconnect().unwrap().kind(), DisconnectKind::ClosedByPeer, "{error}");
    assert!(!server.wait_for_loss().error.is_empty());
}
