//! The way out: a line of messages, and a task that sends them, with or without NATS confirming each.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::Settled;
use super::stored::send_stored;
use super::subjects::Root;
use crate::nats::Inner;
use crate::net::after;
use crate::pubsub::engine::{Frame, Halt, Settings};
use crate::runtime::{race, until};
use crate::transport::{Error, ErrorKind};

/// After how many messages, and after what time at the latest, NATS is asked whether it has them.
const UNCONFIRMED: u64 = 1000;
const UNCONFIRMED_FOR: Duration = Duration::from_millis(250);
/// Room for the headers of a message that is stored: they hold its id.
const HEADERS: usize = 128;
/// How many bytes may wait, whatever the high-water mark.
const BYTES: usize = 64 * 1024 * 1024;

pub(crate) struct Outlet {
    connection: Arc<Inner>,
    root: Root,
    line: Arc<Line>,
    linger: Option<Duration>,
    /// How many bytes a message has beside its text, for the server.
    headers: usize,
}

/// What is to be sent.
pub(super) struct Line {
    state: Mutex<State>,
    limit: usize,
    /// Something has come, or it is closing.
    news: Notify,
    closing: Notify,
    is_over: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: usize,
    dropped: u64,
    /// Taken from the line, and not known to have arrived.
    on_the_way: u64,
    /// As before, of connections that were lost.
    uncertain: u64,
    is_closed: bool,
    /// Until when what is there is still sent; `None` is for ever.
    give_up_at: Option<Instant>,
}

impl Outlet {
    pub(crate) fn start(settled: &Settled, settings: &Settings) -> Self {
        let line = Arc::new(Line {
            state: Mutex::default(),
            limit: usize::try_from(settings.high_water_mark).unwrap_or(usize::MAX),
            news: Notify::new(),
            closing: Notify::new(),
            is_over: watch::Sender::new(false),
        });
        let Settled { connection, root, stream, .. } = settled.clone();
        let headers = if stream.is_some() { HEADERS } else { 0 };
        let (task, inner, prefix, delay) =
            (line.clone(), connection.clone(), root.clone(), settings.start_delay);
        // It holds the connection: until it is stopped, what was put is still to be sent.
        connection.runtime().spawn(async move {
            let send = async {
                tokio::time::sleep(delay).await;
                match &stream {
                    None => send(&inner, &prefix, &task).await,
                    Some(stream) => send_stored(&inner, &prefix, stream, &task).await,
                }
            };
            race(send, task.given_up()).await;
            task.is_over.send_replace(true);
        });
        Self { connection, root, line, linger: settings.linger, headers }
    }
}

impl crate::pubsub::engine::Outlet for Outlet {
    fn check_channel(&self, channel: &str) -> Result<(), Error> {
        self.root.check(channel)
    }

    fn send(&self, frame: Frame) -> Result<(), Error> {
        self.connection.check_size(frame.text().len() + self.headers)?;
        let mut state = self.line.state.lock();
        if state.is_closed {
            return Err(Error::new(ErrorKind::Closed, "the publisher was stopped"));
        }
        if state.frames.len() >= self.line.limit || state.bytes >= BYTES {
            state.dropped += 1;
            return Ok(());
        }
        state.bytes += frame.bytes.len();
        state.frames.push_back(frame);
        drop(state);
        self.line.news.notify_one();
        Ok(())
    }

    fn dropped(&self) -> u64 {
        self.line.state.lock().dropped
    }

    fn stop(&self, deadline: Option<Instant>) -> Halt {
        self.line.close(deadline);
        let mut is_over = self.line.is_over.subscribe();
        // On the connection's own thread nobody waits: what is there then counts as unsent.
        let waited = self.connection.wait(async move {
            let _ = is_over.wait_for(|is_over| *is_over).await;
            Ok(())
        });
        let mut state = self.line.state.lock();
        if waited.is_err() {
            state.give_up_at = Some(Instant::now());
        }
        let unsent = state.frames.len() as u64 + state.on_the_way + state.uncertain;
        Halt { unsent, is_flushed: unsent == 0 }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.line.close(self.linger.and_then(after));
    }
}

impl Line {
    /// Takes no more. The first who closes it says until when what is there is sent.
    fn close(&self, give_up_at: Option<Instant>) {
        let mut state = self.state.lock();
        if !state.is_closed {
            (state.is_closed, state.give_up_at) = (true, give_up_at);
        }
        drop(state);
        self.news.notify_one();
        self.closing.notify_one();
    }

    /// Ends when it is closed and the time is over.
    async fn given_up(&self) {
        self.closing.notified().await;
        let give_up_at = self.state.lock().give_up_at;
        match give_up_at {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    }

    /// The next message, as soon as there is one; none when it is closed and all were taken.
    pub(super) async fn next(&self) -> Option<Frame> {
        loop {
            let (frame, is_closed) = self.try_next();
            if frame.is_some() || is_closed {
                return frame;
            }
            self.news.notified().await;
        }
    }

    /// The next message, if there is one, and whether no more will come.
    pub(super) fn try_next(&self) -> (Option<Frame>, bool) {
        let mut state = self.state.lock();
        let frame = state.frames.pop_front();
        if let Some(frame) = &frame {
            state.bytes -= frame.bytes.len();
            state.on_the_way += 1;
        }
        (frame, state.is_closed)
    }

    /// Of what was taken, so many have arrived.
    pub(super) fn arrived(&self, count: u64) {
        let mut state = self.state.lock();
        state.on_the_way = state.on_the_way.saturating_sub(count);
    }

    /// What was taken is refused for good.
    pub(super) fn refused(&self) {
        let mut state = self.state.lock();
        state.on_the_way = state.on_the_way.saturating_sub(1);
        state.dropped += 1;
    }

    /// Of what was taken, so many may have been lost.
    fn lost(&self, count: u64) {
        let mut state = self.state.lock();
        state.on_the_way = state.on_the_way.saturating_sub(count);
        state.uncertain += count;
    }
}

impl Frame {
    /// The subject and the text.
    pub(super) fn split(self, root: &Root) -> (String, Bytes) {
        let subject = root.subject(&String::from_utf8_lossy(self.channel()));
        let start = self.channel_len + 1;
        (subject, Bytes::from(self.bytes).slice(start..))
    }
}

/// Sends until the line has ended. What was on its way when a connection is lost may be lost with it.
async fn send(connection: &Arc<Inner>, root: &Root, line: &Line) {
    let (mut by, mut sent, mut ask_at) = (0, 0, None);
    loop {
        let next = until(ask_at, line.next()).await;
        let is_end = matches!(next, Some(None));
        let frame = next.flatten();
        // Without a deadline it fails only when all has ended.
        let Ok(now_by) = connection.connected(None).await else { return };
        if now_by != by {
            line.lost(sent);
            (by, sent) = (now_by, 0);
        }
        if let Some(frame) = frame {
            let (subject, text) = frame.split(root);
            if connection.client().publish(subject, text).await.is_err() {
                return;
            }
            sent += 1;
            ask_at = ask_at.or_else(|| after(UNCONFIRMED_FOR));
        }
        let is_time = ask_at.is_some_and(|time| time <= Instant::now());
        if sent > 0 && (is_end || is_time || sent >= UNCONFIRMED) {
            match connection.flushed(None).await {
                Ok(()) if connection.connected(None).await.is_ok_and(|now_by| now_by == by) => {
                    line.arrived(sent)
                }
                _ => line.lost(sent),
            }
            sent = 0;
        }
        if sent == 0 {
            ask_at = None;
        }
        if is_end {
            return;
        }
    }
}
