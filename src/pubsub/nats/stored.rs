//! Sends what shall be stored, again and again until NATS confirms it.

use std::collections::VecDeque;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{Context, PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, ErrorCode};
use bytes::Bytes;

use super::Stream;
use super::outlet::Line;
use super::stream::is_passing;
use super::subjects::Root;
use crate::nats::Inner;
use crate::runtime::{Either, race};

/// How many messages may be on the way at once.
const WINDOW: usize = 256;
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One that is not confirmed. By its id NATS knows it if it comes twice.
struct Unconfirmed {
    subject: String,
    text: Bytes,
    id: String,
}

/// What became of the oldest.
enum Outcome {
    Stored,
    /// For good.
    Refused(String),
    /// It, and all after it, must be sent again.
    Again,
}

/// Sends until the line has ended and all is confirmed, in order.
pub(super) async fn send_stored(connection: &Arc<Inner>, root: &Root, stream: &Stream, line: &Line) {
    let context = jetstream::new(connection.client().clone());
    let unique = connection.client().new_inbox();
    let (mut count, mut is_made, mut pause, mut told) = (0_u64, false, PAUSE, false);
    let mut unconfirmed: VecDeque<Unconfirmed> = VecDeque::new();
    loop {
        if unconfirmed.is_empty() {
            let Some(frame) = line.next().await else { return };
            unconfirmed.push_back(Unconfirmed::new(frame, root, &unique, &mut count));
        }
        let Ok(by) = connection.connected(None).await else { return };
        if !is_made {
            match stream.make(connection, root, false, None).await {
                Ok(()) => is_made = true,
                Err(error) => {
                    // It may be mended by somebody; until then all waits in the line.
                    if !is_passing(&error) && !std::mem::replace(&mut told, true) {
                        log::error!(
                            "nothing is stored of what is published below {:?}: {error}",
                            root.as_str()
                        );
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            }
        }
        pause = PAUSE;
        let mut confirming = VecDeque::new();
        for each in &unconfirmed {
            confirming.push_back(each.send(&context).await);
        }
        while let Some(oldest) = confirming.pop_front() {
            match race(outcome(oldest), connection.lost(by)).await {
                Either::Left(Outcome::Stored) => line.arrived(1),
                Either::Left(Outcome::Refused(reason)) => {
                    log::warn!("a message is not stored: {reason}");
                    line.refused();
                }
                Either::Left(Outcome::Again) => {
                    // The stream may be gone.
                    is_made = false;
                    tokio::time::sleep(PAUSE).await;
                    break;
                }
                Either::Right(()) => break,
            }
            unconfirmed.pop_front();
            while unconfirmed.len() < WINDOW {
                let (Some(frame), _) = line.try_next() else { break };
                let next = Unconfirmed::new(frame, root, &unique, &mut count);
                confirming.push_back(next.send(&context).await);
                unconfirmed.push_back(next);
            }
        }
    }
}

impl Unconfirmed {
    fn new(frame: crate::pubsub::engine::Frame, root: &Root, unique: &str, count: &mut u64) -> Self {
        *count += 1;
        let (subject, text) = frame.split(root);
        Self { subject, text, id: format!("{unique}.{count}") }
    }

    async fn send(&self, context: &Context) -> Result<PublishAckFuture, jetstream::context::PublishError> {
        let message = PublishMessage::build().payload(self.text.clone()).message_id(&self.id);
        context.send_publish(self.subject.clone(), message).await
    }
}

async fn outcome(sent: Result<PublishAckFuture, jetstream::context::PublishError>) -> Outcome {
    let confirmed = match sent {
        Ok(confirming) => confirming.await.map(drop),
        Err(error) => Err(error),
    };
    let Err(error) = confirmed else { return Outcome::Stored };
    let said = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    match (error.kind(), said) {
        (PublishErrorKind::MaxPayloadExceeded, _) => Outcome::Refused(error.to_string()),
        (_, Some(said)) if said.error_code() == ErrorCode::STREAM_STORE_FAILED || said.code() != 503 => {
            Outcome::Refused(said.to_string())
        }
        _ => Outcome::Again,
    }
}
