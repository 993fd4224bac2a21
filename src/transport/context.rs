use std::fmt;

use super::ReplyError;
use crate::room::Place;

/// The right to answer one message, with [`reply`](Self::reply) or [`ServerTransport::send_reply`](super::ServerTransport::send_reply).
///
/// It may be kept, and used later and on any thread: when the user has clicked, say. Dropped, the message stays unanswered: a client by
/// HTTP (status 503) or NATS is told so at once, one over 0MQ waits until its own timeout.
#[must_use = "dropped, the message stays unanswered"]
pub struct Context {
    responder: Box<dyn Responder>,
    /// After the responder: what has been answered is done with.
    place: Option<Place>,
}

/// Sends the reply to one message. Who writes a transport implements it; dropped, there will be no reply.
pub trait Responder: Send {
    /// Sends the reply. Does not wait for the network.
    ///
    /// # Errors
    /// The client has gone, or the reply cannot be sent.
    fn reply(self: Box<Self>, reply: Vec<u8>) -> Result<(), ReplyError>;

    /// Whether it is known that nobody waits for the reply any more.
    fn is_abandoned(&self) -> bool {
        false
    }

    /// Who asked, for people: an address, or whatever the transport knows.
    fn peer(&self) -> String;
}

impl Context {
    /// Makes the right to answer of something that sends the reply.
    ///
    /// # Examples
    ///
    /// See [`Incoming`](super::Incoming).
    pub fn new(responder: impl Responder + 'static) -> Self {
        Self { responder: Box::new(responder), place: None }
    }

    pub(super) fn holding(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Sends the reply. Never waits for the network; any thread may call it.
    ///
    /// # Errors
    /// [`ReplyError::Abandoned`] with the reply, if the client is known to have gone; the transport's own errors. That it returns no
    /// error does not mean that the client has got it.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{self, ClientTransport, ServerTransport};
    ///
    /// let (client, server) = transport::in_process();
    /// let asking = std::thread::spawn(move || client.send_message(b"2 + 2".to_vec(), true));
    /// let (context, message) = server.receive_message()?;
    /// assert_eq!(message, b"2 + 2");
    /// context.reply(*b"4")?;
    /// assert_eq!(asking.join().unwrap()?, Some(b"4".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reply(self, reply: impl Into<Vec<u8>>) -> Result<(), ReplyError> {
        self.responder.reply(reply.into())
    }

    /// Returns whether it is known that nobody waits for the reply any more, so that work for it can be left undone. Where the
    /// transport cannot know, as with 0MQ, it is `false`.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{self, ClientTransport, ServerTransport};
    /// use std::time::Duration;
    ///
    /// let (client, server) = transport::in_process();
    /// client.with_timeout(Duration::ZERO).send_message(b"too late".to_vec(), true).unwrap_err();
    /// let (context, _) = server.receive_message()?;
    /// assert!(context.is_abandoned());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_abandoned(&self) -> bool {
        self.responder.is_abandoned()
    }

    /// Returns who asked, for people and logs: an address, or what else the transport knows. It proves nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{self, ClientTransport, ServerTransport};
    ///
    /// let (client, server) = transport::in_process();
    /// let asking = std::thread::spawn(move || client.send_message(b"who am I?".to_vec(), false));
    /// let (context, _) = server.receive_message()?;
    /// assert_eq!(context.peer(), "in process");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn peer(&self) -> String {
        self.responder.peer()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("peer", &self.peer()).finish_non_exhaustive()
    }
}
