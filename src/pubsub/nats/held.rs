//! The messages that were delivered and are not acknowledged.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Subject;
use async_nats::jetstream::AckKind;
use async_nats::message::OutboundMessage;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::nats::Inner;
use crate::pubsub::inbox::Done;

/// After what time a message is delivered again that was given back. Not at once: whoever gives back for ever shall not do it all day.
pub(super) const AGAIN_AFTER: Duration = Duration::from_millis(200);

pub(super) struct Held {
    /// By its number in the stream: where to acknowledge it.
    messages: Mutex<HashMap<u64, Subject>>,
    limit: usize,
    released: Notify,
}

impl Held {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { messages: Mutex::default(), limit: limit.max(1), released: Notify::new() })
    }

    /// Waits until a good part of the room is free, and says how many messages fit.
    pub(super) async fn room(&self) -> usize {
        loop {
            let count = self.messages.lock().len();
            if count <= self.limit / 2 {
                return self.limit - count;
            }
            self.released.notified().await;
        }
    }

    /// Takes a message, unless it is held already: then NATS has only lost patience.
    pub(super) fn hold(
        self: &Arc<Self>,
        connection: &Arc<Inner>,
        number: u64,
        reply: Subject,
    ) -> Option<Done> {
        if self.messages.lock().insert(number, reply).is_some() {
            return None;
        }
        let hold = Hold { held: self.clone(), connection: connection.clone(), number, is_done: false };
        Some(Box::new(move || hold.finish()))
    }

    /// Tells NATS that they are still here.
    pub(super) fn give_signs_of_life(&self, connection: &Arc<Inner>) {
        let all: Vec<_> = self.messages.lock().values().cloned().collect();
        for reply in all {
            answer(connection, reply, AckKind::Progress);
        }
    }
}

/// Acknowledges the message when it is done with; dropped before, gives it back.
struct Hold {
    held: Arc<Held>,
    connection: Arc<Inner>,
    number: u64,
    is_done: bool,
}

impl Hold {
    fn finish(mut self) {
        self.is_done = true;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let reply = self.held.messages.lock().remove(&self.number);
        self.held.released.notify_one();
        if let Some(reply) = reply {
            let kind = if self.is_done { AckKind::Ack } else { AckKind::Nak(Some(AGAIN_AFTER)) };
            answer(&self.connection, reply, kind);
        }
    }
}

/// Lost with the connection, it is as if it had not been said: the message comes again.
pub(super) fn answer(connection: &Arc<Inner>, reply: Subject, kind: AckKind) {
    let message = OutboundMessage { subject: reply, reply: None, payload: kind.into(), headers: None };
    if let Err(error) = connection.post(message) {
        log::debug!("a message cannot be acknowledged, and will come again: {error}");
    }
}
