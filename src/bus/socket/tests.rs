//! The bytes: any cut of a message is read as the message, and what is no message is refused at no cost.

use proptest::prelude::*;

use super::decoder::MessageDecoder;
use super::message::{Message, MessageError, Purpose, encode};
use super::options::Limits;
use crate::net::{Decode, Disconnect, DisconnectKind};

fn small() -> Limits {
    Limits { bytes: 4096, parts: 100, ..Limits::default() }
}

/// Feeds all bytes, cut where `cuts` says, over and over.
fn decode(
    bytes: &[u8],
    cuts: &[usize],
    limits: Limits,
) -> (Result<Option<Message>, Disconnect>, MessageDecoder) {
    let mut decoder = MessageDecoder::new(limits);
    let mut found = None;
    let mut cuts = cuts.iter().cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = cuts.next().map_or(rest.len(), |cut| (*cut).clamp(1, rest.len()));
        let (mut input, after) = rest.split_at(length);
        rest = after;
        while !input.is_empty() {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => assert!(found.replace(message).is_none(), "there is one message"),
                Ok(None) => assert!(input.is_empty()),
                Err(error) => return (Err(error), decoder),
            }
        }
    }
    (Ok(found), decoder)
}

fn message() -> impl Strategy<Value = Message> {
    let part = || prop::collection::vec(any::<u8>(), 0..40);
    (part(), prop::collection::vec(part(), 0..6))
        .prop_map(|(body, attachments)| Message { body, attachments })
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![Just(Purpose::Request), Just(Purpose::Response)]
}

proptest! {
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        message in message(),
        purpose in purpose(),
        cuts in prop::collection::vec(1..20_usize, 1..10),
        after in prop::collection::vec(any::<u8>(), 0..10),
    ) {
        let mut bytes = encode(&message, purpose, &small()).unwrap();
        bytes.extend(after);
        let (read, decoder) = decode(&bytes, &cuts, small());
        prop_assert_eq!(read.unwrap(), Some(message));
        prop_assert!(!decoder.is_midway());
    }

    #[test]
    fn a_message_that_is_cut_short_is_none(message in message(), at in any::<prop::sample::Index>()) {
        let bytes = encode(&message, Purpose::Response, &small()).unwrap();
        let at = at.index(bytes.len());
        let (read, decoder) = decode(&bytes[..at], &[], small());
        prop_assert_eq!(read.unwrap(), None);
        prop_assert_eq!(decoder.is_midway(), at > 0);
    }

    #[test]
    fn a_damaged_message_is_taken_or_refused(message in message(), flips in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4)) {
        let mut bytes = encode(&message, Purpose::Response, &small()).unwrap();
        for (at, mask) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
        }
        check_refusal(decode(&bytes, &[3], small()).0)?;
    }

    #[test]
    fn noise_is_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), step in 1..30_usize) {
        check_refusal(decode(&bytes, &[step], small()).0)?;
        let whole = decode(&bytes, &[], small()).0;
        let cut = decode(&bytes, &[step], small()).0;
        prop_assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
    }
}

fn check_refusal(read: Result<Option<Message>, Disconnect>) -> Result<(), TestCaseError> {
    if let Err(error) = read {
        prop_assert_eq!(error.kind(), DisconnectKind::TooLarge);
    }
    Ok(())
}

#[test]
fn the_bytes_are_those_of_the_original() {
    let written = |message: &Message, purpose| encode(message, purpose, &Limits::default()).unwrap();
    let message = Message::new("body").attach("").attach([0, 255]);
    let bytes = b"\0\x03\0\0\0\x04body\0\0\0\0\0\0\0\x02\0\xff";
    assert_eq!(written(&message, Purpose::Request), bytes);
    assert_eq!(written(&message, Purpose::Response), bytes);
    assert_eq!(written(&Message::default(), Purpose::Request), b"\0\0");
    assert_eq!(written(&Message::default(), Purpose::Response), b"\0\x01\0\0\0\0");
    for empty in [&b"\0\0"[..], b"\0\x01\0\0\0\0"] {
        assert_eq!(decode(empty, &[], small()).0.unwrap(), Some(Message::default()));
    }
}

#[test]
fn what_is_announced_sets_no_memory_aside() {
    let mut decoder = MessageDecoder::new(Limits::default());
    let mut input = &b"\xff\xff\xff\xff\xff\xff"[..];
    let error = decoder.decode(&mut input).unwrap_err();
    assert_eq!(error.kind(), DisconnectKind::TooLarge);
    assert_eq!(
        error.to_string(),
        "the peer announced a message of 4295229437 bytes or more, and the limit is 16777216"
    );
    // The number alone is within the limit; not so with a smaller one.
    let error = decode(b"\xff\xff", &[], Limits { bytes: 1000, ..Limits::default() }).0.unwrap_err();
    assert_eq!(error.kind(), DisconnectKind::TooLarge);
    let error = decode(b"\0\x03", &[], Limits { parts: 2, ..Limits::default() }).0.unwrap_err();
    assert_eq!(error.to_string(), "the peer announced a message of 3 parts, and the limit is 2");
}

#[test]
fn the_limit_counts_every_byte_of_a_message() {
    let message = Message::new("12345").attach("678");
    let limits = |bytes| Limits { bytes, ..Limits::default() };
    let bytes = encode(&message, Purpose::Request, &limits(18)).unwrap();
    assert_eq!(bytes.len(), 18);
    assert_eq!(decode(&bytes, &[], limits(18)).0.unwrap(), Some(message.clone()));
    assert_eq!(decode(&bytes, &[], limits(17)).0.unwrap_err().kind(), DisconnectKind::TooLarge);
    let error = encode(&message, Purpose::Request, &limits(17)).unwrap_err();
    assert!(matches!(error, MessageError::TooLarge { length: 18, limit: 17 }), "{error:?}");
}

#[test]
fn what_the_header_cannot_tell_is_refused() {
    let message = Message { body: vec![], attachments: vec![vec![]; 65_534] };
    let bytes = encode(&message, Purpose::Request, &Limits::default()).unwrap();
    assert_eq!(decode(&bytes, &[1000], Limits::default()).0.unwrap(), Some(message.clone()));
    let error =
        encode(&message.attach(""), Purpose::Request, &Limits { parts: usize::MAX, ..Limits::default() });
    assert!(matches!(error, Err(MessageError::TooManyParts { parts: 65_536, limit: 65_535 })), "{error:?}");
}

#[test]
fn an_empty_last_part_is_refused_if_asked_for() {
    let limits = Limits { refuse_empty_last_part: true, ..Limits::default() };
    let message = Message::new("body").attach("");
    assert!(matches!(encode(&message, Purpose::Request, &limits), Err(MessageError::EmptyLastPart)));
    assert!(encode(&message, Purpose::Response, &limits).is_ok());
    assert!(encode(&message.attach("more"), Purpose::Request, &limits).is_ok());
    assert!(encode(&Message::default(), Purpose::Request, &limits).is_ok());
}
