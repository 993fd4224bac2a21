//! Where what comes waits for whoever gets it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use serde::de::DeserializeOwned;

use super::engine::Settings;
use super::{DecodeError, GetError};
use crate::channel::json;
use crate::net::{Mailbox, Nothing, is_io_thread};
use crate::room::{Place, Room};
use crate::serving::DeliverAll;

/// How many bytes may wait for the program; one message more may come.
const BYTES: usize = 64 * 1024 * 1024;

/// To be called when the message is done with: the callback has returned, or the message was got.
pub(crate) type Done = Box<dyn FnOnce() + Send>;

/// Frames that an engine has read at once, to be pushed at once. They share one piece of memory.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// Of the items from the first on, as far as there are any.
    dones: Vec<Option<Done>>,
}

/// What came; where it stands in the bytes of its batch.
enum Item {
    /// The channel begins at `start` and ends at `space`, behind which is the text.
    Message { start: usize, space: usize, end: usize },
    /// It is no message: what came, and what is wrong with it.
    Odd { start: usize, end: usize, reason: Box<str> },
    /// The other side does not let this one in.
    Refused(Box<str>),
}

/// What came, and the room that it takes until it is done with. Small, as it travels.
pub(crate) struct Arrived {
    shared: Arc<Shared>,
    index: usize,
    done: Option<Done>,
}

/// What the messages of a batch share. Their room is free when all of them are done with.
struct Shared {
    bytes: Vec<u8>,
    items: Vec<Item>,
    _place: Place,
}

impl Batch {
    /// Makes a batch that so many items, of so many bytes altogether, can be added to.
    #[cfg(feature = "zmq")]
    pub(crate) fn with_capacity(items: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), items: Vec::with_capacity(items), dones: Vec::new() }
    }

    /// Adds a frame: a channel, a space, a text.
    #[cfg(feature = "zmq")]
    pub(crate) fn frame(&mut self, frame: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame);
        let item = self.read(start);
        self.items.push(item);
    }

    /// Makes a batch of one frame, without copying it.
    #[cfg(feature = "zmq")]
    pub(crate) fn of(frame: Vec<u8>) -> Self {
        let mut this = Self { bytes: frame, ..Self::default() };
        let item = this.read(0);
        this.items.push(item);
        this
    }

    /// Adds a message whose channel is known, and what is to be called when it is done with.
    #[cfg(feature = "nats")]
    pub(crate) fn message(&mut self, channel: &str, text: &[u8], done: Option<Done>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(channel.as_bytes());
        let space = self.bytes.len();
        self.bytes.push(b' ');
        self.bytes.extend_from_slice(text);
        if done.is_some() {
            self.dones.resize_with(self.items.len(), || None);
            self.dones.push(done);
        }
        self.items.push(Item::Message { start, space, end: self.bytes.len() });
    }

    /// Adds what is no message.
    pub(crate) fn odd(&mut self, frame: &[u8], reason: String) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame);
        self.items.push(Item::Odd { start, end: self.bytes.len(), reason: reason.into() });
    }

    #[cfg(feature = "zmq")]
    fn read(&self, start: usize) -> Item {
        let end = self.bytes.len();
        match self.bytes[start..].iter().position(|byte| *byte == b' ') {
            Some(len) => Item::Message { start, space: start + len, end },
            None => Item::Odd { start, end, reason: "it has no space, which ends the channel".into() },
        }
    }
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

    /// Adds what came. Never waits. Says whether anybody may still take it; if not, each `done` was dropped uncalled.
    pub(crate) fn push(&self, batch: Batch) -> bool {
        let Batch { bytes, items, dones } = batch;
        let count = items.len();
        let _place = self.room.take_for(count, bytes.len());
        let shared = Arc::new(Shared { bytes, items, _place });
        let mut dones = dones.into_iter();
        let arrived = |index| Arrived { shared: shared.clone(), index, done: dones.next().flatten() };
        // The waker of a router is the user's, and runs here. One that panics has been told of, and costs nobody else anything.
        let push = || self.queue.push_all((0..count).map(arrived));
        catch_unwind(AssertUnwindSafe(push)).unwrap_or(true)
    }

    /// Tells whoever gets messages that the other side does not let this one in.
    pub(crate) fn refuse(&self, reason: String) {
        self.push(Batch { items: vec![Item::Refused(reason.into())], ..Batch::default() });
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

    /// Whether nobody takes what comes just now.
    #[cfg(feature = "nats")]
    pub(super) fn is_deserted(&self) -> bool {
        self.queue.is_deserted()
    }

    pub(super) fn exact(&self) {
        self.is_exact.store(true, Ordering::Relaxed);
    }

    pub(super) fn undecoded(&self) -> u64 {
        self.undecoded.load(Ordering::Relaxed)
    }

    pub(super) fn deliver_to(&self, deliver: DeliverAll<Arrived>) {
        self.queue.set_sink_for_many(deliver);
    }

    /// Is done with what is on a channel that was not asked for. An engine may bring more than that.
    pub(super) fn sort_out(&self, arrived: Arrived) -> Option<Arrived> {
        if self.wants(&arrived) {
            return Some(arrived);
        }
        arrived.finish();
        None
    }

    fn wants(&self, arrived: &Arrived) -> bool {
        let Item::Message { start, space, .. } = *arrived.item() else { return true };
        let channel = &arrived.shared.bytes[start..space];
        !self.is_exact.load(Ordering::Relaxed)
            || self.channels.iter().any(|wanted| wanted.is_empty() || wanted.as_bytes() == channel)
    }

    /// Takes the oldest that is wanted.
    pub(super) fn take(&self) -> Result<Arrived, Missing> {
        loop {
            match self.queue.pop() {
                Ok(arrived) => {
                    if let Some(wanted) = self.sort_out(arrived) {
                        return Ok(wanted);
                    }
                }
                Err(Nothing::Yet) => return Err(Missing::Yet),
                Err(Nothing::More) => return Err(Missing::More),
            }
        }
    }

    /// Takes the oldest that is wanted, and waits for it until the deadline.
    pub(super) fn take_wait(&self, deadline: Option<Instant>) -> Result<Arrived, Missing> {
        loop {
            match self.queue.pop_wait(deadline) {
                Ok(arrived) => {
                    if let Some(wanted) = self.sort_out(arrived) {
                        return Ok(wanted);
                    }
                }
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
    fn item(&self) -> &Item {
        &self.shared.items[self.index]
    }

    fn decode<T: DeserializeOwned>(&self) -> Result<(&str, T), GetError> {
        let bytes = &self.shared.bytes;
        match self.item() {
            Item::Message { start, space, end } => {
                decode(&bytes[*start..*space], &bytes[space + 1..*end]).map_err(GetError::Decode)
            }
            Item::Odd { start, end, reason } => {
                Err(GetError::Decode(DecodeError::new(None, &bytes[*start..*end], reason)))
            }
            Item::Refused(reason) => Err(GetError::Refused(reason.to_string())),
        }
    }

    /// It is done with.
    pub(super) fn finish(self) {
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
