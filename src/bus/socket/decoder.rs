//! Finds the one message of a connection in what comes.

use super::message::{COUNT, LENGTH, Message};
use super::options::Limits;
use crate::net::{Collector, Decode, Disconnect, DisconnectKind};

/// Takes one message, and throws away what follows.
#[derive(Debug)]
pub(crate) struct MessageDecoder {
    limits: Limits,
    stage: Stage,
    /// The number of parts, or the length of the next one, as far as it has come.
    header: [u8; LENGTH],
    have: usize,
    /// Parts that have not come yet.
    missing: u16,
    /// Bytes of the message that are announced.
    announced: usize,
    parts: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Stage {
    Count,
    Length,
    Part(Collector),
    /// The message is whole.
    After,
}

impl MessageDecoder {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            stage: Stage::Count,
            header: [0; LENGTH],
            have: 0,
            missing: 0,
            announced: COUNT,
            parts: Vec::new(),
        }
    }

    /// Takes a header of `N` bytes, if it is all there.
    fn header<const N: usize>(&mut self, input: &mut &[u8]) -> Option<[u8; N]> {
        let (taken, rest) = input.split_at(input.len().min(N - self.have));
        self.header[self.have..self.have + taken.len()].copy_from_slice(taken);
        self.have += taken.len();
        *input = rest;
        if self.have < N {
            return None;
        }
        self.have = 0;
        self.header.first_chunk().copied()
    }

    /// The next part, or the message if there is none.
    fn next(&mut self) -> Option<Message> {
        if self.missing > 0 {
            self.stage = Stage::Length;
            return None;
        }
        self.stage = Stage::After;
        let mut parts = std::mem::take(&mut self.parts).into_iter();
        Some(Message { body: parts.next().unwrap_or_default(), attachments: parts.collect() })
    }

    fn announce(&mut self, bytes: usize) -> Result<(), Disconnect> {
        self.announced = self.announced.saturating_add(bytes);
        if self.announced <= self.limits.bytes {
            return Ok(());
        }
        Err(Disconnect::new(
            DisconnectKind::TooLarge,
            format!(
                "the peer announced a message of {} bytes or more, and the limit is {}",
                self.announced, self.limits.bytes
            ),
        ))
    }

    fn too_many(&self, parts: usize) -> Disconnect {
        Disconnect::new(
            DisconnectKind::TooLarge,
            format!("the peer announced a message of {parts} parts, and the limit is {}", self.limits.parts),
        )
    }
}

impl Decode for MessageDecoder {
    type Message<'a> = Message;

    fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Disconnect> {
        loop {
            let whole = match &mut self.stage {
                Stage::Count => {
                    let Some(count) = self.header(input) else { return Ok(None) };
                    self.missing = u16::from_be_bytes(count);
                    let parts = usize::from(self.missing);
                    if parts > self.limits.parts {
                        return Err(self.too_many(parts));
                    }
                    self.announce(parts * LENGTH)?;
                    self.next()
                }
                Stage::Length => {
                    let Some(length) = self.header(input) else { return Ok(None) };
                    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                    self.announce(length)?;
                    self.stage = Stage::Part(Collector::new(length));
                    None
                }
                Stage::Part(collector) => {
                    let Some(part) = collector.take(input) else { return Ok(None) };
                    self.parts.push(part);
                    self.missing -= 1;
                    self.next()
                }
                Stage::After => {
                    *input = &[];
                    return Ok(None);
                }
            };
            if whole.is_some() {
                return Ok(whole);
            }
        }
    }

    fn collector(&mut self) -> Option<&mut Collector> {
        match &mut self.stage {
            Stage::Part(collector) => Some(collector),
            Stage::Count | Stage::Length | Stage::After => None,
        }
    }

    fn is_midway(&self) -> bool {
        match self.stage {
            Stage::Count => self.have > 0,
            Stage::Length | Stage::Part(_) => true,
            Stage::After => false,
        }
    }
}
