use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use async_nats::message::OutboundMessage;
use async_nats::{Message, Subject, Subscriber};
use futures_util::StreamExt;
use tokio::sync::{Notify, watch};
use tokio::task::unconstrained;

use super::refusal::Refusal;
use crate::nats::{Connection, Inner, Subscribing, check_group, check_pattern};
use crate::net::after;
use crate::runtime::{Either, race, until};
use crate::transport::{Context, Error, ErrorKind, Incoming, ReplyError, Responder, ServerTransport};

/// How long it may take to leave, and after how many rounds to the server and back without a message none is thought to be on its way.
const LEAVING: Duration = Duration::from_secs(1);
const QUIET_ROUNDS: u32 = 20;

/// What a [`Server`] is like: queue group and limits. Then [`serve`](Self::serve) with them.
///
/// # Examples
///
/// ```no_run
/// # let connection = foreground::nats::connect("127.0.0.1")?;
/// use foreground::transport::nats::Options;
///
/// // One message at a time; meanwhile others get [`Busy`](foreground::transport::ErrorKind::Busy).
/// let server = Options::new().queue_group("painters").unanswered_limit(1, 1024 * 1024).serve(&connection, "paint")?;
/// # Ok::<(), foreground::transport::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `serve` is called with them"]
pub struct Options {
    group: Option<String>,
    unanswered: Option<(usize, usize)>,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Starts with the defaults: the queue group is named as the subject, 10,000 messages of 64 MiB altogether may be unanswered.
    pub fn new() -> Self {
        Self { group: None, unanswered: None }
    }

    /// Sets the queue group. Each message goes to one server of a group, chosen by NATS; where several groups serve a subject, to one of
    /// each, and the first reply counts. The default is the subject, so that all who serve a subject share the work.
    pub fn queue_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets how many messages may be unanswered, and their bytes. What comes then is refused: its client gets
    /// [`Busy`](crate::transport::ErrorKind::Busy) at once.
    pub fn unanswered_limit(mut self, messages: usize, bytes: usize) -> Self {
        self.unanswered = Some((messages, bytes));
        self
    }

    /// Serves a subject, from now on. `*` stands for one word between dots, and `>` at the end for all that follows. Never waits:
    /// where the server cannot be reached just now, it serves as soon as it can.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::transport::ErrorKind::InvalidInput): no subject, or no group.
    pub fn serve(&self, connection: &Connection, subject: &str) -> Result<Server, Error> {
        check_pattern(subject)?;
        let group = self.group.as_deref().unwrap_or(subject);
        check_group(group)?;
        let incoming = match self.unanswered {
            Some((messages, bytes)) => Incoming::with_limit(messages, bytes),
            None => Incoming::new(),
        };
        let connection = connection.inner();
        let signals = Arc::new(Signals::default());
        let (left, has_left) = watch::channel(());
        let receiver = Receiver {
            connection: Arc::downgrade(connection),
            incoming: incoming.clone(),
            signals: signals.clone(),
            count: 0,
        };
        let subscribing = connection.subscribe(subject, Some(group));
        // Else it would stop after 128 messages, while the engine goes on to read thousands.
        connection.runtime().spawn_weak(unconstrained(async move {
            receiver.run(subscribing).await;
            drop(left);
        }));
        let open =
            Open { connection: connection.clone(), incoming, signals, has_left, subject: subject.into() };
        Ok(Server { open: Arc::new(open) })
    }
}

/// Serves a subject: whoever sends messages there gets them answered. A cheap handle; when the last is dropped, and nobody is
/// [served](ServerTransport::serve_on), it is closed.
///
/// # Examples
///
/// ```no_run
/// use foreground::nats;
/// use foreground::transport::ServerTransport;
/// use foreground::transport::nats::Server;
///
/// let connection = nats::connect("127.0.0.1")?;
/// let server = Server::new(&connection, "echo")?;
/// while let Ok((context, message)) = server.receive_message() {
///     let _ = context.reply(message);
/// }
/// # Ok::<(), foreground::transport::Error>(())
/// ```
#[derive(Clone)]
pub struct Server {
    open: Arc<Open>,
}

struct Open {
    connection: Arc<Inner>,
    incoming: Incoming,
    signals: Arc<Signals>,
    /// Fails when the subject is served no more, and all that was on its way has come.
    has_left: watch::Receiver<()>,
    subject: Box<str>,
}

/// To the task that receives.
#[derive(Default)]
struct Signals {
    closing: Notify,
    /// Nobody is left who could take a message.
    is_abandoned: AtomicBool,
}

impl Server {
    /// Serves a subject with the defaults of [`Options`].
    ///
    /// # Errors
    /// Those of [`Options::serve`].
    pub fn new(connection: &Connection, subject: &str) -> Result<Self, Error> {
        Options::new().serve(connection, subject)
    }

    /// Returns the subject.
    pub fn subject(&self) -> &str {
        &self.open.subject
    }
}

impl ServerTransport for Server {
    fn incoming(&self) -> &Incoming {
        &self.open.incoming
    }

    /// Leaves the queue group, and so takes no more messages but those that NATS has sent already: these can still be received and
    /// answered. Never waits.
    fn close(&self) {
        self.open.close();
    }

    /// As the trait says; then waits, within the same time, until NATS has the replies.
    fn stop(&self, grace: Duration) -> usize {
        let deadline = after(grace);
        self.close();
        let Open { connection, incoming, has_left, .. } = &*self.open;
        let mut has_left = has_left.clone();
        // On the connection's own thread nobody waits.
        let _ = connection.wait(async move {
            until(deadline, has_left.changed()).await;
            Ok(())
        });
        incoming.close();
        let unanswered = incoming.wait_answered(deadline);
        incoming.clear();
        // Who asked has a timeout; there is nobody to be told here.
        let _ = connection.wait(connection.flushed(deadline));
        unanswered
    }
}

impl Open {
    fn close(&self) {
        self.signals.closing.notify_one();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.signals.is_abandoned.store(true, Ordering::Relaxed);
        self.incoming.close();
        self.close();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("subject", &self.open.subject)
            .field("incoming", &self.open.incoming)
            .finish_non_exhaustive()
    }
}

/// Takes what comes until the server is closed, and then what was on its way.
struct Receiver {
    connection: Weak<Inner>,
    incoming: Incoming,
    signals: Arc<Signals>,
    /// How many messages have come.
    count: u64,
}

impl Receiver {
    async fn run(mut self, subscribing: Subscribing) {
        // It fails only when the connection has ended.
        if let Ok(mut subscriber) = subscribing.await {
            let signals = self.signals.clone();
            if let Either::Right(()) = race(self.all(&mut subscriber), signals.closing.notified()).await {
                self.leave(&mut subscriber).await;
            }
        }
        self.incoming.close();
    }

    /// Takes messages until no more can come.
    async fn all(&mut self, subscriber: &mut Subscriber) {
        while let Some(message) = subscriber.next().await {
            self.count += 1;
            self.take(message);
        }
    }

    /// Ends the subscription without losing what NATS has sent already. The engine forgets a subscription as soon as it has asked for its
    /// end, so what comes after that is lost. But it can be ended after a number of messages, which are then exactly those that come.
    async fn leave(&mut self, subscriber: &mut Subscriber) {
        let Some(connection) = self.connection.upgrade() else { return };
        let deadline = after(LEAVING);
        let before = self.count;
        if self.round(subscriber, &connection, deadline).await != Some(true) {
            return; // There is no connection, and nothing on its way.
        }
        // Twice as many as come in one round to the server and back, which are all that may be on their way.
        let more = 2 * (self.count - before) + 8;
        if subscriber.unsubscribe_after(self.count + more).await.is_err() {
            return;
        }
        // Where they come slowly, that takes too long; but then hardly any is on its way at one moment.
        let mut quiet = 0;
        while quiet < QUIET_ROUNDS {
            let before = self.count;
            match self.round(subscriber, &connection, deadline).await {
                Some(true) => quiet = if self.count == before { quiet + 1 } else { 0 },
                Some(false) => return,
                None => break,
            }
        }
        if subscriber.drain().await.is_ok() {
            until(after(LEAVING), self.all(subscriber)).await;
        }
    }

    /// Takes messages while something goes to the server and back. Says whether the connection is there and more may come; nothing when
    /// the time is over.
    async fn round(
        &mut self,
        subscriber: &mut Subscriber,
        connection: &Arc<Inner>,
        deadline: Option<Instant>,
    ) -> Option<bool> {
        match race(self.all(subscriber), connection.flushed(deadline)).await {
            Either::Left(()) => Some(false),
            Either::Right(Ok(())) => Some(true),
            Either::Right(Err(error)) if error.kind() == ErrorKind::Timeout => None,
            Either::Right(Err(_)) => Some(false),
        }
    }

    fn take(&self, message: Message) {
        let Some(connection) = self.connection.upgrade() else { return };
        let refusal = if self.signals.is_abandoned.load(Ordering::Relaxed) {
            Refusal::Closed
        } else if message.payload.len() > connection.message_limit() {
            Refusal::TooLarge
        } else if !self.incoming.has_room() {
            Refusal::Busy
        } else {
            let context = Context::new(ToInbox { connection, inbox: message.reply });
            // A waker is the user's, and runs here. One that panics has been told of, and costs nobody else anything.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                // Given back, as nobody takes any more: the context says so when it is dropped.
                let _ = self.incoming.push(context, message.payload.into());
            }));
            return;
        };
        if let Some(inbox) = message.reply {
            send_refusal(&connection, inbox, refusal);
        }
    }
}

fn send_refusal(connection: &Arc<Inner>, inbox: Subject, refusal: Refusal) {
    let headers = Some(refusal.headers());
    // Who asked has a timeout, too.
    let _ = connection.post(OutboundMessage {
        subject: inbox,
        reply: None,
        payload: Default::default(),
        headers,
    });
}

/// Sends the reply, or says that there is none.
struct ToInbox {
    connection: Arc<Inner>,
    /// `None` if no reply is wanted, or it was sent.
    inbox: Option<Subject>,
}

impl Responder for ToInbox {
    fn reply(mut self: Box<Self>, reply: Vec<u8>) -> Result<(), ReplyError> {
        let Some(inbox) = self.inbox.take() else { return Ok(()) };
        if let Err(error) = self.connection.check_size(reply.len()) {
            send_refusal(&self.connection, inbox, Refusal::ReplyTooLarge);
            return Err(ReplyError::Failed(error));
        }
        let message = OutboundMessage { subject: inbox, reply: None, payload: reply.into(), headers: None };
        self.connection.post(message).map_err(ReplyError::Failed)
    }

    fn peer(&self) -> String {
        match &self.inbox {
            Some(inbox) => format!("{inbox} at {}", self.connection.address()),
            None => format!("somebody at {}", self.connection.address()),
        }
    }
}

impl Drop for ToInbox {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.take() {
            send_refusal(&self.connection, inbox, Refusal::Unanswered);
        }
    }
}
