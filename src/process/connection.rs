//! The connection between the two processes. One side is the host, to whom the other is a stranger until it has shown a ticket; the
//! other is the guest, who waits for the answer. From then on each has a [`Peer`].

use std::borrow::Cow;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::codec::Codec;
use super::error::{ConnectError, ConnectErrorKind};
use super::lobby::Lobby;
use super::socket;
use super::ticket::Ticket;
use super::wire::{self, Decoder, Denial, Hello, VERSION, Welcome, kind};
use crate::net::{Admission, Disconnect, Link, Protocol, Stream, Timeouts, When};

/// How long a stranger may take to show its ticket, and who shows one to be told whether it is good.
pub(super) const GREETING_TIME: Duration = Duration::from_secs(10);

/// How long a peer may take nothing of what it was told last.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A connection's link.
pub(super) type ConnectionLink = Arc<Link<Connection>>;

/// What is on this side of a connection. Called on the thread that reads, or closes.
pub(super) trait Peer: Send + Sync {
    /// The guest is welcome: the host has said so, or the guest has just read it.
    fn welcomed(&self, link: &ConnectionLink, welcome: &Welcome);
    /// Handles a frame: its kind, and what follows it.
    fn on_frame(&self, link: &ConnectionLink, kind: u8, payload: &[u8]) -> Result<(), Disconnect>;
    /// All frames that were read together have been handled.
    fn on_read(&self) {}
    /// The connection has ended. Called once.
    fn on_closed(self: Arc<Self>, reason: &Disconnect);
}

pub(super) struct Connection {
    /// From the greeting on.
    peer: OnceLock<Arc<dyn Peer>>,
    side: Side,
    /// How long a frame may be.
    limit: Arc<AtomicUsize>,
}

enum Side {
    Host(Stranger),
    Guest(Guest),
}

/// Somebody at the door.
struct Stranger {
    lobby: Weak<Lobby>,
    /// It counts as long as this is here.
    admission: Mutex<Option<Admission>>,
}

/// What has become of the ticket that this side has shown.
struct Guest {
    answer: Mutex<Answer>,
    answered: Condvar,
}

enum Answer {
    /// It has not come. If it is good, this is at this side.
    Awaited(Arc<dyn Peer>),
    Came(Result<Welcome, ConnectError>),
    /// It was taken, or nobody waits for it any more.
    Taken,
}

impl Connection {
    /// Takes somebody who came to the door, and may take so long to show its ticket.
    pub(super) fn receive(stream: Stream, lobby: &Arc<Lobby>, admission: Admission, patience: Duration) {
        let stranger = Stranger { lobby: Arc::downgrade(lobby), admission: Mutex::new(Some(admission)) };
        match Self::open(stream, Side::Host(stranger), wire::GREETING_LIMIT, Some(patience)) {
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

    /// Goes to the router that a ticket names, which is trusted, and shows it. Waits for the answer, for the time of a greeting at most.
    pub(super) fn join(
        ticket: &Ticket,
        codec: Codec,
        type_name: String,
        peer: Arc<dyn Peer>,
    ) -> Result<(ConnectionLink, Welcome), ConnectError> {
        let deadline = Instant::now() + GREETING_TIME;
        let stream = socket::connect(&ticket.address, Some(deadline)).map_err(ConnectError::unreachable)?;
        let guest = Guest { answer: Mutex::new(Answer::Awaited(peer)), answered: Condvar::new() };
        let link = Self::open(stream, Side::Guest(guest), usize::MAX, None);
        let link = link.map_err(ConnectError::unreachable)?;
        let hello = Hello {
            version: VERSION,
            number: ticket.number,
            secret: ticket.secret.0,
            codec: codec.name().into(),
            type_name,
        };
        // If this fails, the connection has ended, which is told as an answer.
        let _ = link.send(hello.to_frame(), When::Now);
        let answer = match &link.protocol().side {
            Side::Guest(guest) => guest.wait(deadline),
            Side::Host(_) => None,
        };
        let text = "the process that gave out the ticket did not answer in ten seconds";
        let answer = answer.unwrap_or_else(|| Err(ConnectError::new(ConnectErrorKind::TimedOut, text)));
        match answer {
            Ok(welcome) => Ok((link, welcome)),
            Err(error) => {
                link.close(Disconnect::closed_here());
                Err(error)
            }
        }
    }

    fn open(
        stream: Stream,
        side: Side,
        limit: usize,
        greeting: Option<Duration>,
    ) -> std::io::Result<ConnectionLink> {
        let limit = Arc::new(AtomicUsize::new(limit));
        let timeouts = Timeouts {
            greeting,
            // A process may be stopped for as long as somebody looks at it in a debugger. Once all is said it is not waited for.
            message: None,
            stall: None,
            last_stall: Some(LAST_WORDS),
            ..Timeouts::default()
        };
        let decoder = Decoder::new(&limit);
        Link::open(stream, decoder, Self { peer: OnceLock::new(), side, limit }, timeouts)
    }

    /// From now on frames may be so long.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed); // for `Decoder::decode`, see there
    }

    /// Looks at the first frame of all.
    fn greet(&self, link: &ConnectionLink, frame: &[u8]) -> Result<(), Disconnect> {
        match &self.side {
            Side::Host(stranger) => self.look_at_ticket(stranger, link, frame),
            Side::Guest(guest) => self.hear_answer(guest, link, frame),
        }
    }

    fn look_at_ticket(
        &self,
        stranger: &Stranger,
        link: &ConnectionLink,
        frame: &[u8],
    ) -> Result<(), Disconnect> {
        let [kind::HELLO, hello @ ..] = frame else {
            return Err(wire::malformed("something other than a greeting"));
        };
        let hello = Hello::read(hello)?;
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
                peer.welcomed(link, &welcome);
                Ok(())
            }
            Err((denial, text)) => {
                link.send(denial.to_frame(&text), When::Now)?;
                link.finish(Disconnect::closed_here());
                Ok(())
            }
        }
    }

    fn hear_answer(&self, guest: &Guest, link: &ConnectionLink, frame: &[u8]) -> Result<(), Disconnect> {
        match frame {
            [kind::WELCOME, welcome @ ..] => {
                let welcome = Welcome::read(welcome)?;
                guest.answer(|peer| {
                    peer.welcomed(link, &welcome);
                    let _ = self.peer.set(peer);
                    Ok(welcome)
                });
            }
            [kind::DENIED, denied @ ..] => {
                let (denial, text) = Denial::read(denied)?;
                guest.answer(|_| Err(ConnectError::denied(denial, text)));
            }
            // It was about to be welcomed.
            [kind::CLOSED] => {
                let text = "the ticket's pipe was closed";
                guest.answer(|_| Err(ConnectError::new(ConnectErrorKind::ExpiredTicket, text)));
            }
            _ => return Err(wire::malformed("something other than an answer to a ticket")),
        }
        Ok(())
    }
}

impl Guest {
    /// The answer has come, or never will. It is the first that counts.
    fn answer(&self, answer: impl FnOnce(Arc<dyn Peer>) -> Result<Welcome, ConnectError>) {
        let mut state = self.answer.lock();
        match mem::replace(&mut *state, Answer::Taken) {
            Answer::Awaited(peer) => *state = Answer::Came(answer(peer)),
            other => *state = other,
        }
        self.answered.notify_all();
    }

    /// Waits for the answer. After that none counts.
    fn wait(&self, deadline: Instant) -> Option<Result<Welcome, ConnectError>> {
        let mut state = self.answer.lock();
        while matches!(*state, Answer::Awaited(_)) {
            if self.answered.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        match mem::replace(&mut *state, Answer::Taken) {
            Answer::Came(answer) => Some(answer),
            Answer::Awaited(_) | Answer::Taken => None,
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
        let has_guest = matches!(self.side, Side::Host(_)) && self.peer.get().is_some();
        if has_guest {
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
        match (self.peer.get(), &self.side) {
            (Some(peer), _) => Arc::clone(peer).on_closed(reason),
            (None, Side::Guest(guest)) => guest.answer(|_| Err(ConnectError::disconnected(reason))),
            (None, Side::Host(_)) => log::debug!("foreground: somebody without a ticket has gone: {reason}"),
        }
    }

    fn is_idle(&self) -> bool {
        true
    }
}
