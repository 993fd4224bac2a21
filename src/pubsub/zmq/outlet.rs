//! A PUB socket. What is put before the start delay is over waits here; all else goes to the socket at once, on the thread that puts it.
//!
//! With CURVE it is different: there omq queues no more than 64 messages for a subscriber, whatever the high-water mark, and drops the
//! rest without a word. So all that is put waits here, and a task hands it on a few at a time, as fast as they are encrypted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use omq_tokio::{Message, SocketType, TrySendError};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time;

use super::{BATCH, open};
use crate::net::is_io_thread;
use crate::pubsub::engine::{self, Frame, Halt, Settings};
use crate::transport::{Error, ErrorKind};
use crate::zmq::{Endpoint, Security, Socket};

pub(in crate::pubsub) struct Outlet {
    shared: Arc<Shared>,
    linger: Option<Duration>,
    /// What the first `stop` came to. Whoever stops meanwhile waits for it.
    halt: Mutex<Option<Halt>>,
}

struct Shared {
    socket: Socket,
    high_water_mark: usize,
    /// All that is put goes by the queue.
    is_paced: bool,
    state: Mutex<State>,
    /// For the task: there is more, or nothing more will come.
    changed: Notify,
    /// By the task: nothing waits any more, nor will.
    drained: Notify,
    dropped: AtomicU64,
}

struct State {
    /// What was put during the start delay; none when it is over and all of that was sent. If paced, all that was put.
    waiting: Option<VecDeque<Message>>,
    is_stopped: bool,
}

/// What is to be done before more is sent.
enum Step {
    /// Others have their turn.
    More,
    /// The socket has no room.
    Full,
    /// Nothing waits.
    Empty,
    /// Nothing waits, nor will.
    Over,
}

impl Outlet {
    pub(in crate::pubsub) fn bind(
        endpoint: &Endpoint,
        security: &Security,
        wanted: &Settings,
    ) -> Result<(Self, Endpoint), Error> {
        let socket = open(SocketType::Pub, security, wanted)?;
        let bound = socket.bind(endpoint)?;
        Ok((Self::new(socket, security, wanted), bound))
    }

    pub(in crate::pubsub) fn connect(
        endpoint: &Endpoint,
        security: &Security,
        wanted: &Settings,
    ) -> Result<Self, Error> {
        let this = Self::new(open(SocketType::Pub, security, wanted)?, security, wanted);
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

    fn new(socket: Socket, security: &Security, wanted: &Settings) -> Self {
        let runtime = socket.runtime().clone();
        let shared = Arc::new(Shared {
            socket,
            high_water_mark: usize::try_from(wanted.high_water_mark).unwrap_or(usize::MAX),
            is_paced: !matches!(security, Security::None),
            state: Mutex::new(State { waiting: Some(VecDeque::new()), is_stopped: false }),
            changed: Notify::new(),
            drained: Notify::new(),
            dropped: AtomicU64::new(0),
        });
        let (delay, starting) = (wanted.start_delay, shared.clone());
        runtime.spawn(async move {
            // Ends early if what waits is given up.
            let _ = time::timeout(delay, starting.abandoned()).await;
            starting.drain().await;
        });
        Self { shared, linger: wanted.linger, halt: Mutex::new(None) }
    }
}

impl Shared {
    /// Sends what waits. What is put meanwhile queues up behind it, so that the order stays.
    async fn drain(&self) {
        loop {
            match self.drain_some() {
                Step::More => tokio::task::yield_now().await,
                Step::Full => self.socket.wait_send_ready().await,
                Step::Empty => self.changed.notified().await,
                Step::Over => break,
            }
        }
        self.drained.notify_one();
    }

    /// Sends some of what waits.
    fn drain_some(&self) -> Step {
        let mut state = self.state.lock();
        let goes_on = self.is_paced && !state.is_stopped;
        let Some(waiting) = state.waiting.as_mut() else { return Step::Over };
        for _ in 0..BATCH {
            let Some(message) = waiting.pop_front() else {
                if goes_on {
                    return Step::Empty;
                }
                state.waiting = None;
                return Step::Over;
            };
            match self.socket.try_send(message) {
                Ok(()) => {}
                Err(TrySendError::Full(message)) => {
                    waiting.push_front(message);
                    return Step::Full;
                }
                // Nobody takes the rest either.
                Err(_) => return Step::Over,
            }
        }
        Step::More
    }

    /// Waits until what waits is given up.
    async fn abandoned(&self) {
        while self.state.lock().waiting.is_some() {
            self.changed.notified().await;
        }
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
        self.changed.notify_one();
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
                if self.shared.is_paced {
                    self.shared.changed.notify_one();
                }
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
        self.shared.changed.notify_one();
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
        self.shared.changed.notify_one();
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
