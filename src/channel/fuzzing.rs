//! Frames of unknown origin, taken apart as a connection does it, and held against another reader.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::codec::{Content, Envelope, Wire};
use super::frame::FrameDecoder;
use super::{Serializers, Value};
use crate::net::Decode;

/// Takes a frame apart as a JSON connection does, and gives the content if it is a good one.
pub fn json_frame(frame: &[u8]) -> Option<Value> {
    check(&Wire::Json, frame)
}

/// Takes a frame apart as a MessagePack connection does, and gives the content if it is a good one.
pub fn message_pack_frame(frame: &[u8]) -> Option<Value> {
    check(&Wire::MessagePack, frame)
}

/// Finds the frames in pieces of a stream, and says whether one was above the limit.
pub fn frames<'a>(limit: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut decoder = FrameDecoder::new(limit);
    let mut frames = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match decoder.decode(&mut piece) {
                Ok(frame) => frames.extend(frame),
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// What was read is written again, and must then mean the same.
fn check(wire: &Wire, frame: &[u8]) -> Option<Value> {
    let message = wire.decode(frame.to_vec()).ok()?;
    // Types that may not fit: an error then, and nothing else.
    let _ = read::<(u8, Option<String>, Vec<BTreeMap<i8, f32>>)>(&message.content);
    let _ = read::<BTreeMap<String, Result<u8, char>>>(&message.content);
    let _ = read::<serde::de::IgnoredAny>(&message.content).expect("a frame that was taken is well-formed");
    // Half a surrogate pair is no error of the frame.
    let content = read::<Value>(&message.content)?;

    let again = rewrite(wire, &message, &content);
    assert_eq!(again.kind, message.kind);
    assert_eq!(format!("{:?}", again.id), format!("{:?}", message.id));
    let content_again = read::<Value>(&again.content).expect("what was written can be read");
    // By their texts, as NaN does not equal itself.
    assert_eq!(format!("{content_again:?}"), format!("{content:?}"));

    let copy = Value::from_content(&content).expect("a value is a content");
    assert_eq!(format!("{copy:?}"), format!("{content:?}"));
    Some(content)
}

fn read<T: DeserializeOwned>(content: &Content) -> Option<T> {
    content.to(&Serializers::new()).ok()
}

fn rewrite(wire: &Wire, message: &Envelope, content: &Value) -> Envelope {
    let mut out = Vec::new();
    wire.encode(message.kind, &message.id, content, &Serializers::new(), &mut out)
        .expect("what was read can be written");
    wire.decode(out).expect("what was written can be read")
}
