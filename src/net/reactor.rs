//! The one thread that watches all sockets nobody waits at, and the times at which something must have happened.
//!
//! It is started for the first connection and ends after the last. Each socket is watched for one event at a time
//! (oneshot): after an event its [`Source`] is told, and asks to be watched again when it is ready for more.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use polling::{Event, Events, Poller};

use super::socket::{Listener, Stream};

/// What is watched. Its methods are called on the I/O thread, with no lock held.
pub(super) trait Source: Send + Sync {
    /// The socket, which must be the same at each call.
    fn socket(&self) -> Socket<'_>;
    /// Something may have happened; it may also have been nothing. Nothing is watched until `watch` is called again.
    fn ready(self: Arc<Self>, interest: Interest);
    /// The time asked for by `set_alarm` has come.
    fn alarm(self: Arc<Self>, now: Instant);
    /// One of the above panicked.
    fn panicked(self: Arc<Self>);
}

/// What can be watched.
pub(super) enum Socket<'a> {
    Stream(&'a Stream),
    Listener(&'a Listener),
}

/// What a source wants to be told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interest {
    pub(super) read: bool,
    pub(super) write: bool,
}

/// Names a registered source.
pub(super) type Key = usize;

/// A handle to the I/O thread, which ends when the last of them is dropped.
pub(super) struct Reactor {
    inner: Arc<Inner>,
}

struct Inner {
    poller: Poller,
    registry: Mutex<Registry>,
    ended: AtomicBool,
    /// The I/O thread.
    thread: OnceLock<ThreadId>,
}

#[derive(Default)]
struct Registry {
    sources: HashMap<Key, Registered>,
    /// Keys are used once, so that what concerns a source that has gone reaches no other.
    next: Key,
    alarms: BTreeSet<(Instant, Key)>,
    /// Calls that are no source's. They are named by their time and a number.
    calls: BTreeMap<(Instant, u64), Box<dyn FnOnce() + Send>>,
    next_call: u64,
}

struct Registered {
    source: Arc<dyn Source>,
    alarm: Option<Instant>,
}

static SHARED: Mutex<Weak<Reactor>> = Mutex::new(Weak::new());

thread_local! {
    static IS_IO: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is the I/O thread, or another one that must never wait.
pub(crate) fn is_io_thread() -> bool {
    IS_IO.get()
}

/// Says that the calling thread must never wait either.
#[cfg(any(feature = "http", feature = "nats", feature = "zmq"))]
pub(crate) fn becomes_io_thread() {
    IS_IO.set(true);
}

impl Registry {
    /// When something is to be done next.
    fn next_time(&self) -> Option<Instant> {
        let alarm = self.alarms.first().map(|&(at, _)| at);
        let call = self.calls.first_key_value().map(|(&(at, _), _)| at);
        alarm.into_iter().chain(call).min()
    }

    fn due_call(&mut self, now: Instant) -> Option<Box<dyn FnOnce() + Send>> {
        let first = self.calls.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }
}

impl Reactor {
    /// The I/O thread of this process, started if it does not run.
    pub(super) fn shared() -> io::Result<Arc<Self>> {
        let mut shared = SHARED.lock();
        if let Some(reactor) = shared.upgrade() {
            return Ok(reactor);
        }
        let inner = Arc::new(Inner {
            poller: Poller::new()?,
            registry: Mutex::default(),
            ended: AtomicBool::new(false),
            thread: OnceLock::new(),
        });
        let runner = inner.clone();
        thread::Builder::new().name("foreground-io".into()).spawn(move || {
            IS_IO.set(true);
            let _ = runner.thread.set(thread::current().id());
            runner.run();
        })?;
        let reactor = Arc::new(Self { inner });
        *shared = Arc::downgrade(&reactor);
        Ok(reactor)
    }

    /// Takes a source into care: it lives until [`deregister`](Self::deregister). Nothing is watched yet.
    #[allow(unsafe_code)]
    pub(super) fn register(&self, source: Arc<dyn Source>) -> io::Result<Key> {
        let mut registry = self.inner.registry.lock();
        let key = registry.next;
        registry.next += 1;
        registry.sources.insert(key, Registered { source: source.clone(), alarm: None });
        let event = Event::none(key);
        // SAFETY: the poller must not outlast the socket while the socket is in it. `registry` keeps the source, and so
        // its socket, until `deregister` has taken the socket out of the poller; the poller and the registry are
        // dropped together, the poller first, since it is declared first. No socket is registered twice, since a
        // source registers itself when it is made.
        let added = unsafe {
            match source.socket() {
                Socket::Stream(stream) => self.inner.poller.add(stream, event),
                Socket::Listener(listener) => self.inner.poller.add(listener, event),
            }
        };
        if let Err(error) = added {
            registry.sources.remove(&key);
            return Err(error);
        }
        Ok(key)
    }

    /// Says of what to tell the source next, once.
    pub(super) fn watch(&self, key: Key, socket: Socket<'_>, interest: Interest) -> io::Result<()> {
        let event = Event::new(key, interest.read, interest.write);
        match socket {
            Socket::Stream(stream) => self.inner.poller.modify(stream, event),
            Socket::Listener(listener) => self.inner.poller.modify(listener, event),
        }
    }

    /// Tells the source when the time has come; an earlier wish of the same source is forgotten.
    pub(super) fn set_alarm(&self, key: Key, at: Option<Instant>) {
        let mut registry = self.inner.registry.lock();
        let Some(registered) = registry.sources.get_mut(&key) else { return };
        if let Some(old) = std::mem::replace(&mut registered.alarm, at) {
            registry.alarms.remove(&(old, key));
        }
        let Some(at) = at else { return };
        registry.alarms.insert((at, key));
        let is_next = registry.alarms.first() == Some(&(at, key));
        drop(registry);
        if is_next {
            self.inner.look_again();
        }
    }

    /// Makes a call at that time, unless it is forgotten before. Returns what names it.
    #[cfg(feature = "process")]
    pub(super) fn call_at(&self, at: Instant, call: Box<dyn FnOnce() + Send>) -> (Instant, u64) {
        let mut registry = self.inner.registry.lock();
        let id = (at, registry.next_call);
        registry.next_call += 1;
        registry.calls.insert(id, call);
        let is_next = registry.calls.first_key_value().is_some_and(|(first, _)| *first == id);
        drop(registry);
        if is_next {
            self.inner.look_again();
        }
        id
    }

    #[cfg(feature = "process")]
    pub(super) fn forget_call(&self, id: (Instant, u64)) {
        let call = self.inner.registry.lock().calls.remove(&id);
        drop(call);
    }

    /// Lets the source go.
    pub(super) fn deregister(&self, key: Key) {
        let mut registry = self.inner.registry.lock();
        let Some(registered) = registry.sources.get(&key) else { return };
        let deleted = match registered.source.socket() {
            Socket::Stream(stream) => self.inner.poller.delete(stream),
            Socket::Listener(listener) => self.inner.poller.delete(listener),
        };
        if let Err(error) = deleted {
            drop(registry);
            // It never was seen. The source then stays for good, with its socket: a leak, but sound.
            log::error!("foreground: the I/O thread cannot let a socket go: {error}");
            return;
        }
        let registered = registry.sources.remove(&key);
        if let Some(at) = registered.as_ref().and_then(|registered| registered.alarm) {
            registry.alarms.remove(&(at, key));
        }
        drop(registry);
        // Not under the lock: it may be the last handle, and drops what users gave.
        drop(registered);
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::Release); // read by `run`
        self.inner.notify();
    }
}

impl Inner {
    /// Has the I/O thread look when the next time is. It does so by itself before it waits again. Other threads that must never wait are
    /// not it.
    fn look_again(&self) {
        if self.thread.get() != Some(&thread::current().id()) {
            self.notify();
        }
    }

    fn notify(&self) {
        if let Err(error) = self.poller.notify() {
            log::error!("foreground: the I/O thread cannot be woken: {error}");
        }
    }

    fn run(&self) {
        let mut events = Events::new();
        // Acquire: pairs with the store when the last handle went; whatever that thread did happened before.
        while !self.ended.load(Ordering::Acquire) {
            let next = self.registry.lock().next_time();
            let timeout = next.map(|at| at.saturating_duration_since(Instant::now()));
            events.clear();
            if let Err(error) = self.poller.wait(&mut events, timeout) {
                log::error!("foreground: the I/O thread cannot wait for its sockets: {error}");
                thread::sleep(Duration::from_millis(100)); // not in a circle at full speed
                continue;
            }
            for event in events.iter() {
                let interest = Interest { read: event.readable, write: event.writable };
                self.tell(event.key, |source| source.ready(interest));
            }
            if next.is_some() {
                self.ring();
            }
        }
    }

    /// Tells all whose time has come.
    fn ring(&self) {
        let now = Instant::now();
        loop {
            let call = self.registry.lock().due_call(now);
            let Some(call) = call else { break };
            if catch_unwind(AssertUnwindSafe(call)).is_err() {
                log::error!("foreground: what the I/O thread was to do at a time panicked");
            }
        }
        loop {
            let mut registry = self.registry.lock();
            let Some(&(at, key)) = registry.alarms.first() else { return };
            if at > now {
                return;
            }
            registry.alarms.pop_first();
            if let Some(registered) = registry.sources.get_mut(&key) {
                registered.alarm = None;
            }
            drop(registry);
            self.tell(key, |source| source.alarm(now));
        }
    }

    fn tell(&self, key: Key, what: impl FnOnce(Arc<dyn Source>)) {
        let source = self.registry.lock().sources.get(&key).map(|registered| registered.source.clone());
        let Some(source) = source else { return };
        let told = source.clone();
        if catch_unwind(AssertUnwindSafe(|| what(told))).is_err() {
            // What it leaves behind is seen to by the source itself.
            let _ = catch_unwind(AssertUnwindSafe(|| source.panicked()));
        }
    }
}
