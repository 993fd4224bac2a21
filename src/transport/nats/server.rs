use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::message::OutboundMessage;
use async_nats::{Message, Subject};
use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio::task::unconstrained;

use super::refusal::Refusal;
use crate::nats::{Connection, Inner, Subscribing, check_group, check_pattern};
use crate::net::{after, is_io_thread};
use crate::runtime::{Either, race};
use crate::transport::{Context, Error, Incoming, ReplyError, Responder, ServerTransport};

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
        let closing = Arc::new(Notify::new());
        let subscribing = connection.subscribe(subject, Some(group));
        let receiving = receive(Arc::downgrade(connection), subscribing, incoming.clone(), closing.clone());
        // Else it would stop after 128 messages, while the engine goes on to read thousands.
        connection.runtime().spawn_weak(unconstrained(receiving));
        let open = Open { connection: connection.clone(), incoming, closing, subject: subject.into() };
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
    closing: Arc<Notify>,
    subject: Box<str>,
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

    fn close(&self) {
        self.open.close();
    }

    /// As the trait says; then waits, within the same time, until NATS has the replies.
    fn stop(&self, grace: Duration) -> usize {
        let deadline = after(grace);
        self.close();
        let unanswered = self.open.incoming.wait_answered(deadline);
        self.open.incoming.clear();
        if !is_io_thread() {
            // Who asked has a timeout; there is nobody to be told here.
            let _ = self.open.connection.wait(self.open.connection.flushed(deadline));
        }
        unanswered
    }
}

impl Open {
    fn close(&self) {
        self.incoming.close();
        self.closing.notify_one();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
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
async fn receive(
    connection: Weak<Inner>,
    subscribing: Subscribing,
    incoming: Incoming,
    closing: Arc<Notify>,
) {
    // The engine's queue takes no more only when the connection is gone.
    let Ok(mut subscriber) = subscribing.await else { return incoming.close() };
    loop {
        match race(subscriber.next(), closing.notified()).await {
            Either::Left(Some(message)) => take(&connection, message, &incoming),
            Either::Left(None) => return incoming.close(),
            Either::Right(_) => break,
        }
    }
    if subscriber.drain().await.is_ok() {
        while let Some(message) = subscriber.next().await {
            refuse(&connection, message, Refusal::Closed);
        }
    }
}

fn take(connection: &Weak<Inner>, message: Message, incoming: &Incoming) {
    let Some(inner) = connection.upgrade() else { return };
    if message.payload.len() > inner.message_limit() {
        return refuse(connection, message, Refusal::TooLarge);
    }
    if !incoming.has_room() {
        return refuse(connection, message, Refusal::Busy);
    }
    let context = Context::new(ToInbox { connection: inner, inbox: message.reply });
    // Given back, as nobody takes any more: the context says so when it is dropped.
    let _ = incoming.push(context, message.payload.into());
}

fn refuse(connection: &Weak<Inner>, message: Message, refusal: Refusal) {
    if let (Some(connection), Some(inbox)) = (connection.upgrade(), message.reply) {
        send_refusal(&connection, inbox, refusal);
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
