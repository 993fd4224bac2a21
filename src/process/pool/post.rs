//! An executor's side of the connection to a worker. What comes is kept for the thread that looks after the call.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::process::ExitStatus;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::super::connection::{ConnectionLink, Peer};
use super::super::lobby::{Asked, Entrance, Invited, Watched, check_version};
use super::super::ticket::Ticket;
use super::super::wire::{self, Capacity, Denial, Hello, Welcome};
use super::POOL_TYPE;
use super::crew::EXIT_TIME;
use super::wire::kind;
use crate::net::{Disconnect, DisconnectKind, Timer, When};

pub(super) struct Post {
    limit: u32,
    entrance: Entrance,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Option<ConnectionLink>,
    is_ready: bool,
    /// A call is under way.
    is_called: bool,
    has_begun: bool,
    frames: VecDeque<(u8, Vec<u8>)>,
    /// Why nothing more comes.
    gone: Option<String>,
    /// The process has ended.
    exited: Option<Option<ExitStatus>>,
    /// Ends the connection, as the process has ended.
    release: Option<Timer>,
    /// Of the thread that waits for news.
    waker: Option<Waker>,
}

impl State {
    /// Ends the connection of a process that has ended, once what it sent has been read. A process that it started may have it too,
    /// and live on.
    fn release_soon(&mut self) {
        let (Some(link), Some(_)) = (&self.link, self.exited) else { return };
        let link = Arc::downgrade(link);
        let release = move || {
            if let Some(link) = link.upgrade() {
                link.close(Disconnect::closed_here());
            }
        };
        let deadline = Instant::now().checked_add(EXIT_TIME);
        // Without a timer it stays until that process ends, that is all.
        self.release = deadline.and_then(|deadline| Timer::at(deadline, release).ok());
    }
}

/// What has become of a worker.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    pub(super) is_ready: bool,
    /// Why nothing more comes.
    pub(super) gone: Option<String>,
    /// It has ended, with this status if the system told it.
    pub(super) exited: Option<Option<ExitStatus>>,
}

impl Post {
    /// A new post, with a ticket for its worker.
    pub(super) fn open(limit: usize, valid_for: Duration) -> io::Result<(Arc<Self>, Ticket)> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let post = Arc::new(Self { limit, entrance: Entrance::new()?, state: Mutex::default() });
        let ticket = post.entrance.invite(Arc::clone(&post) as _, Some(valid_for))?;
        Ok((post, ticket))
    }

    /// Has a thread woken by all that comes from now on, in the place of the one before.
    pub(super) fn set_waker(&self, waker: Option<Waker>) {
        let old = mem::replace(&mut self.state.lock().waker, waker);
        drop(old);
    }

    pub(super) fn health(&self) -> Health {
        let state = self.state.lock();
        Health { is_ready: state.is_ready, gone: state.gone.clone(), exited: state.exited }
    }

    /// Whether it can be called, as far as the system knows.
    pub(super) fn is_well(&self) -> bool {
        let state = self.state.lock();
        let is_here = state.is_ready && state.gone.is_none() && state.exited.is_none();
        let link = state.link.clone();
        drop(state);
        is_here && link.is_some_and(|link| !link.is_hung_up())
    }

    /// Begins a call.
    pub(super) fn call(&self, frame: Vec<u8>) -> Result<(), Disconnect> {
        let mut state = self.state.lock();
        state.is_called = true;
        state.has_begun = false;
        let link = state.link.clone();
        drop(state);
        link.ok_or_else(Disconnect::closed_by_peer)?.send(frame, When::Now)
    }

    /// Whether the function has begun, or may have.
    pub(super) fn has_begun(&self) -> bool {
        self.state.lock().has_begun
    }

    pub(super) fn send(&self, frame: Vec<u8>) {
        let link = self.state.lock().link.clone();
        if let Some(link) = link {
            // If this fails, the connection has ended, which is told elsewhere.
            let _ = link.send(frame, When::Now);
        }
    }

    pub(super) fn next(&self) -> Option<(u8, Vec<u8>)> {
        self.state.lock().frames.pop_front()
    }

    /// Breaks with a worker that talks nonsense.
    pub(super) fn cut_off(&self, reason: Disconnect) {
        let link = self.state.lock().link.clone();
        if let Some(link) = link {
            link.close(reason);
        }
    }

    /// Changes something, and wakes who waits for it.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        let waker = state.waker.clone();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Invited for Post {
    fn admit(&self, hello: &Hello) -> Result<Welcome, (Denial, String)> {
        let checked = check_version(hello).and_then(|()| {
            if hello.type_name == POOL_TYPE {
                return Ok(Welcome { capacity: Capacity::Any, limit: self.limit });
            }
            let text = format!("{} is not {POOL_TYPE}; build both from the same foreground", hello.type_name);
            Err((Denial::Type, text))
        });
        checked.inspect_err(|(_, text)| self.change(|state| state.gone = Some(text.clone())))
    }

    fn came(self: Arc<Self>, link: &ConnectionLink, _: &Hello) -> Arc<dyn Peer> {
        let mut state = self.state.lock();
        state.link = Some(Arc::clone(link));
        state.release_soon();
        drop(state);
        self
    }

    fn expired(&self) {
        // Whoever waits for it has an eye on the time.
    }

    fn starting(&self, _: Arc<dyn Watched>) {}

    fn not_started(&self) {
        self.entrance.withdraw();
    }

    fn exited(self: Arc<Self>, status: Option<ExitStatus>) {
        self.change(|state| {
            state.exited = Some(status);
            state.release_soon();
        });
        self.entrance.withdraw();
    }

    fn ask_to_stop(&self) -> Asked {
        let state = self.state.lock();
        let (link, has_come) = (state.link.clone(), state.gone.is_some());
        drop(state);
        self.entrance.withdraw();
        match link {
            Some(link) if link.send(wire::frame(wire::kind::CLOSED, |_| {}), When::Now).is_ok() => {
                Asked::Told
            }
            None if !has_come => Asked::NotCome,
            _ => Asked::Gone,
        }
    }
}

impl Peer for Post {
    fn welcomed(&self, _: &ConnectionLink, _: &Welcome) {}

    fn on_frame(&self, _: &ConnectionLink, kind: u8, payload: &[u8]) -> Result<(), Disconnect> {
        let mut state = self.state.lock();
        match kind {
            kind::READY if !state.is_ready => state.is_ready = true,
            kind::BEGUN if state.is_called => {
                state.has_begun = true;
                return Ok(()); // nobody waits for this
            }
            kind::MESSAGE
            | kind::LATEST
            | kind::QUESTION
            | kind::STRANGE_QUESTION
            | kind::RETURNED
            | kind::RAISED
            | kind::PANICKED
            | kind::FAILED
                if state.is_called =>
            {
                state.is_called = !kind::is_end(kind);
                state.frames.push_back((kind, payload.to_vec()));
            }
            _ => return Err(wire::malformed("a frame that is not in its place")),
        }
        drop(state);
        self.change(|_| {});
        Ok(())
    }

    fn on_closed(self: Arc<Self>, reason: &Disconnect) {
        let mut kept = None;
        self.change(|state| {
            state.gone.get_or_insert_with(|| reason.to_string());
            // Something that was sent may not have been read.
            state.has_begun |= reason.kind() != DisconnectKind::ClosedByPeer;
            kept = Some((state.link.take(), state.release.take()));
        });
        drop(kept);
        match reason.kind() {
            DisconnectKind::TooLarge | DisconnectKind::Malformed | DisconnectKind::Panicked => {
                log::warn!("foreground: a worker process was cut off: {reason}");
            }
            _ => {}
        }
    }
}
