//! What comes from a socket, taken apart as a connection does it.

use super::Message;
use super::decoder::MessageDecoder;
use super::message::{Purpose, encode};
use super::options::Limits;
use crate::net::Decode;

/// Takes bytes apart that come in pieces of `step` bytes, and gives the message and how many bytes it took, if one is whole.
///
/// # Panics
/// If what was taken is written as something else.
pub fn bus_message(bytes: &[u8], step: usize, limit: usize) -> Option<(Message, usize)> {
    let limits = Limits { bytes: limit, ..Limits::default() };
    let mut decoder = MessageDecoder::new(limits);
    let mut taken = 0;
    for chunk in bytes.chunks(step.max(1)) {
        let mut input = chunk;
        let message = decoder.decode(&mut input).ok()?;
        assert!(message.is_some() || input.is_empty(), "it stopped in the middle");
        taken += chunk.len() - input.len();
        let Some(message) = message else {
            assert!(decoder.is_midway());
            continue;
        };
        assert!(!decoder.is_midway());
        assert!(decoder.decode(&mut input).is_ok_and(|more| more.is_none()) && input.is_empty());
        // Nothing at all can be written as no parts, and as one.
        let again = [Purpose::Request, Purpose::Response]
            .map(|purpose| encode(&message, purpose, &limits).unwrap_or_default());
        assert!(again.iter().any(|again| *again == bytes[..taken]), "{message:?}");
        return Some((message, taken));
    }
    None
}
