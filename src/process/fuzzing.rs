//! Bytes of unknown origin, taken apart as the two ends of a remote pipe do it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::Codec;
use super::ticket::Ticket;
use super::wire::{self, Decoder, Denial, EndCode, Hello, Welcome, kind};
use crate::net::Decode;

/// Finds the frames in pieces of a stream, takes each apart, and returns them with whether the stream was broken off as malformed.
pub fn frames<'a>(limit: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut decoder = Decoder::new(&Arc::new(AtomicUsize::new(limit)));
    let mut frames = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match decoder.decode(&mut piece) {
                Ok(Some(frame)) => {
                    if let Some((&kind, payload)) = frame.split_first() {
                        take_apart(kind, payload);
                    }
                    frames.push(frame.into_owned());
                }
                Ok(None) => {}
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// What was read is written again, and must then be the same bytes.
fn take_apart(kind: u8, payload: &[u8]) {
    let again = match kind {
        kind::HELLO => {
            Hello::read(payload).ok().filter(|hello| hello.version == wire::VERSION).map(|hello| {
                let is_short = hello.codec.len() <= 1000 && hello.type_name.len() <= 1000;
                (hello.to_frame(), is_short)
            })
        }
        kind::WELCOME => Welcome::read(payload).ok().map(|welcome| {
            // The version is not looked at, nor a capacity that means nothing; nor what may follow some day.
            let again = welcome.to_frame();
            assert_eq!(Welcome::read(&again[5..]).ok(), Some(welcome));
            (again, false)
        }),
        kind::DENIED => Denial::read(payload).ok().map(|(denial, text)| {
            let again = denial.to_frame(&text);
            assert_eq!(Denial::read(&again[5..]).ok(), Some((denial, text)));
            (again, false)
        }),
        kind::END => EndCode::read(payload).ok().map(|end| (end.to_frame(), true)),
        kind::CREDIT => wire::read_credit(payload).ok().map(|messages| (wire::credit(messages), true)),
        _ => None,
    };
    if let Some((again, true)) = again {
        assert_eq!(&again[5..], payload);
    }
}

/// Reads the text of a ticket; one that is good means the same when it is written again.
pub fn ticket(text: &str) {
    if let Ok(ticket) = text.parse::<Ticket>() {
        let again: Ticket = ticket.to_string().parse().expect("a ticket writes what it reads");
        assert_eq!(again.to_string(), ticket.to_string());
        assert_eq!((again.number, again.address), (ticket.number, ticket.address));
        assert!(again.secret.is(&ticket.secret.0));
    }
}

/// Reads a message in each codec; what was read can be written, and then read as the same.
pub fn message<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    for codec in Codec::ALL {
        if let Ok(message) = codec.read::<T>(bytes) {
            let mut written = Vec::new();
            codec.write(&message, &mut written).expect("what was read can be written");
            let again: T = codec.read(&written).expect("what was written can be read");
            let mut again_written = Vec::new();
            codec.write(&again, &mut again_written).expect("it was before");
            assert_eq!(again_written, written);
        }
    }
}
