//! A PUB socket. What is put before the start delay is over waits here; all else goes to the socket at once, on the thread that puts it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use omq_tokio::{Message, SocketType, TrySendError};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time;

use super::open;
use crate::net::is_io_thread;
use crate::pubsub::engine::{self, Frame, Halt, Settings};
use crate::transport::{Error, ErrorKind};
use crate::zmq::{Endpoint, Security, Socket};

/// How many waiting messages are sent before other tasks have their turn.
const BATCH: usize = 64;

pub(in crate::pubsub) struct Outlet {
    shared: Arc<Shared>,
    linger: Option<Duration>,
    /// What the first `stop` came to. Whoever stops meanwhile waits for it.
    halt: Mutex<Option<Halt>>,
}

struct Shared {
    socket: Socket,
    high_water_mark: usize,
    state: Mutex<State>,
    /// Nothing waits any more.
    drained: Notify,
    dropped: AtomicU64,
}

struct State {
    /// What was put during the start delay; none when it is over and all of that was sent.
    waiting: Option<VecDeque<Message>>,
    is_stopped: bool,
}

impl Outlet {
    pub(in crate::pubsub) fn bind(
        endpoint: &Endpoint,
        security: &Security,
        wanted: &Settings,
    ) -> Result<(Self, Endpoint), Error> {
        let socket = open(SocketType::Pub, security, wanted)?;
        let bound = socket.bind(endpoint)?;
        Ok((Self::new(socket, wanted), bound))
    }

    pub(in crate::pubsub) fn connect(
        endpoint: &Endpoint,
        security: &Security,
        wanted: &Settings,
    ) -> Result<Self, Error> {
        let this = Self::new(open(SocketType::Pub, security, wanted)?, wanted);
        let (shared, endpoint) = (this.shared.clone(), endpoint.clone());
        this.shared.socket.runtime().spawn(async move {
            // The socket may have been closed meanwhile, which is no error.
            if let Err(error) = shared.socket.dial(&endpoint).await
                && error.kind() != ErrorKind::Closed
            {
                log::error!("{error}");
            }
        });
        Ok(this)
    }

    fn new(socket: Socket, wanted: &Settings) -> Self {
        let runtime = socket.runtime().clone();
        let shared = Arc::new(Shared {
            socket,
            high_water_mark: usize::try_from(wanted.high_water_mark).unwrap_or(usize::MAX),
            state: Mutex::new(State { waiting: Some(VecDeque::new()), is_stopped: false }),
            drained: Notify::new(),
            dropped: AtomicU64::new(0),
        });
        let (delay, starting) = (wanted.start_delay, shared.clone());
        runtime.spawn(async move {
            time::sleep(delay).await;
            starting.drain().await;
        });
        Self { shared, linger: wanted.linger, halt: Mutex::new(None) }
    }
}

impl Shared {
    /// Sends what was put during the start delay. What is put meanwhile queues up behind it, so that the order stays.
    async fn drain(&self) {
        while let Some(is_full) = self.drain_some() {
            match is_full {
                true => self.socket.wait_send_ready().await,
                false => tokio::task::yield_now().await,
            }
        }
        self.drained.notify_one();
    }

    /// Sends some of what waits. Says whether the socket had no room for more; nothing when nothing waits any more.
    fn drain_some(&self) -> Option<bool> {
        let mut state = self.state.lock();
        let waiting = state.waiting.as_mut()?;
        for _ in 0..BATCH {
            let Some(message) = waiting.pop_front() else {
                state.waiting = None;
                return None;
            };
            match self.socket.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(message)) => {
                    waiting.push_front(message);
                    return Some(true);
                }
                // Nobody takes the rest either.
                Err(_) => return None,
            }
        }
        Some(false)
    }

    /// Sends what waits, and closes the socket, before the deadline.
    async fn finish(&self, deadline: Option<Instant>) -> Halt {
        let drained = async {
            // The permit is stored if it comes before the wait.
            while self.state.lock().waiting.is_some() {
                self.drained.notified().await;
            }
        };
        let unsent = match deadline {
            None => {
                drained.await;
                0
            }
            Some(deadline) => {
                // Whether it was over in time is for the queue to say.
                let _ = time::timeout_at(deadline.into(), drained).await;
                self.abandon()
            }
        };
        let linger = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // It is closed now, by whatever way.
        let _ = self.socket.clone().close_with_linger(linger).await;
        let is_in_time = deadline.is_none_or(|deadline| Instant::now() < deadline);
        Halt { unsent, is_flushed: unsent == 0 && is_in_time }
    }

    /// Gives up what waits for the end of the start delay.
    fn abandon(&self) -> u64 {
        let waiting = self.state.lock().waiting.take();
        waiting.map_or(0, |waiting| waiting.len() as u64)
    }
}

impl engine::Outlet for Outlet {
    fn send(&self, frame: Frame) -> Result<(), Error> {
        let message = Message::single(frame.bytes);
        let mut state = self.shared.state.lock();
        if state.is_stopped {
            return Err(closed());
        }
        let is_full = match &mut state.waiting {
            Some(waiting) if waiting.len() < self.shared.high_water_mark => {
                waiting.push_back(message);
                false
            }
            Some(_) => true,
            None => {
                drop(state);
                match self.shared.socket.try_send(message) {
                    Ok(()) => false,
                    Err(TrySendError::Full(_)) => true,
                    Err(TrySendError::Closed) => return Err(closed()),
                    Err(TrySendError::Error(error)) => {
                        return Err(crate::zmq::failed("0MQ does not take the message", error));
                    }
                }
            }
        };
        if is_full {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    fn stop(&self, deadline: Option<Instant>) -> Halt {
        self.shared.state.lock().is_stopped = true;
        let mut halt = self.halt.lock();
        if let Some(halt) = *halt {
            return halt;
        }
        let deadline = if is_io_thread() { Some(Instant::now()) } else { deadline };
        let result = self.shared.socket.wait(None, self.shared.finish(deadline));
        *halt.insert(result.unwrap_or_else(|_| Halt { unsent: self.shared.abandon(), is_flushed: false }))
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let was_stopped = std::mem::replace(&mut self.shared.state.lock().is_stopped, true);
        if was_stopped {
            return;
        }
        if self.linger == Some(Duration::ZERO) {
            let unsent = self.shared.abandon();
            if unsent > 0 {
                log::warn!(
                    "a publisher was dropped during its start delay, and {unsent} messages with it; stop it to send them"
                );
            }
            return;
        }
        let deadline = self.linger.and_then(|linger| Instant::now().checked_add(linger));
        let shared = self.shared.clone();
        self.shared.socket.runtime().spawn(async move {
            shared.finish(deadline).await;
        });
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the publisher was stopped; make another to publish on")
}
