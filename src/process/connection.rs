//! The connection between the two processes: a stranger until it has shown a ticket, then a [`Peer`].

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::lobby::Lobby;
use super::wire::{self, Decoder, kind};
use crate::net::{Admission, Disconnect, Link, Protocol, Stream, Timeouts, When};

/// How long a stranger may take to show its ticket, and who shows one to be told whether it is good.
pub(super) const GREETING_TIME: Duration = Duration::from_secs(10);

/// A connection's link.
pub(super) type ConnectionLink = Arc<Link<Connection>>;

/// What is on this side of a connection. Called on the thread that reads, or closes.
pub(super) trait Peer: Send + Sync {
    /// Handles a frame: its kind, and what follows it.
    fn on_frame(&self, link: &ConnectionLink, kind: u8, payload: &[u8]) -> Result<(), Disconnect>;
    /// All frames that were read together have been handled.
    fn on_read(&self) {}
    /// It was told that it is welcome.
    fn welcomed(&self, _: &ConnectionLink) {}
    /// The connection has ended. Called once.
    fn on_closed(self: Arc<Self>, reason: &Disconnect);
}

pub(super) struct Connection {
    peer: OnceLock<Arc<dyn Peer>>,
    stranger: Option<Stranger>,
    /// How long a frame may be.
    limit: Arc<AtomicUsize>,
}

/// Somebody at the door.
struct Stranger {
    lobby: Weak<Lobby>,
    /// It counts as long as this is here.
    admission: Mutex<Option<Admission>>,
    /// How long it may take to show its ticket.
    patience: Duration,
}

impl Connection {
    /// Takes somebody who came to the door.
    pub(super) fn receive(stream: Stream, lobby: &Arc<Lobby>, admission: Admission, patience: Duration) {
        let stranger =
            Stranger { lobby: Arc::downgrade(lobby), admission: Mutex::new(Some(admission)), patience };
        let limit = Arc::new(AtomicUsize::new(wire::GREETING_LIMIT));
        let connection = Self { peer: OnceLock::new(), stranger: Some(stranger), limit };
        match connection.open(stream) {
            Ok(link) => lobby.stands_at_the_door(&link),
            Err(error) => {
                log::warn!("foreground: a process that came with a ticket cannot be received: {error}");
            }
        }
    }

    /// Whether it has shown no ticket yet, or a bad one.
    pub(super) fn is_stranger(&self) -> bool {
        self.peer.get().is_none()
    }

    /// Takes a connection that was made from here, to a router that is trusted.
    pub(super) fn join(stream: Stream, peer: Arc<dyn Peer>) -> std::io::Result<ConnectionLink> {
        let limit = Arc::new(AtomicUsize::new(usize::MAX));
        Self { peer: OnceLock::from(peer), stranger: None, limit }.open(stream)
    }

    fn open(self, stream: Stream) -> std::io::Result<ConnectionLink> {
        let timeouts = Timeouts {
            greeting: self.stranger.as_ref().map(|stranger| stranger.patience),
            // A process may be stopped for as long as somebody looks at it in a debugger.
            message: None,
            stall: None,
            ..Timeouts::default()
        };
        let decoder = Decoder::new(&self.limit);
        Link::open(stream, decoder, self, timeouts)
    }

    /// From now on frames may be so long.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed); // for `Decoder::decode`, see there
    }

    fn greet(&self, link: &ConnectionLink, frame: &[u8]) -> Result<(), Disconnect> {
        let (Some(stranger), [kind::HELLO, hello @ ..]) = (&self.stranger, frame) else {
            return Err(wire::malformed("something other than a greeting"));
        };
        let hello = wire::Hello::read(hello)?;
        let Some(lobby) = stranger.lobby.upgrade() else {
            return Err(Disconnect::closed_here());
        };
        match lobby.admit(&hello) {
            Ok((invited, welcome)) => {
                link.greeted();
                self.set_limit(welcome.limit as usize);
                drop(stranger.admission.lock().take());
                let peer = invited.came(link, &hello);
                let peer = self.peer.get_or_init(|| peer);
                // If it has gone, what it sent before is still worth having.
                let _ = link.send(welcome.to_frame(), When::Now);
                peer.welcomed(link);
                Ok(())
            }
            Err((denial, text)) => {
                link.send(denial.to_frame(&text), When::Now)?;
                link.finish(Disconnect::closed_here());
                Ok(())
            }
        }
    }
}

impl Protocol for Connection {
    type Decoder = Decoder;

    fn on_message(&self, link: &ConnectionLink, frame: Cow<'_, [u8]>) -> Result<(), Disconnect> {
        match (self.peer.get(), frame.split_first()) {
            (Some(peer), Some((&kind, payload))) => peer.on_frame(link, kind, payload),
            (None, Some(_)) => self.greet(link, &frame),
            (_, None) => Err(wire::malformed("an empty frame")),
        }
    }

    fn on_bad_input(&self, link: &ConnectionLink, reason: Disconnect) {
        log::debug!("foreground: a connection between processes is cut off: {reason}");
        // Who has left so much unread that the system takes no more would not read this either, and be listened to for ever.
        if self.peer.get().is_some() && self.stranger.is_some() && link.unsent() == 0 {
            // So that it learns of it as of a close, and does not take this process for dead.
            let _ = link.send(wire::frame(kind::CLOSED, |_| {}), When::Now);
            link.finish(reason);
        } else {
            link.close(reason);
        }
    }

    fn on_read(&self, _: &ConnectionLink) {
        if let Some(peer) = self.peer.get() {
            peer.on_read();
        }
    }

    fn on_closed(&self, reason: &Disconnect) {
        match self.peer.get() {
            Some(peer) => Arc::clone(peer).on_closed(reason),
            None => log::debug!("foreground: somebody without a ticket has gone: {reason}"),
        }
    }

    fn is_idle(&self) -> bool {
        true
    }
}
