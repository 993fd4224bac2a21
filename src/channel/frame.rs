//! A frame on the wire: its length in four bytes, the most significant first, then its payload.

use std::borrow::Cow;

use crate::net::{Collector, Decode, Disconnect, DisconnectKind};

/// Where the length will be.
pub(crate) const HEADER: [u8; HEADER_BYTES] = [0; HEADER_BYTES];

const HEADER_BYTES: usize = 4;

/// Finds the frames in what comes.
#[derive(Debug)]
pub(crate) struct FrameDecoder {
    limit: usize,
    header: [u8; HEADER_BYTES],
    have: usize,
    payload: Option<Collector>,
}

impl FrameDecoder {
    /// Takes frames of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, header: HEADER, have: 0, payload: None }
    }

    /// Takes frames of at most `limit` bytes from the next one on.
    #[cfg(feature = "process")]
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    fn too_large(&self, length: usize) -> Disconnect {
        let hint = match &self.header {
            b"GET " | b"POST" | b"PUT " | b"HEAD" | b"HTTP" | b"OPTI" => "; it seems to speak HTTP",
            [0x16, 3, ..] => "; it seems to speak TLS",
            _ => "",
        };
        Disconnect::new(
            DisconnectKind::TooLarge,
            format!("the peer announced a message of {length} bytes, and the limit is {}{hint}", self.limit),
        )
    }
}

impl FrameDecoder {
    /// Finds the next frame, as [`Decode::decode`] does. One that came as a whole is not copied.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, Disconnect> {
        if self.payload.is_none() {
            let (taken, rest) = input.split_at(input.len().min(HEADER_BYTES - self.have));
            self.header[self.have..self.have + taken.len()].copy_from_slice(taken);
            self.have += taken.len();
            *input = rest;
            if self.have < HEADER_BYTES {
                return Ok(None);
            }
            let length = usize::try_from(u32::from_be_bytes(self.header)).unwrap_or(usize::MAX);
            if length > self.limit {
                return Err(self.too_large(length));
            }
            if let Some((frame, rest)) = input.split_at_checked(length) {
                *input = rest;
                self.have = 0;
                return Ok(Some(Cow::Borrowed(frame)));
            }
            self.payload = Some(Collector::new(length));
        }
        let frame = self.payload.as_mut().and_then(|payload| payload.take(input));
        if frame.is_some() {
            self.payload = None;
            self.have = 0;
        }
        Ok(frame.map(Cow::Owned))
    }
}

impl Decode for FrameDecoder {
    type Message<'a> = Vec<u8>;

    fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, Disconnect> {
        self.next(input).map(|frame| frame.map(Cow::into_owned))
    }

    fn collector(&mut self) -> Option<&mut Collector> {
        self.payload.as_mut()
    }

    fn is_midway(&self) -> bool {
        self.have > 0
    }
}

/// Leaves room for the length at the beginning of a frame.
pub(crate) fn begin() -> Vec<u8> {
    HEADER.to_vec()
}

/// Writes the length of a frame, or says that it is too long.
pub(crate) fn end(frame: &mut [u8], limit: usize) -> Result<(), usize> {
    let length = frame.len() - HEADER_BYTES;
    match u32::try_from(length) {
        Ok(header) if length <= limit => {
            frame[..HEADER_BYTES].copy_from_slice(&header.to_be_bytes());
            Ok(())
        }
        _ => Err(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(decoder: &mut FrameDecoder, mut input: &[u8]) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while !input.is_empty() {
            frames.extend(decoder.decode(&mut input).unwrap());
        }
        frames
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let bytes = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x02de";
        for step in 1..=bytes.len() {
            let mut decoder = FrameDecoder::new(3);
            let mut found = Vec::new();
            for chunk in bytes.chunks(step) {
                found.extend(frames(&mut decoder, chunk));
            }
            assert_eq!(found, [&b"abc"[..], b"", b"de"], "{step}");
            assert!(!decoder.is_midway());
        }
    }

    #[test]
    fn only_a_frame_that_is_cut_is_copied() {
        let mut decoder = FrameDecoder::new(3);
        let mut input = &b"\0\0\0\x03abc\0\0\0\x02d"[..];
        assert!(matches!(decoder.next(&mut input), Ok(Some(Cow::Borrowed(b"abc")))));
        assert!(matches!(decoder.next(&mut input), Ok(None)));
        assert!(decoder.is_midway() && input.is_empty());
        assert!(matches!(decoder.next(&mut &b"e"[..]), Ok(Some(Cow::Owned(frame))) if frame == b"de"));
        assert!(!decoder.is_midway());
    }

    #[test]
    fn a_frame_above_the_limit_is_refused_before_it_comes() {
        let mut decoder = FrameDecoder::new(3);
        let error = decoder.decode(&mut &b"\0\0\0\x04"[..]).unwrap_err();
        assert_eq!(error.kind(), DisconnectKind::TooLarge);
        assert_eq!(error.to_string(), "the peer announced a message of 4 bytes, and the limit is 3");
        let error = FrameDecoder::new(1 << 24).decode(&mut &b"GET / HTTP/1.1\r\n"[..]).unwrap_err();
        assert!(error.to_string().ends_with("it seems to speak HTTP"), "{error}");
    }

    #[test]
    fn a_length_is_written() {
        let mut frame = begin();
        frame.extend_from_slice(b"abc");
        assert_eq!(end(&mut frame, 2), Err(3));
        assert_eq!(end(&mut frame, 3), Ok(()));
        assert_eq!(frame, b"\0\0\0\x03abc");
    }
}
