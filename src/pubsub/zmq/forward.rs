//! What a forwarder does: it passes messages on, and the subscriptions the other way.
//!
//! omq has a proxy of its own. It tells publishers of each subscription of each subscriber, but not of those that end with a connection;
//! and a publisher of libzmq, which counts none of them twice, then stops sending when one subscriber of several unsubscribes. So the
//! subscriptions are counted here: publishers are told of the first and of the last.

use std::collections::HashMap;

use bytes::Bytes;
use omq_tokio::{Message, MonitorEvent, MonitorRecvError, MonitorStream, Socket, TrySendError};

use super::BATCH;
use crate::runtime::{Either, race};

/// Which prefixes are subscribed to, and by whom.
#[derive(Default)]
struct Subscriptions {
    by_peer: HashMap<u64, Vec<Bytes>>,
    counts: HashMap<Bytes, usize>,
}

impl Subscriptions {
    fn add(&mut self, peer: u64, prefix: Bytes, told: &mut Vec<Message>) {
        self.by_peer.entry(peer).or_default().push(prefix.clone());
        let count = self.counts.entry(prefix.clone()).or_default();
        *count += 1;
        if *count == 1 {
            told.push(command(1, &prefix));
        }
    }

    fn remove(&mut self, peer: u64, prefix: &Bytes, told: &mut Vec<Message>) {
        let Some(prefixes) = self.by_peer.get_mut(&peer) else { return };
        if let Some(place) = prefixes.iter().position(|known| known == prefix) {
            prefixes.swap_remove(place);
            self.count_down(prefix, told);
        }
    }

    fn remove_all(&mut self, peer: u64, told: &mut Vec<Message>) {
        for prefix in self.by_peer.remove(&peer).unwrap_or_default() {
            self.count_down(&prefix, told);
        }
    }

    fn count_down(&mut self, prefix: &Bytes, told: &mut Vec<Message>) {
        if let Some(count) = self.counts.get_mut(prefix) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(prefix);
                told.push(command(0, prefix));
            }
        }
    }
}

/// As an XSUB socket takes it.
fn command(what: u8, prefix: &[u8]) -> Message {
    Message::single([&[what], prefix].concat())
}

/// Forwards until a socket is closed: from an XSUB socket to a PUB socket.
pub(in crate::pubsub) async fn forward(publishers: Socket, subscribers: Socket) {
    let mut subscriptions = Subscriptions::default();
    let Some(mut events) = look_anew(&publishers, &subscribers, &mut subscriptions).await else { return };
    let mut messages = Vec::with_capacity(BATCH);
    loop {
        let next = race(events.recv(), publishers.recv_many_into(BATCH, &mut messages)).await;
        let goes_on = match next {
            Either::Left(Ok(event)) => tell(&publishers, follow(&mut subscriptions, event)).await,
            Either::Left(Err(MonitorRecvError::Lagged(_))) => {
                match look_anew(&publishers, &subscribers, &mut subscriptions).await {
                    Some(anew) => {
                        events = anew;
                        true
                    }
                    None => false,
                }
            }
            Either::Left(Err(_)) | Either::Right(Err(_)) => false,
            Either::Right(Ok(_)) => tell(&subscribers, messages.drain(..)).await,
        };
        if !goes_on {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Takes note of a change. Returns what publishers are to be told.
fn follow(subscriptions: &mut Subscriptions, event: MonitorEvent) -> Vec<Message> {
    let mut told = Vec::new();
    match event {
        MonitorEvent::SubscribeReceived { connection_id, prefix } => {
            subscriptions.add(connection_id, prefix, &mut told);
        }
        MonitorEvent::UnsubscribeReceived { connection_id, prefix } => {
            subscriptions.remove(connection_id, &prefix, &mut told);
        }
        MonitorEvent::Disconnected { peer, .. } => subscriptions.remove_all(peer.connection_id, &mut told),
        _ => {}
    }
    told
}

/// Finds out who has subscribed to what; for the beginning, and when too much has happened at once. The changes follow in the stream.
async fn look_anew(
    publishers: &Socket,
    subscribers: &Socket,
    subscriptions: &mut Subscriptions,
) -> Option<MonitorStream> {
    let (events, peers) = subscribers.monitor_with_subscriptions().await.ok()?;
    let mut found = Subscriptions::default();
    for subscribed in peers {
        for prefix in subscribed.prefixes {
            found.add(subscribed.peer.connection_id, prefix, &mut Vec::new());
        }
    }
    let begun = found.counts.keys().filter(|prefix| !subscriptions.counts.contains_key(*prefix));
    let ended = subscriptions.counts.keys().filter(|prefix| !found.counts.contains_key(*prefix));
    let changes: Vec<_> =
        begun.map(|prefix| command(1, prefix)).chain(ended.map(|prefix| command(0, prefix))).collect();
    *subscriptions = found;
    tell(publishers, changes).await.then_some(events)
}

/// Sends, and waits while the socket has no room; what single peers have no room for is dropped by it. Says whether the socket is open.
async fn tell(socket: &Socket, messages: impl IntoIterator<Item = Message>) -> bool {
    for mut message in messages {
        loop {
            match socket.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) => {
                    message = back;
                    socket.wait_send_ready().await;
                }
                Err(TrySendError::Closed) => return false,
                // It was no message of 0MQ's; there are none that a peer could have sent.
                Err(TrySendError::Error(_)) => break,
            }
        }
    }
    true
}
