//! How it stands with the router: what it says, and what becomes of this process when it goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::super::connection::{ConnectionLink, Peer};
use super::super::orphan;
use super::super::wire::{self, Welcome, kind};
use super::room::{Room, too_much};
use crate::net::{Disconnect, Timer};

/// What to do when the router's process has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum OnLost {
    /// End this process.
    Exit,
    /// Send no more.
    Close,
}

/// How long a process may live that was told of the close, once the router's process has gone.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What the connection calls. It does not keep the connection, which keeps it.
pub(super) struct Standing {
    on_lost: OnLost,
    /// From the welcome on.
    room: OnceLock<Room>,
    state: Mutex<State>,
    /// Nothing can be sent any more.
    closed: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The pipe was ended from here.
    ended: bool,
    /// The router has said that it is closed.
    told: bool,
    /// Ends this process, as that of the router has gone.
    exit: Option<Timer>,
}

impl Standing {
    pub(super) fn new(on_lost: OnLost) -> Self {
        Self { on_lost, room: OnceLock::new(), state: Mutex::default(), closed: AtomicBool::new(false) }
    }

    pub(super) fn room(&self) -> Option<&Room> {
        self.room.get()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release); // read by `is_closed`
        if let Some(room) = self.room.get() {
            room.close();
        }
    }

    /// The pipe is ended from here: that the router goes is no matter any more.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
    }

    /// Waits until no value of a latest pipe is kept here. False when the time has come before, or when it never will be sent.
    pub(super) fn wait_newest(&self, deadline: Option<Instant>) -> bool {
        match self.room.get() {
            Some(Room::Latest(newest)) => newest.wait_sent(deadline),
            _ => true,
        }
    }
}

impl Peer for Standing {
    fn welcomed(&self, _: &ConnectionLink, welcome: &Welcome) {
        let _ = self.room.set(Room::of(welcome.capacity));
    }

    fn on_frame(&self, link: &ConnectionLink, kind: u8, payload: &[u8]) -> Result<(), Disconnect> {
        match (kind, self.room.get()) {
            (kind::CREDIT, Some(room)) => {
                let messages = wire::read_credit(payload)?;
                let was_taken = match room {
                    Room::Bounded(bound) => bound.release_many(messages.into()),
                    Room::Latest(newest) => messages == 1 && newest.came(link),
                    Room::Any => false,
                };
                if was_taken { Ok(()) } else { Err(too_much()) }
            }
            (kind::CLOSED, _) => {
                self.state.lock().told = true;
                self.close();
                Ok(())
            }
            _ => Err(wire::malformed("a frame of an unknown kind")),
        }
    }

    fn on_closed(self: Arc<Self>, reason: &Disconnect) {
        let state = self.state.lock();
        let (told, ended) = (state.told, state.ended);
        drop(state);
        self.close();
        if ended || self.on_lost == OnLost::Close {
            return;
        }
        if !told {
            orphan::end_process(format_args!(
                "the process that receives has gone, so this one ends: {reason}"
            ));
        }
        // It was told just before, and may be at its last words.
        let standing = Arc::downgrade(&self);
        let exit = move || {
            if standing.upgrade().is_some_and(|standing| !standing.state.lock().ended) {
                orphan::end_process(format_args!("the process that received has gone, and so this one ends"));
            }
        };
        // Without a timer it lives on, which is the lesser harm.
        let timer = Timer::at(Instant::now() + LAST_WORDS, exit).ok();
        self.state.lock().exit = timer;
    }
}
