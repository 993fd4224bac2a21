//! Who can receive the requests of a bus: the servers, and the threads that they are bound to.
//!
//! It knows neither requests nor responses, so that a pending response can ask it without a type for the request.

use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::{Mutex, Thread, ThreadId, current};

/// A server, as far as it matters who else could take its part.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// A [`Server`](super::Server), which may receive on any thread.
    Anywhere,
    /// A [`Serving`](super::Serving), which receives on its router's thread.
    On(ThreadId),
}

pub(super) struct Roster {
    servers: Mutex<Servers>,
    /// Written with each request, by servers only; clients count themselves in and out next to it.
    received: Apart<AtomicU64>,
}

/// Keeps a value out of the reach of its neighbours' writes.
#[repr(align(128))]
struct Apart<T>(T);

struct Servers {
    anywhere: usize,
    foregrounds: Vec<ThreadId>,
    /// Foregrounds that wait for a response; each is to look again when a server has gone. One that has not waited for
    /// long may still be here, and is woken for nothing.
    waiting: Vec<Thread>,
}

impl Roster {
    /// Makes the roster of one server.
    pub(super) fn new() -> Self {
        let servers = Servers { anywhere: 1, foregrounds: Vec::new(), waiting: Vec::new() };
        Self { servers: Mutex::new(servers), received: Apart(AtomicU64::new(0)) }
    }

    /// Notes that the requests below this number have been received.
    pub(super) fn set_received(&self, below: u64) {
        // Relaxed: who asks has seen under the lock that a server has left, which it did after this.
        self.received.0.store(below, Relaxed);
    }

    /// Whether a server has received the request of this number.
    pub(super) fn is_received(&self, number: u64) -> bool {
        number < self.received.0.load(Relaxed)
    }

    pub(super) fn join(&self, place: Place) {
        let mut servers = self.servers.lock();
        match place {
            Place::Anywhere => servers.anywhere += 1,
            Place::On(thread) => servers.foregrounds.push(thread),
        }
    }

    /// Counts a server out. Returns whether it was the last one; then none can come any more.
    pub(super) fn leave(&self, place: Place) -> bool {
        let mut servers = self.servers.lock();
        match place {
            Place::Anywhere => servers.anywhere -= 1,
            Place::On(thread) => {
                let at = servers.foregrounds.iter().position(|other| *other == thread);
                at.map(|at| servers.foregrounds.swap_remove(at));
            }
        }
        let is_last = servers.anywhere == 0 && servers.foregrounds.is_empty();
        let waiting = std::mem::take(&mut servers.waiting);
        drop(servers);
        waiting.iter().for_each(Thread::unpark);
        is_last
    }

    /// Whether only the calling thread can receive a request, which it cannot while it waits for the response. If
    /// that may come to be so, the thread is unparked when it is to ask again.
    pub(super) fn is_only_here(&self) -> bool {
        let this = current();
        let mut servers = self.servers.lock();
        if !servers.foregrounds.contains(&this.id()) {
            return false;
        }
        if servers.anywhere == 0 && servers.foregrounds.iter().all(|thread| *thread == this.id()) {
            return true;
        }
        if servers.waiting.iter().all(|thread| thread.id() != this.id()) {
            servers.waiting.push(this);
        }
        false
    }
}
