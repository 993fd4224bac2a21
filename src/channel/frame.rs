//! A frame on the wire: its length in four bytes, the most significant first, then its payload.

use crate::net::{Collector, Decode, Disconnect, DisconnectKind};

/// How long a length is.
const HEADER: usize = 4;

/// Finds the frames in what comes.
#[derive(Debug)]
pub(crate) struct FrameDecoder {
    limit: usize,
    header: [u8; HEADER],
    have: usize,
    payload: Option<Collector>,
}

impl FrameDecoder {
    /// Takes frames of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, header: [0; HEADER], have: 0, payload: None }
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

impl Decode for FrameDecoder {
    type Message = Vec<u8>;

    fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, Disconnect> {
        if self.payload.is_none() {
            let (taken, rest) = input.split_at(input.len().min(HEADER - self.have));
            self.header[self.have..self.have + taken.len()].copy_from_slice(taken);
            self.have += taken.len();
            *input = rest;
            if self.have < HEADER {
                return Ok(None);
            }
            let length = usize::try_from(u32::from_be_bytes(self.header)).unwrap_or(usize::MAX);
            if length > self.limit {
                return Err(self.too_large(length));
            }
            self.payload = Some(Collector::new(length));
        }
        let frame = self.payload.as_mut().and_then(|payload| payload.take(input));
        if frame.is_some() {
            self.payload = None;
            self.have = 0;
        }
        Ok(frame)
    }

    fn is_midway(&self) -> bool {
        self.have > 0
    }
}

/// Leaves room for the length at the beginning of a frame.
pub(crate) fn begin() -> Vec<u8> {
    vec![0; HEADER]
}

/// Writes the length of a frame, or says that it is too long.
pub(crate) fn end(frame: &mut [u8], limit: usize) -> Result<(), usize> {
    let length = frame.len() - HEADER;
    match u32::try_from(length) {
        Ok(header) if length <= limit => {
            frame[..HEADER].copy_from_slice(&header.to_be_bytes());
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
