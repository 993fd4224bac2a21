//! Where requests wait for a server, whichever is the first.
//!
//! They wait here and nowhere else. A router that serves is sent the number of each request through a pipe, and takes
//! the oldest request when the number's turn comes: so a request keeps its place among all other messages of that
//! router, and is still there for the other servers when the router stops, or has no time.

use std::collections::VecDeque;
use std::mem;

use super::roster::Roster;
use super::slot::{Slot, spin_until};
use super::transaction::Transaction;
use crate::StartedSender;
use crate::pipe::Wait;
use crate::sync::atomic::AtomicUsize;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::{Arc, Condvar, Mutex};

/// An empty queue that was larger than this gives its memory back.
const KEPT_REQUESTS: usize = 64;

/// Tells a router that the request of this number, and those before it, may be received.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due(pub(super) u64);

/// The senders of the routers that serve, with the key of each. A new list is made when one comes or goes, so that they
/// are used without the lock: sending wakes, and a waker is the user's.
type Routers = Arc<[(u64, StartedSender<Due>)]>;

/// A request with the right to answer it.
pub(super) type Received<Q, R> = (Transaction<R>, Q);

/// Why there is no request.
#[derive(Clone, Copy)]
pub(super) enum Nothing {
    Yet,
    /// All clients have gone.
    Ever,
}

pub(super) struct Requests<Q, R> {
    queue: Mutex<Queue<Q, R>>,
    /// How many requests wait, for those who look without the lock.
    waiting: AtomicUsize,
    /// Tells a server that sleeps of a request, or that none will come.
    arrived: Condvar,
    pub(super) roster: Arc<Roster>,
}

struct Queue<Q, R> {
    requests: VecDeque<Received<Q, R>>,
    /// The number of the oldest request. The others have those that follow.
    first: u64,
    clients: usize,
    /// Servers that sleep.
    sleeping: usize,
    routers: Routers,
    /// The key of the next router.
    next_key: u64,
    /// There is no server any more.
    is_closed: bool,
}

impl<Q, R> Queue<Q, R> {
    fn end(&self) -> u64 {
        self.first + self.requests.len() as u64
    }

    /// Takes the oldest request.
    fn pop(&mut self) -> Option<Received<Q, R>> {
        let received = self.requests.pop_front()?;
        self.first += 1;
        if self.requests.is_empty() && self.requests.capacity() > KEPT_REQUESTS {
            self.requests = VecDeque::new();
        }
        received.0.mark_received();
        Some(received)
    }
}

impl<Q, R> Requests<Q, R> {
    /// Makes the place of one client and one server.
    pub(super) fn new() -> Self {
        Self {
            queue: Mutex::new(Queue {
                requests: VecDeque::new(),
                first: 0,
                clients: 1,
                sleeping: 0,
                routers: Arc::new([]),
                next_key: 0,
                is_closed: false,
            }),
            waiting: AtomicUsize::new(0),
            arrived: Condvar::new(),
            roster: Arc::new(Roster::new()),
        }
    }

    /// Adds a request, and tells the servers; gives it back if there is none.
    pub(super) fn push(&self, request: Q, slot: &Arc<Slot<R>>) -> Result<(), Q> {
        let mut queue = self.queue.lock();
        if queue.is_closed {
            drop(queue);
            return Err(request);
        }
        let due = Due(queue.end());
        queue.requests.push_back((Transaction::new(Arc::clone(slot)), request));
        // Relaxed: a hint, as in `recv`.
        self.waiting.store(queue.requests.len(), Relaxed);
        let routers = (!queue.routers.is_empty()).then(|| Arc::clone(&queue.routers));
        let is_slept = queue.sleeping > 0;
        drop(queue);
        if is_slept {
            self.arrived.notify_one();
        }
        for (_, router) in routers.iter().flat_map(|routers| routers.iter()) {
            // One that has stopped leaves the request to the others, or ends all requests.
            let _ = router.send(due);
        }
        Ok(())
    }

    /// Takes the oldest request, waiting for one as `wait` says.
    pub(super) fn recv(&self, wait: Wait) -> Result<Received<Q, R>, Nothing> {
        if !matches!(wait, Wait::Never) {
            // Relaxed: a hint. What counts is looked at under the lock.
            spin_until(|| self.waiting.load(Relaxed) > 0);
        }
        let mut queue = self.queue.lock();
        let mut timed_out = matches!(wait, Wait::Never);
        loop {
            if let Some(received) = queue.pop() {
                self.waiting.store(queue.requests.len(), Relaxed);
                return Ok(received);
            }
            if queue.clients == 0 {
                return Err(Nothing::Ever);
            }
            // A request may have come with the end of the time, so that is looked at last.
            if timed_out {
                return Err(Nothing::Yet);
            }
            queue.sleeping += 1;
            match wait {
                Wait::Until(deadline) => {
                    timed_out = self.arrived.wait_until(&mut queue, deadline).timed_out();
                }
                Wait::Forever | Wait::Never => self.arrived.wait(&mut queue),
            }
            queue.sleeping -= 1;
        }
    }

    /// Takes the oldest request, if its number is not above that of `due`.
    pub(super) fn take(&self, due: Due) -> Option<Received<Q, R>> {
        let mut queue = self.queue.lock();
        if queue.first > due.0 {
            return None;
        }
        let received = queue.pop();
        self.waiting.store(queue.requests.len(), Relaxed);
        received
    }

    pub(super) fn add_client(&self) {
        self.queue.lock().clients += 1;
    }

    /// Counts a client out. The last one lets all servers go that have nothing to do.
    pub(super) fn drop_client(&self) {
        let mut queue = self.queue.lock();
        queue.clients -= 1;
        if queue.clients == 0 {
            let routers = mem::replace(&mut queue.routers, Arc::new([]));
            drop(queue);
            self.arrived.notify_all();
            drop(routers);
        }
    }

    /// Tells a router of all requests from now on, and of those that wait. Returns the router's key.
    pub(super) fn add_router(&self, router: StartedSender<Due>) -> u64 {
        let mut queue = self.queue.lock();
        let key = queue.next_key;
        queue.next_key += 1;
        let old = if queue.clients > 0 {
            let routers = queue.routers.iter().cloned().chain([(key, router.clone())]).collect();
            mem::replace(&mut queue.routers, routers)
        } else {
            // Nobody will send any more, so the pipe is to end after those that wait.
            Arc::new([])
        };
        let (first, end) = (queue.first, queue.end());
        drop(queue);
        drop(old);
        for number in first..end {
            let _ = router.send(Due(number));
        }
        key
    }

    pub(super) fn remove_router(&self, key: u64) {
        let mut queue = self.queue.lock();
        let routers = queue.routers.iter().filter(|(other, _)| *other != key).cloned().collect();
        let old = mem::replace(&mut queue.routers, routers);
        drop(queue);
        drop(old);
    }

    /// The last server has gone: turns away those who wait and those who will come.
    pub(super) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.is_closed = true;
        let requests = mem::take(&mut queue.requests);
        let routers = mem::replace(&mut queue.routers, Arc::new([]));
        drop(queue);
        // All are told before a request is dropped, for that may panic.
        let (transactions, requests): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        transactions.into_iter().for_each(Transaction::disconnect);
        drop((requests, routers));
    }
}
