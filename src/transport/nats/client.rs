use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::refusal::refused;
use crate::nats::{Connection, Inner, check_subject};
use crate::net::after;
use crate::transport::client::deliver_once;
use crate::transport::{ClientTransport, Error, ErrorKind};
use crate::{MessageRouter, PipeError};

/// How long a client waits unless it is told else.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends messages to whoever serves a subject. A cheap handle, on a connection that others may use too.
///
/// # Examples
///
/// ```no_run
/// use foreground::nats;
/// use foreground::transport::nats::Client;
/// use foreground::transport::{ClientTransport, ErrorKind};
///
/// let connection = nats::connect("127.0.0.1")?;
/// let client = Client::new(&connection, "calculator")?;
/// match client.send_message(b"2 + 2".to_vec(), true) {
///     Ok(reply) => println!("{reply:?}"),
///     Err(error) if error.kind() == ErrorKind::NoResponders => println!("nobody calculates"),
///     Err(error) => println!("{error}"),
/// }
/// # Ok::<(), foreground::transport::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    connection: Arc<Inner>,
    subject: Arc<str>,
    timeout: Option<Duration>,
}

impl Client {
    /// Makes a client for a subject. Nothing is sent yet, and the server need not be there.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: no subject to send to; it holds a space, a wildcard, or a dot too many.
    pub fn new(connection: &Connection, subject: &str) -> Result<Self, Error> {
        check_subject(subject)?;
        Ok(Self { connection: connection.inner().clone(), subject: subject.into(), timeout: Some(TIMEOUT) })
    }

    /// Sets how long a message may take; the default is 30 seconds, and `None` is for ever.
    #[must_use]
    pub fn with_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Returns the subject.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    async fn send(
        &self,
        message: Vec<u8>,
        expect_reply: bool,
        deadline: Option<Instant>,
    ) -> Result<Option<Vec<u8>>, Error> {
        if !expect_reply {
            return self.connection.tell(&self.subject, message, deadline).await.map(|()| None);
        }
        let reply = self.connection.call(&self.subject, message, deadline).await?;
        if let Some(error) = refused(&reply) {
            return Err(error);
        }
        let limit = self.connection.message_limit();
        if reply.payload.len() > limit {
            let text = format!("the reply has {} bytes, and the limit is {limit}", reply.payload.len());
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        Ok(Some(reply.payload.into()))
    }
}

impl ClientTransport for Client {
    fn send_message(&self, message: Vec<u8>, expect_reply: bool) -> Result<Option<Vec<u8>>, Error> {
        let deadline = self.timeout.and_then(after);
        self.connection.wait(self.send(message, expect_reply, deadline))
    }

    #[track_caller]
    fn send_message_on<S: 'static>(
        &self,
        router: &MessageRouter<S>,
        message: Vec<u8>,
        expect_reply: bool,
        callback: impl FnOnce(&mut S, Result<Option<Vec<u8>>, Error>) + 'static,
    ) -> Result<(), PipeError> {
        let tell = deliver_once(router, callback)?;
        let client = self.clone();
        let deadline = self.timeout.and_then(after);
        self.connection.runtime().spawn(async move {
            let outcome = client.send(message, expect_reply, deadline).await;
            tell(outcome);
        });
        Ok(())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("subject", &self.subject)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
