//! The way in for durable subscribers: it asks NATS for as many messages as there is room for.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_nats::jetstream::{self, AckKind, Message};
use futures_util::StreamExt;
use tokio::sync::Notify;

use super::Durable;
use super::Stream;
use super::held::{AGAIN_AFTER, Held, answer};
use super::intake::batch;
use super::stream::{is_passing, refused};
use super::subjects::{Root, begins};
use crate::nats::Inner;
use crate::net::after;
use crate::pubsub::engine::Settings;
use crate::pubsub::inbox::Inbox;
use crate::runtime::{Either, race, until};
use crate::transport::{Error, ErrorKind};

/// How many messages are asked for at once, and for how long.
const BATCH: usize = 100;
const EXPIRES: Duration = Duration::from_secs(30);
/// How long it may take to give back what nobody takes any more, and after what silence nothing is thought to be on its way.
const GIVING_BACK: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_millis(50);
/// How long to wait after something failed.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

pub(crate) struct Puller {
    closing: Arc<Notify>,
    /// It pulls as long as somebody has this.
    _connection: Arc<Inner>,
}

struct Task {
    connection: std::sync::Weak<Inner>,
    root: Root,
    stream: Stream,
    durable: Durable,
    inbox: Arc<Inbox>,
    held: Arc<Held>,
    message_limit: usize,
}

impl Puller {
    pub(super) fn start(
        connection: &Arc<Inner>,
        root: &Root,
        stream: &Stream,
        durable: Durable,
        settings: &Settings,
        inbox: Arc<Inbox>,
    ) -> Self {
        let limit = durable.unacknowledged().min(settings.high_water_mark);
        let held = Held::new(usize::try_from(limit).unwrap_or(usize::MAX));
        let sign_of_life = durable.sign_of_life();
        let task = Task {
            connection: Arc::downgrade(connection),
            root: root.clone(),
            stream: stream.clone(),
            durable,
            inbox,
            held,
            message_limit: settings.message_limit,
        };
        let closing = Arc::new(Notify::new());
        let closed = closing.clone();
        let runtime = connection.runtime();
        let (held, inner) = (task.held.clone(), Arc::downgrade(connection));
        runtime.spawn_weak(async move {
            let mut asked = None;
            race(task.pull(&mut asked), closed.notified()).await;
            task.inbox.close();
            if let Some(messages) = asked {
                task.give_back(messages).await;
            }
        });
        // For as long as anything is held, be it by a callback that has outlived the subscriber.
        runtime.spawn_weak(async move {
            loop {
                tokio::time::sleep(sign_of_life).await;
                let Some(connection) = inner.upgrade() else { return };
                if Arc::strong_count(&held) == 1 {
                    return;
                }
                held.give_signs_of_life(&connection);
            }
        });
        Self { closing, _connection: connection.clone() }
    }
}

impl crate::pubsub::engine::Intake for Puller {
    /// The inbox sorts out what was not asked for. NATS remembers what this subscriber is given, and so is not asked for less.
    fn exact(&self) {}

    fn close(&self) {
        self.closing.notify_one();
    }
}

impl Task {
    /// Pulls until nobody takes messages any more. What was asked for last may then still come.
    async fn pull(&self, asked: &mut Option<pull::Batch>) {
        let patterns = self.root.patterns(self.inbox.channels(), false);
        if patterns.is_empty() {
            return std::future::pending().await;
        }
        // One subject is all that every server can be asked for. Of more, it sends everything, and the rest is sorted out here.
        let filter = if let [one] = &patterns[..] { one.clone() } else { self.root.all() };
        let (mut pause, mut told) = (PAUSE, None);
        while let Some(connection) = self.connection.upgrade() {
            let outcome = self.pull_by(&connection, &filter, asked).await;
            drop(connection);
            match outcome {
                Ok(true) => {
                    (pause, told) = (PAUSE, None);
                    continue;
                }
                Ok(false) if self.inbox.is_closed() => return,
                // The foreground is served no more, but may be again by another handle.
                Ok(false) => {
                    if let Some(messages) = asked.take() {
                        self.give_back(messages).await;
                    }
                    while self.inbox.is_deserted() {
                        tokio::time::sleep(PAUSE).await;
                    }
                    continue;
                }
                Err(error) if is_passing(&error) => log::debug!("no messages just now: {error}"),
                Err(error) => {
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        self.inbox.refuse(text.clone());
                        told = Some(text);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Pulls by one connection until it is lost; says whether anybody still takes messages.
    async fn pull_by(
        &self,
        connection: &Arc<Inner>,
        filter: &str,
        asked: &mut Option<pull::Batch>,
    ) -> Result<bool, Error> {
        *asked = None;
        let by = connection.connected(None).await?;
        let consumer = self.consumer(connection, filter).await?;
        loop {
            std::future::poll_fn(|context| self.inbox.poll_room(context)).await;
            let count = self.held.room().await.min(BATCH);
            let asking = consumer.batch().max_messages(count).expires(EXPIRES).messages();
            let messages = asked.insert(asking.await.map_err(interrupted)?);
            loop {
                match race(messages.next(), connection.lost(by)).await {
                    Either::Left(Some(Ok(message))) => {
                        if !self.take(connection, message) {
                            return Ok(false);
                        }
                    }
                    Either::Left(Some(Err(error))) => return Err(interrupted(error)),
                    Either::Left(None) => break,
                    Either::Right(()) => return Ok(true),
                }
            }
        }
    }

    /// Gives back what NATS sends before it knows that nobody takes it any more. Else it would come again when NATS has lost patience only.
    async fn give_back(&self, mut messages: pull::Batch) {
        let Some(connection) = self.connection.upgrade() else { return };
        let giving = async {
            while let Some(Some(Ok(message))) = until(after(QUIET), messages.next()).await {
                if let Some(reply) = message.message.reply {
                    // Not at once, or it would come here.
                    answer(&connection, reply, AckKind::Nak(Some(AGAIN_AFTER)));
                }
            }
        };
        until(after(GIVING_BACK), giving).await;
    }

    async fn consumer(&self, connection: &Arc<Inner>, filter: &str) -> Result<Consumer<pull::Config>, Error> {
        self.stream.make(connection, &self.root, false, None).await?;
        let context = jetstream::new(connection.client().clone());
        let config = self.durable.config(filter.to_owned());
        let name = self.stream.name_for(&self.root);
        context.create_consumer_on_stream(config, name).await.map_err(|error| match error.kind() {
            ConsumerErrorKind::JetStream(said) => refused(&said, "the durable subscriber").because(error),
            _ => interrupted(error),
        })
    }

    /// Says whether anybody still takes messages.
    fn take(&self, connection: &Arc<Inner>, message: Message) -> bool {
        let number = match message.info() {
            Ok(info) => info.stream_sequence,
            Err(error) => {
                log::warn!("a message that is of no stream: {error}");
                return true;
            }
        };
        let Message { message, .. } = message;
        let Some(reply) = message.reply else { return true };
        let channel = self.root.channel(&message.subject);
        if !begins(channel, self.inbox.channels()) {
            answer(connection, reply, AckKind::Ack);
            return true;
        }
        match self.held.hold(connection, number, reply) {
            Some(done) => {
                self.inbox.push(batch(channel, &message.payload, self.message_limit, Some(done)))
                    && !self.inbox.is_deserted()
            }
            None => true,
        }
    }
}

fn interrupted(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Disconnected, "the stream was interrupted").because(error)
}
