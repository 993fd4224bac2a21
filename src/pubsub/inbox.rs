//! Where what comes waits for whoever gets it.

use std::str;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::engine::Settings;
use super::{DecodeError, GetError};
use crate::channel::json;
use crate::net::{Mailbox, Nothing, is_io_thread};
use crate::room::{Place, Room};
use crate::serving::Deliver;

/// How many bytes may wait for the program; one message more may come.
const BYTES: usize = 64 * 1024 * 1024;

/// What an engine pushes.
pub(crate) enum Content {
    Message {
        channel: Bytes,
        text: Bytes,
    },
    /// It is no message: what came, and what is wrong with it.
    Odd {
        frame: Bytes,
        reason: String,
    },
    /// The other side does not let this one in.
    Refused(String),
}

/// To be called when the message is done with: the callback has returned, or the message was got.
pub(crate) type Done = Box<dyn FnOnce() + Send>;

/// What came, and the room that it takes until it is done with.
pub(crate) struct Arrived {
    content: Content,
    done: Option<Done>,
    _place: Place,
}

/// The queue of a subscriber, and what it keeps out.
pub(crate) struct Inbox {
    queue: Mailbox<Arrived>,
    room: Arc<Room>,
    channels: Vec<String>,
    is_exact: AtomicBool,
    undecoded: AtomicU64,
}

/// Why there is nothing to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Yet,
    More,
    WouldDeadlock,
}

impl Inbox {
    pub(super) fn new(channels: Vec<String>, settings: &Settings) -> Arc<Self> {
        let items = usize::try_from(settings.high_water_mark).unwrap_or(usize::MAX).max(1);
        Arc::new(Self {
            queue: Mailbox::new(),
            room: Room::new(items, BYTES),
            channels,
            is_exact: AtomicBool::new(false),
            undecoded: AtomicU64::new(0),
        })
    }

    /// What was subscribed to; "" is everything.
    pub(crate) fn channels(&self) -> &[String] {
        &self.channels
    }

    /// Adds what came. Never waits. Says whether anybody may still take it; if not, `done` was dropped uncalled.
    pub(crate) fn push(&self, content: Content, done: Option<Done>) -> bool {
        let bytes = match &content {
            Content::Message { channel, text } => channel.len() + text.len(),
            Content::Odd { frame, .. } => frame.len(),
            Content::Refused(_) => 0,
        };
        let arrived = Arrived { content, done, _place: self.room.take(bytes) };
        match self.wants(&arrived) {
            true => self.queue.push(arrived).is_ok(),
            false => {
                arrived.finish();
                true
            }
        }
    }

    /// Tells whoever gets messages that the other side does not let this one in.
    pub(crate) fn refuse(&self, reason: String) {
        self.push(Content::Refused(reason), None);
    }

    /// Whether the engine may read on; if not, its task is woken when it may. For one task.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        self.room.poll_free(context)
    }

    /// Whether there is room for another message.
    #[cfg(feature = "nats")]
    pub(crate) fn has_room(&self) -> bool {
        self.room.has_room()
    }

    /// Nothing more comes. What is there can still be got.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    pub(super) fn exact(&self) {
        // What came before is sorted out when it is taken.
        self.is_exact.store(true, Ordering::Relaxed);
    }

    pub(super) fn undecoded(&self) -> u64 {
        self.undecoded.load(Ordering::Relaxed)
    }

    pub(super) fn deliver_to(&self, deliver: Deliver<Arrived>) {
        self.queue.set_sink(deliver);
    }

    /// Whether it is on a channel that was asked for. An engine may bring more than that.
    pub(super) fn wants(&self, arrived: &Arrived) -> bool {
        let Content::Message { channel, .. } = &arrived.content else { return true };
        !self.is_exact.load(Ordering::Relaxed)
            || self.channels.iter().any(|wanted| wanted.is_empty() || wanted.as_bytes() == channel)
    }

    /// Takes the oldest that is wanted.
    pub(super) fn take(&self) -> Result<Arrived, Missing> {
        loop {
            match self.queue.pop() {
                Ok(arrived) if self.wants(&arrived) => return Ok(arrived),
                Ok(arrived) => arrived.finish(),
                Err(Nothing::Yet) => return Err(Missing::Yet),
                Err(Nothing::More) => return Err(Missing::More),
            }
        }
    }

    /// Takes the oldest that is wanted, and waits for it until the deadline.
    pub(super) fn take_wait(&self, deadline: Option<Instant>) -> Result<Arrived, Missing> {
        loop {
            match self.queue.pop_wait(deadline) {
                Ok(arrived) if self.wants(&arrived) => return Ok(arrived),
                Ok(arrived) => arrived.finish(),
                Err(Nothing::Yet) if is_io_thread() => return Err(Missing::WouldDeadlock),
                Err(Nothing::Yet) => return Err(Missing::Yet),
                Err(Nothing::More) => return Err(Missing::More),
            }
        }
    }

    /// Reads it and hands it on; it is done with when `then` returns.
    pub(super) fn open<T: DeserializeOwned, R>(
        &self,
        arrived: Arrived,
        then: impl FnOnce(Result<(&str, T), GetError>) -> R,
    ) -> R {
        let result = match arrived.decode() {
            Ok((channel, message)) => then(Ok((channel, message))),
            Err(error) => {
                if matches!(error, GetError::Decode(_)) {
                    self.undecoded.fetch_add(1, Ordering::Relaxed);
                }
                then(Err(error))
            }
        };
        arrived.finish();
        result
    }
}

impl Arrived {
    fn decode<T: DeserializeOwned>(&self) -> Result<(&str, T), GetError> {
        match &self.content {
            Content::Message { channel, text } => decode(channel, text).map_err(GetError::Decode),
            Content::Odd { frame, reason } => Err(GetError::Decode(DecodeError::new(None, frame, reason))),
            Content::Refused(reason) => Err(GetError::Refused(reason.clone())),
        }
    }

    fn finish(self) {
        if let Some(done) = self.done {
            done();
        }
    }
}

fn decode<'a, T: DeserializeOwned>(channel: &'a [u8], text: &[u8]) -> Result<(&'a str, T), DecodeError> {
    let Ok(channel) = str::from_utf8(channel) else {
        let frame = [channel, b" ", text].concat();
        return Err(DecodeError::new(None, &frame, "the channel is no UTF-8"));
    };
    let failed = |reason: String| DecodeError::new(Some(channel), text, &reason);
    let json = str::from_utf8(text)
        .map_err(|error| failed(format!("the message is no UTF-8 at byte {}", error.valid_up_to())))?;
    let message = json::read(json).map_err(|error| failed(error.to_string()))?;
    Ok((channel, message))
}
