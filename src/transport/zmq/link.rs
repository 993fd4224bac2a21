//! One connection of a client.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omq_tokio::{
    DisconnectReason, Message, MonitorEvent, MonitorRecvError, MonitorStream, MonitorTryRecvError,
};
use omq_tokio::{ReconnectPolicy, SocketType};

use crate::runtime::{Either, race};
use crate::transport::{Error, ErrorKind};
use crate::zmq::{Endpoint, Settings, Socket, failed, to_vec};

/// What a connection is used for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    /// A REQ socket: a message, its reply, and so on.
    Calls,
    /// A DEALER socket, which sends what REQ would send, but waits for nothing.
    Posts,
}

/// A socket with one connection, used by one call at a time. After an error it is of no use: a reply that comes late must not be
/// taken for the next one's.
pub(super) struct Link {
    socket: Socket,
    watch: Watch,
    is_connecting: bool,
    idle_since: Instant,
    reply_limit: usize,
}

impl Link {
    pub(super) fn open(to_be_used: Use, endpoint: &Endpoint, settings: &Settings) -> Result<Self, Error> {
        let kind = match to_be_used {
            Use::Calls => SocketType::Req,
            Use::Posts => SocketType::Dealer,
        };
        let socket = Socket::open(kind, settings, |mut options| {
            if matches!(to_be_used, Use::Calls) {
                // What nobody waits for any more is not sent.
                options = options.linger(Duration::ZERO);
            }
            if endpoint.is_inproc() {
                // The reply is in memory already; that it is too long is better told below.
                options.max_message_size = None;
            }
            options.reconnect(RECONNECT)
        })?;
        let watch = Watch { events: socket.monitor(), state: State::Away, hang_ups: 0 };
        let (idle_since, reply_limit) = (Instant::now(), settings.message_limit);
        Ok(Self { socket, watch, is_connecting: false, idle_since, reply_limit })
    }

    /// Whether there has been a connection, so that something may have arrived.
    pub(super) fn was_connected(&self) -> bool {
        self.watch.state == State::Ready
    }

    /// What was called is done with.
    pub(super) fn rest(&mut self) {
        self.idle_since = Instant::now();
    }

    /// Whether it can be used: it is new, or its connection stands, as far as is known.
    pub(super) async fn is_usable(&mut self) -> bool {
        if !self.is_connecting {
            return true;
        }
        if self.idle_since.elapsed() > A_MOMENT {
            // The server may have been started again meanwhile. What is sent over the old connection then would be lost.
            self.socket.runtime().catch_up().await;
        }
        loop {
            match self.watch.events.try_recv() {
                Ok(event) if self.watch.see(&event).is_err() => return false,
                Ok(_) | Err(MonitorTryRecvError::Lagged(_)) => {}
                Err(MonitorTryRecvError::Empty) => return self.was_connected(),
                Err(_) => return false,
            }
        }
    }

    /// Sends a message and waits for its reply.
    pub(super) async fn call(&mut self, endpoint: &Endpoint, message: Vec<u8>) -> Result<Vec<u8>, Error> {
        self.connect(endpoint).await?;
        // Second replies to earlier ones, which no server should send.
        while self.socket.try_recv().is_ok() {}
        self.socket.send(Message::single(message)).await.map_err(|error| failed("cannot send", error))?;
        loop {
            let reply = match race(self.socket.recv(), self.watch.next()).await {
                Either::Left(reply) => reply,
                Either::Right(Ok(())) => continue,
                // It may have come just before the end.
                Either::Right(Err(error)) => self.socket.try_recv().map_err(|_| error).map(Ok)?,
            };
            let reply = reply.map_err(|error| failed("no reply", error))?;
            let reply = reply.last_payload().unwrap_or_default();
            if reply.len() > self.reply_limit {
                return Err(too_large(&format!("{} bytes exceed {}", reply.len(), self.reply_limit)));
            }
            return Ok(to_vec(reply));
        }
    }

    /// Sends a message, and waits for nothing more. Replies to earlier ones are dropped.
    pub(super) async fn post(&mut self, endpoint: &Endpoint, message: Vec<u8>) -> Result<(), Error> {
        self.connect(endpoint).await?;
        while self.socket.try_recv().is_ok() {}
        let mut sending = pin!(self.socket.send(Message::multipart([Bytes::new(), message.into()])));
        loop {
            match race(&mut sending, self.watch.next()).await {
                Either::Left(sent) => return sent.map_err(|error| failed("cannot send", error)),
                Either::Right(event) => event?,
            }
        }
    }

    /// Waits for the connection. Nothing is given to the socket before, so whoever gives up until then has sent nothing.
    async fn connect(&mut self, endpoint: &Endpoint) -> Result<(), Error> {
        if !self.is_connecting {
            self.socket.dial(endpoint).await.map_err(|error| match error.kind() {
                // The name is not known; everything else is tried again and again.
                ErrorKind::Io => {
                    Error::new(ErrorKind::Unreachable, "the server cannot be found").because(error)
                }
                _ => error,
            })?;
            self.is_connecting = true;
        }
        while !self.was_connected() {
            self.watch.next().await?;
        }
        Ok(())
    }
}

/// Calls that follow each other come sooner than this; the end of one server and the start of the next take longer.
const A_MOMENT: Duration = Duration::from_micros(20);

/// Soon at first, as servers that are started again are soon there.
const RECONNECT: ReconnectPolicy =
    ReconnectPolicy::Exponential { min: Duration::from_millis(20), max: Duration::from_secs(1) };

/// How often in a row the other side may hang up during the handshake. Once or twice, it may be about to end, or full.
const HANG_UPS: u32 = 3;

/// Follows what becomes of the connection.
struct Watch {
    events: MonitorStream,
    state: State,
    hang_ups: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Away,
    /// Connected, but the handshake is not over.
    Shaking,
    Ready,
}

impl Watch {
    /// Waits for the next event; fails if the connection is lost with it, or cannot come about.
    async fn next(&mut self) -> Result<(), Error> {
        match self.events.recv().await {
            Ok(event) => self.see(&event),
            // A connection has few events; those that were missed do not say more than the next.
            Err(MonitorRecvError::Lagged(_)) => Ok(()),
            Err(_) => Err(Error::new(ErrorKind::Closed, "the connection was closed here")),
        }
    }

    fn see(&mut self, event: &MonitorEvent) -> Result<(), Error> {
        match event {
            MonitorEvent::Connected { .. } => {
                // An attempt that ended without a word is not told of.
                if self.state == State::Shaking {
                    self.hung_up()?;
                }
                self.state = State::Shaking;
                Ok(())
            }
            MonitorEvent::ConnectDelayed { .. } if self.state == State::Shaking => {
                self.state = State::Away;
                self.hung_up()
            }
            MonitorEvent::HandshakeSucceeded { .. } => {
                self.state = State::Ready;
                Ok(())
            }
            MonitorEvent::HandshakeFailed { reason, .. } => {
                self.state = State::Away;
                self.handshake_failed(reason)
            }
            MonitorEvent::ConnectStopped { reason, .. } => {
                self.handshake_failed(&format!("it sent ERROR: {reason:?}"))
            }
            MonitorEvent::Disconnected { reason, .. } => Err(lost(reason)),
            _ => Ok(()),
        }
    }

    fn handshake_failed(&mut self, reason: &str) -> Result<(), Error> {
        if reason.starts_with("io error") {
            self.hung_up()
        } else if reason.contains("timeout") {
            Ok(()) // it is tried again
        } else if is_about_security(reason) {
            Err(refused(reason))
        } else {
            let text = format!("what listens there is no server over 0MQ ({reason}); look at the address");
            Err(Error::new(ErrorKind::Protocol, text))
        }
    }

    /// What libzmq does when it does not like a key or the security, and this crate too when it is the key.
    fn hung_up(&mut self) -> Result<(), Error> {
        self.hang_ups += 1;
        if self.hang_ups < HANG_UPS {
            return Ok(());
        }
        Err(refused("it hangs up during the handshake"))
    }
}

/// The crate below tells it to people only.
fn is_about_security(reason: &str) -> bool {
    let words = ["mechanism", "CURVE", "sent ERROR"];
    words.iter().any(|word| reason.contains(word)) && !reason.contains("socket type")
}

fn refused(reason: &str) -> Error {
    let text = format!(
        "the server and this client do not agree on their security ({reason}): look whether both use CURVE, and the keys"
    );
    Error::new(ErrorKind::Refused, text)
}

fn too_large(reason: &str) -> Error {
    let text = format!("the reply is longer than the limit ({reason}); see `Options::message_limit`");
    Error::new(ErrorKind::TooLarge, text)
}

fn lost(reason: &DisconnectReason) -> Error {
    match reason {
        DisconnectReason::Error(text) if text.contains("too large") => too_large(text),
        reason => {
            let text =
                format!("the connection was lost ({reason:?}); whether the message arrived is not known");
            Error::new(ErrorKind::Disconnected, text)
        }
    }
}
