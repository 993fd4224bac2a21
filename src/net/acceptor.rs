//! Takes the connections that come to a listener.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::reactor::{Interest, Key, Reactor, Socket, Source};
use super::socket::{Listener, Stream};
use super::{Address, PeerAddress};

/// How many connections are taken before other sockets have their turn.
const TURN: usize = 64;

/// How long to leave a listener alone for which the system has no descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Called on the I/O thread for each new connection. It goes with the [`Admission`], which counts it.
type OnConnect = Box<dyn Fn(Stream, PeerAddress, Admission) + Send + Sync>;

/// A listener in the care of the I/O thread. Dropped, it listens no more; its connections live on.
pub(crate) struct Acceptor {
    inner: Arc<Inner>,
}

struct Inner {
    reactor: Arc<Reactor>,
    key: OnceLock<Key>,
    listener: Listener,
    on_connect: OnConnect,
    gate: Arc<Gate>,
}

/// Counts the connections. Those that live longer than their listener keep only this.
struct Gate {
    limit: usize,
    admitted: AtomicUsize,
    acceptor: Weak<Inner>,
}

/// Says that a connection of a listener exists. Whoever holds it counts against the listener's limit.
pub(crate) struct Admission(Arc<Gate>);

impl Acceptor {
    /// Begins to take connections, at most `limit` at a time; the others wait at the system's door.
    pub(crate) fn open(
        listener: Listener,
        limit: usize,
        on_connect: impl Fn(Stream, PeerAddress, Admission) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        listener.prepare()?;
        let reactor = Reactor::shared()?;
        let inner = Arc::new_cyclic(|acceptor| Inner {
            reactor,
            key: OnceLock::new(),
            listener,
            on_connect: Box::new(on_connect),
            gate: Arc::new(Gate {
                limit: limit.max(1),
                admitted: AtomicUsize::new(0),
                acceptor: acceptor.clone(),
            }),
        });
        let key = inner.reactor.register(inner.clone())?;
        let _ = inner.key.set(key);
        inner.watch();
        Ok(Self { inner })
    }

    /// Where this machine reaches it.
    pub(crate) fn local_address(&self) -> Address {
        self.inner.listener.local_address()
    }

    /// How many of its connections exist.
    pub(crate) fn connections(&self) -> usize {
        self.inner.gate.admitted.load(Ordering::Relaxed) // a statistic
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        if let Some(&key) = self.inner.key.get() {
            self.inner.reactor.deregister(key);
        }
    }
}

impl Inner {
    fn watch(&self) {
        let Some(&key) = self.key.get() else { return };
        let watched = self.reactor.watch(key, self.socket(), Interest { read: true, write: false });
        // It is not found when the listener was dropped just now.
        if let Err(error) = watched
            && error.kind() != io::ErrorKind::NotFound
        {
            log::error!("foreground: {} takes no more connections: {error}", self.listener.local_address());
        }
    }

    fn is_full(&self) -> bool {
        // SeqCst, as in `Admission::drop`: of a connection that ends while this looks, one of the two sees the other.
        self.gate.admitted.load(Ordering::SeqCst) >= self.gate.limit
    }
}

impl Source for Inner {
    fn socket(&self) -> Socket<'_> {
        Socket::Listener(&self.listener)
    }

    fn ready(self: Arc<Self>, _: Interest) {
        for _ in 0..TURN {
            if self.is_full() {
                // `Admission::drop` goes on.
                return;
            }
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    self.gate.admitted.fetch_add(1, Ordering::SeqCst);
                    (self.on_connect)(stream, peer, Admission(self.gate.clone()));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => break,
                    // Came and went before it was taken.
                    io::ErrorKind::Interrupted
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset => {}
                    _ => {
                        log::warn!(
                            "foreground: {} cannot take a connection now, and tries again: {error}",
                            self.listener.local_address()
                        );
                        if let Some(&key) = self.key.get() {
                            self.reactor.set_alarm(key, Instant::now().checked_add(PAUSE));
                        }
                        return;
                    }
                },
            }
        }
        self.watch();
    }

    fn alarm(self: Arc<Self>, _: Instant) {
        self.watch();
    }

    fn panicked(self: Arc<Self>) {
        log::error!("foreground: taking a connection at {} panicked", self.listener.local_address());
        self.watch();
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let before = self.0.admitted.fetch_sub(1, Ordering::SeqCst);
        if before == self.0.limit
            && let Some(acceptor) = self.0.acceptor.upgrade()
        {
            acceptor.watch();
        }
    }
}
