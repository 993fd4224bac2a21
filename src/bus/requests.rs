//! Where requests wait for a server, whichever is the first.
//!
//! They wait here and nowhere else. A router that serves is sent the number of each request through a pipe, and takes
//! the oldest request when the number's turn comes: so a request keeps its place among all other messages of that
//! router, and is still there for the other servers when the router stops, or has no time.

use std::collections::VecDeque;
use std::mem;

use super::roster::Roster;
use super::slot::spin;
use super::transaction::Transaction;
use crate::StartedSender;
use crate::pipe::Wait;
use crate::sync::{Arc, Condvar, Mutex};

/// An empty queue that was larger than this gives its memory back.
const KEPT_REQUESTS: usize = 64;

/// Tells a router that the request of this number, and those before it, may be received.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due(pub(super) u64);

/// The senders of the routers that serve, with the key of each; none if no router does. A new list is made when one comes
/// or goes, so that they are used without the lock: sending wakes, and a waker is the user's.
type Routers = Option<Arc<Vec<(u64, StartedSender<Due>)>>>;

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
    /// Tells a server that sleeps of a request, or that none will come.
    arrived: Condvar,
    pub(super) roster: Arc<Roster>,
}

struct Queue<Q, R> {
    /// The oldest request. It has its own place because most often it is the only one, and then comes to the server with
    /// the lock, and not by way of the buffer.
    oldest: Option<Received<Q, R>>,
    /// Those after it; none if there is no oldest.
    others: VecDeque<Received<Q, R>>,
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
    /// The number of the next request that comes.
    fn end(&self) -> u64 {
        self.first + u64::from(self.oldest.is_some()) + self.others.len() as u64
    }

    fn push(&mut self, received: Received<Q, R>) {
        if self.oldest.is_none() {
            self.oldest = Some(received);
        } else {
            self.others.push_back(received);
        }
    }

    /// Takes the oldest request.
    fn pop(&mut self) -> Option<Received<Q, R>> {
        let received = self.oldest.take()?;
        self.first += 1;
        if !self.others.is_empty() {
            self.oldest = self.others.pop_front();
            if self.others.is_empty() && self.others.capacity() > KEPT_REQUESTS {
                self.others = VecDeque::new();
            }
        }
        Some(received)
    }
}

impl<Q, R> Requests<Q, R> {
    /// Makes the place of one client and one server.
    pub(super) fn new() -> Self {
        Self {
            queue: Mutex::new(Queue {
                oldest: None,
                others: VecDeque::new(),
                first: 0,
                clients: 1,
                sleeping: 0,
                routers: None,
                next_key: 0,
                is_closed: false,
            }),
            arrived: Condvar::new(),
            roster: Arc::new(Roster::new()),
        }
    }

    /// Adds a request, and tells the servers. Returns its number; or gives it back if there is no server.
    pub(super) fn push(&self, request: Q, transaction: Transaction<R>) -> Result<u64, Q> {
        let mut queue = self.queue.lock();
        if queue.is_closed {
            drop(queue);
            drop(transaction);
            return Err(request);
        }
        let number = queue.end();
        queue.push((transaction, request));
        let routers = queue.routers.clone();
        let is_slept = queue.sleeping > 0;
        drop(queue);
        if is_slept {
            self.arrived.notify_one();
        }
        for (_, router) in each(&routers) {
            // One that has stopped leaves the request to the others, or ends all requests.
            let _ = router.send(Due(number));
        }
        Ok(number)
    }

    /// Takes the oldest request, waiting for one as `wait` says.
    pub(super) fn recv(&self, wait: Wait) -> Result<Received<Q, R>, Nothing> {
        if !matches!(wait, Wait::Never)
            && let Some(received) = spin(|| self.pop(&mut self.queue.lock()))
        {
            return Ok(received);
        }
        let mut queue = self.queue.lock();
        let mut timed_out = matches!(wait, Wait::Never);
        loop {
            if let Some(received) = self.pop(&mut queue) {
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
        if queue.first > due.0 { None } else { self.pop(&mut queue) }
    }

    fn pop(&self, queue: &mut Queue<Q, R>) -> Option<Received<Q, R>> {
        let received = queue.pop()?;
        self.roster.set_received(queue.first);
        Some(received)
    }

    pub(super) fn add_client(&self) {
        self.queue.lock().clients += 1;
    }

    /// Counts a client out. The last one lets all servers go that have nothing to do.
    pub(super) fn drop_client(&self) {
        let mut queue = self.queue.lock();
        queue.clients -= 1;
        if queue.clients == 0 {
            let routers = queue.routers.take();
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
            let routers = each(&queue.routers).cloned().chain([(key, router.clone())]).collect();
            queue.routers.replace(Arc::new(routers))
        } else {
            // Nobody will send any more, so the pipe is to end after those that wait.
            None
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
        let routers: Vec<_> = each(&queue.routers).filter(|(other, _)| *other != key).cloned().collect();
        let routers = (!routers.is_empty()).then(|| Arc::new(routers));
        let old = mem::replace(&mut queue.routers, routers);
        drop(queue);
        drop(old);
    }

    /// The last server has gone: turns away those who wait and those who will come.
    pub(super) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.is_closed = true;
        let (oldest, others) = (queue.oldest.take(), mem::take(&mut queue.others));
        let routers = queue.routers.take();
        drop(queue);
        // All are told before a request is dropped, for that may panic.
        let (transactions, requests): (Vec<_>, Vec<_>) = oldest.into_iter().chain(others).unzip();
        transactions.into_iter().for_each(Transaction::disconnect);
        drop((requests, routers));
    }
}

fn each(routers: &Routers) -> impl Iterator<Item = &(u64, StartedSender<Due>)> {
    routers.iter().flat_map(|routers| routers.iter())
}
