//! What lies below the handles: calls, messages and subscriptions.

use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_nats::client::traits::Publisher;
use async_nats::message::OutboundMessage;
use async_nats::{Client, Message, PublishError, PublishErrorKind, Request, RequestErrorKind, Subscriber};
use tokio::sync::watch;

use super::link::{Link, State};
use crate::room::Room;
use crate::runtime::{Either, GaveUp, Runtime, race, until};
use crate::transport::{Error, ErrorKind};

/// How many messages, and how many bytes of them, may wait for a server that takes nothing, beside the 2048 that the engine holds.
const WAITING: usize = 10_000;
const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// How long what was sent may still take to be written when the last handle has gone.
const LINGER: Duration = Duration::from_secs(1);

/// What the handles share. All that waits in it is polled on whatever thread wants it; the private one moves the bytes.
pub(crate) struct Inner {
    client: Client,
    runtime: Arc<Runtime>,
    link: watch::Sender<Link>,
    address: String,
    message_limit: usize,
    waiting: Arc<Room>,
}

impl Inner {
    pub(super) fn new(
        client: Client,
        runtime: Arc<Runtime>,
        address: String,
        message_limit: usize,
    ) -> Arc<Self> {
        let link =
            Link { state: State::Connected, connects: 1, trouble: None, complaint: Default::default() };
        Arc::new(Self {
            client,
            runtime,
            link: watch::Sender::new(link),
            address,
            message_limit,
            waiting: Room::new(WAITING, WAITING_BYTES),
        })
    }

    /// Looks how things stand. The engine's events are only a reason to: some are lost when there are many.
    pub(super) fn refresh(&self) {
        let is_up = self.client.connection_state() == async_nats::connection::State::Connected;
        let connects = self.client.statistics().connects.load(Ordering::Relaxed);
        self.link.send_if_modified(|link| {
            let state = if is_up { State::Connected } else { State::Reconnecting };
            let has_changed = (link.state, link.connects) != (state, connects);
            (link.state, link.connects) = (state, connects);
            if is_up {
                link.trouble = None;
            }
            has_changed
        });
    }

    /// How things stand.
    pub(super) fn link(&self) -> Link {
        self.link.borrow().clone()
    }

    /// Tells of each change.
    pub(super) fn watch(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    pub(super) fn trouble(&self, text: String) {
        self.link.send_if_modified(|link| {
            link.trouble = Some(text);
            false
        });
    }

    pub(super) fn complain(&self, text: String) {
        self.link.send_modify(|link| link.complaint = (link.complaint.0 + 1, text));
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    pub(crate) fn message_limit(&self) -> usize {
        self.message_limit
    }

    /// Waits on the calling thread.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.runtime.wait(None, future).unwrap_or_else(|gave_up| match gave_up {
            GaveUp::WouldDeadlock | GaveUp::Timeout | GaveUp::ThreadEnds => Err(Error::new(
                ErrorKind::WouldDeadlock,
                "this thread serves the connection, and must not wait for it",
            )),
        })
    }

    /// Waits for the server to be there, and says by which connection.
    pub(crate) async fn connected(&self, deadline: Option<Instant>) -> Result<u64, Error> {
        let mut link = self.link.subscribe();
        match until(deadline, link.wait_for(Link::is_up)).await {
            Some(Ok(link)) => Ok(link.connects),
            Some(Err(_)) => Err(closed()),
            None => Err(self.unreachable()),
        }
    }

    fn unreachable(&self) -> Error {
        let trouble = self.link.borrow().trouble.clone().unwrap_or_else(|| "it has just been lost".into());
        let (kind, what) = match &*trouble {
            trouble if trouble.contains("authorization violation") => (ErrorKind::Refused, "refuses"),
            _ => (ErrorKind::Unreachable, "cannot be reached"),
        };
        Error::new(kind, format!("{} {what}; nothing was sent", self.address)).because(trouble)
    }

    /// Ends when that connection was lost.
    pub(crate) async fn lost(&self, connection: u64) {
        let mut link = self.link.subscribe();
        let _ = link.wait_for(|link| !link.is_up() || link.connects != connection).await;
    }

    /// Fails when that connection was lost, and when the server refuses what was said to `subject`; else it never ends.
    async fn failed(&self, connection: u64, seen: u64, subject: &str) -> Error {
        let mut link = self.link.subscribe();
        let refused = format!("\"{subject}\"");
        let is_refused = |link: &Link| {
            link.complaint.0 > seen
                && link.complaint.1.contains("ermissions")
                && link.complaint.1.contains(&refused)
        };
        let news = link
            .wait_for(|link| !link.is_up() || link.connects != connection || is_refused(link))
            .await
            .map(|link| link.clone());
        match news {
            Err(_) => closed(),
            Ok(link) if is_refused(&link) => {
                let text = format!("{} does not let this user send to {subject:?}", self.address);
                Error::new(ErrorKind::Refused, text).because(link.complaint.1)
            }
            Ok(_) => {
                let text = format!("the connection to {} was lost before the reply came", self.address);
                Error::new(ErrorKind::Disconnected, text)
            }
        }
    }

    /// Sends a request, and waits for the reply.
    pub(crate) async fn call(
        &self,
        subject: &str,
        payload: Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<Message, Error> {
        let connection = self.connected(deadline).await?;
        self.check_size(payload.len())?;
        let seen = self.link.borrow().complaint.0;
        // An inbox for each: the engine's own remembers for ever each request that was never answered.
        let request = Request::new().payload(payload.into()).inbox(self.client.new_inbox()).timeout(None);
        let replying = self.client.send_request(subject.to_owned(), request);
        let failed = self.failed(connection, seen, subject);
        let outcome = until(deadline, race(replying, failed)).await;
        match outcome {
            Some(Either::Left(Ok(message))) => Ok(message),
            Some(Either::Left(Err(error))) => Err(match error.kind() {
                RequestErrorKind::NoResponders => {
                    Error::new(ErrorKind::NoResponders, format!("nobody serves {subject:?} just now"))
                }
                RequestErrorKind::MaxPayloadExceeded => {
                    Error::new(ErrorKind::TooLarge, "the message is too long for the server").because(error)
                }
                RequestErrorKind::InvalidSubject => {
                    Error::new(ErrorKind::InvalidInput, format!("{subject:?} is no subject")).because(error)
                }
                _ => Error::new(ErrorKind::Disconnected, "the connection has ended").because(error),
            }),
            Some(Either::Right(error)) => Err(error),
            None => Err(Error::new(
                ErrorKind::Timeout,
                format!("no reply of {subject:?} came before the timeout"),
            )),
        }
    }

    /// Sends a message to which there is no reply, and waits until the engine has taken it.
    pub(crate) async fn tell(
        &self,
        subject: &str,
        payload: Vec<u8>,
        deadline: Option<Instant>,
    ) -> Result<(), Error> {
        self.connected(deadline).await?;
        self.check_size(payload.len())?;
        let sending = async {
            self.client.publish(subject.to_owned(), payload.into()).await?;
            self.client
                .flush()
                .await
                .map_err(|error| PublishError::with_source(PublishErrorKind::Send, error))
        };
        match until(deadline, sending).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                Err(Error::new(ErrorKind::Disconnected, "the connection has ended").because(error))
            }
            None => {
                let text = format!("{} did not take the message before the timeout", self.address);
                Err(Error::new(ErrorKind::Timeout, text))
            }
        }
    }

    /// Waits until the server has what was sent before: it answers in order.
    pub(crate) async fn flushed(&self, deadline: Option<Instant>) -> Result<(), Error> {
        // What nobody can have subscribed to; the server says so when it has read all that came before.
        match self.call(&self.client.new_inbox(), Vec::new(), deadline).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NoResponders => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the server takes a message of so many bytes.
    pub(crate) fn check_size(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.client.max_payload();
        if bytes > limit {
            let text = format!("the message has {bytes} bytes, and {} takes {limit} at most", self.address);
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        Ok(())
    }

    /// Has a message sent, soon and without waiting for it. What is sent so by one thread need not arrive in that order.
    pub(crate) fn post(self: &Arc<Self>, message: OutboundMessage) -> Result<(), Error> {
        self.check_size(message.payload.len())?;
        let bytes = message.payload.len();
        let client = self.client.clone();
        let mut sending = Box::pin(async move { client.publish_message(message).await });
        match poll_once(sending.as_mut()) {
            Poll::Ready(Ok(())) => Ok(()),
            Poll::Ready(Err(error)) => Err(match error.kind() {
                PublishErrorKind::MaxPayloadExceeded => {
                    Error::new(ErrorKind::TooLarge, "the message is too long for the server").because(error)
                }
                PublishErrorKind::InvalidSubject => {
                    Error::new(ErrorKind::Protocol, "the other side gave no subject to answer to")
                        .because(error)
                }
                PublishErrorKind::Send => closed().because(error),
            }),
            Poll::Pending if !self.waiting.has_room() => {
                let text = format!("{} takes nothing, and too much waits for it already", self.address);
                Err(Error::new(ErrorKind::Full, text))
            }
            Poll::Pending => {
                let place = self.waiting.take(bytes);
                self.runtime.spawn_weak(async move {
                    // Who has sent it is not waiting for it any more.
                    let _ = sending.await;
                    drop(place);
                });
                Ok(())
            }
        }
    }

    /// Subscribes, at once where that is possible: then a `flush` after it waits for it too.
    pub(crate) fn subscribe(&self, pattern: &str, group: Option<&str>) -> Subscribing {
        let (client, pattern, group) = (self.client.clone(), pattern.to_owned(), group.map(str::to_owned));
        let mut subscribing: Subscribing = Box::pin(async move {
            match group {
                Some(group) => client.queue_subscribe(pattern, group).await,
                None => client.subscribe(pattern).await,
            }
            .map_err(|error| Error::new(ErrorKind::Closed, "cannot subscribe").because(error))
        });
        match poll_once(subscribing.as_mut()) {
            Poll::Ready(subscriber) => Box::pin(future::ready(subscriber)),
            Poll::Pending => subscribing,
        }
    }
}

pub(crate) type Subscribing = Pin<Box<dyn Future<Output = Result<Subscriber, Error>> + Send>>;

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.link.borrow().is_up() {
            return; // The thread ends now, and with it all attempts.
        }
        let client = self.client.clone();
        self.runtime.spawn(async move {
            // What was sent is still written, as all stands in one line. Whoever wants to know whether it arrives flushes before.
            let _ = tokio::time::timeout(LINGER, client.flush()).await;
        });
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the connection was closed")
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
