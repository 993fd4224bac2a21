//! What the senders of one connection share: the room that is left, and how it went with the router.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde::Serialize;

use super::codec::Codec;
use super::connection::{Connection, ConnectionLink, GREETING_TIME, Peer};
use super::error::{ConnectError, ConnectErrorKind, RemoteSendError, RemoteSendErrorKind};
use super::socket;
use super::ticket::Ticket;
use super::wire::{self, Capacity, Denial, EndCode, Hello, VERSION, Welcome, kind};
use crate::net::{Disconnect, HIGH_WATER, NotSent, Timer, When, is_io_thread};
use crate::pipe::Wait;

/// What to do when the router's process has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnLost {
    /// End this process.
    Exit,
    /// Send no more.
    Close,
}

/// With what code a process ends whose router has gone.
const EXIT_CODE: i32 = 1;

/// How long a process may live that was told of the close, once the router's process has gone.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the last sender waits for the system to take what was sent.
const LINGER: Duration = Duration::from_secs(10);

pub(super) struct Outlet {
    codec: Codec,
    on_lost: OnLost,
    link: OnceLock<ConnectionLink>,
    welcome: OnceLock<Welcome>,
    state: Mutex<State>,
    changed: Condvar,
    /// Held from the choice of a latest value until it is sent, so that none is overtaken, and the end by none. Sending may close the connection,
    /// which takes `state`.
    order: Mutex<()>,
    /// Nothing can be sent any more. A copy, for a quick look.
    closed: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The router's answer has come, or never will.
    answered: Option<Result<(), ConnectError>>,
    /// How many more messages there is room for.
    credits: u32,
    /// Of a latest pipe: what follows once the value before has come.
    newest: Option<Vec<u8>>,
    /// The pipe was ended from here.
    ended: bool,
    /// The router has said that it is closed.
    told: bool,
    /// Ends this process, as that of the router has gone.
    exit: Option<Timer>,
}

impl Outlet {
    pub(super) fn connect(
        ticket: &Ticket,
        codec: Codec,
        type_name: String,
        on_lost: OnLost,
    ) -> Result<Arc<Self>, ConnectError> {
        let deadline = Instant::now() + GREETING_TIME;
        let stream = socket::connect(&ticket.address, Some(deadline)).map_err(ConnectError::unreachable)?;
        let outlet = Arc::new(Self {
            codec,
            on_lost,
            link: OnceLock::new(),
            welcome: OnceLock::new(),
            state: Mutex::default(),
            changed: Condvar::new(),
            order: Mutex::new(()),
            closed: AtomicBool::new(false),
        });
        let listening = Arc::new(Listening(Arc::downgrade(&outlet)));
        let link = Connection::join(stream, listening).map_err(ConnectError::unreachable)?;
        let link = outlet.link.get_or_init(|| link);
        let hello = Hello {
            version: VERSION,
            number: ticket.number,
            secret: ticket.secret.0,
            codec: codec.name().into(),
            type_name,
        };
        // If this fails, the connection has ended, which is told as an answer.
        let _ = link.send(hello.to_frame(), When::Now);
        let mut state = outlet.state.lock();
        loop {
            match state.answered.take() {
                Some(Ok(())) => break,
                Some(Err(error)) => {
                    drop(state);
                    link.close(Disconnect::closed_here());
                    return Err(error);
                }
                None if outlet.changed.wait_until(&mut state, deadline).timed_out() => {
                    state.ended = true;
                    drop(state);
                    link.close(Disconnect::closed_here());
                    let text = "the process with the router did not answer in ten seconds";
                    return Err(ConnectError::new(ConnectErrorKind::TimedOut, text));
                }
                None => {}
            }
        }
        drop(state);
        Ok(outlet)
    }

    /// The sender is started.
    pub(super) fn start(&self) {
        self.send_frame(wire::frame(kind::START, |_| {}));
    }

    pub(super) fn send<T: Serialize>(&self, message: T, wait: Wait) -> Result<(), RemoteSendError<T>> {
        let refuse = |message, kind| Err(RemoteSendError { message, kind, source: None });
        let (Some(link), Some(welcome), false) = (self.link.get(), self.welcome.get(), self.is_closed())
        else {
            return refuse(message, RemoteSendErrorKind::Closed);
        };
        let mut frame = Frame::begin();
        if let Err(error) = self.codec.write(&message, &mut frame.0) {
            let source = Some(error.into_source());
            return Err(RemoteSendError { message, kind: RemoteSendErrorKind::Codec, source });
        }
        if wire::end(&mut frame.0, welcome.limit as usize).is_err() {
            return refuse(message, RemoteSendErrorKind::TooLarge);
        }
        let sent = match welcome.capacity {
            Capacity::Any => self.write(link, &mut frame.0, wait),
            Capacity::Bounded(_) => self.take_credit(wait).and_then(|()| {
                let sent = self.write(link, &mut frame.0, wait);
                if sent.is_err() {
                    self.add_credits(1);
                }
                sent
            }),
            Capacity::Latest => self.write_newest(link, &mut frame.0),
        };
        sent.or_else(|kind| {
            if kind == RemoteSendErrorKind::Closed {
                // The thread that reads may not have come to see it.
                self.close();
            }
            refuse(message, kind)
        })
    }

    fn write(
        &self,
        link: &ConnectionLink,
        bytes: &mut Vec<u8>,
        wait: Wait,
    ) -> Result<(), RemoteSendErrorKind> {
        let deadline = match wait {
            Wait::Never if link.unsent() > HIGH_WATER => return Err(RemoteSendErrorKind::Full),
            // What others have put there meanwhile is no matter: this one is taken as well.
            Wait::Never => {
                let bytes = std::mem::take(bytes);
                return link.send(bytes, When::Gathered).map_err(|_| RemoteSendErrorKind::Closed);
            }
            Wait::Until(deadline) => Some(deadline),
            Wait::Forever => None,
        };
        link.send_when_room(bytes, When::Gathered, deadline).map_err(|not_sent| match not_sent {
            NotSent::Disconnected(_) => RemoteSendErrorKind::Closed,
            NotSent::TimedOut => RemoteSendErrorKind::TimedOut,
        })
    }

    /// One value is on its way at most; of those that come meanwhile the newest follows.
    fn write_newest(&self, link: &ConnectionLink, bytes: &mut Vec<u8>) -> Result<(), RemoteSendErrorKind> {
        let _order = self.order.lock();
        let mut state = self.state.lock();
        let bytes = std::mem::take(bytes);
        if state.credits == 0 {
            state.newest = Some(bytes);
            return Ok(());
        }
        state.credits -= 1;
        drop(state);
        link.send(bytes, When::Now).map_err(|_| RemoteSendErrorKind::Closed)
    }

    fn take_credit(&self, wait: Wait) -> Result<(), RemoteSendErrorKind> {
        // The I/O thread cannot wait for room that it alone hears of.
        let wait = if is_io_thread() { Wait::Never } else { wait };
        let mut state = self.state.lock();
        let mut timed_out = false;
        loop {
            if self.is_closed() {
                return Err(RemoteSendErrorKind::Closed);
            }
            if let Some(left) = state.credits.checked_sub(1) {
                state.credits = left;
                return Ok(());
            }
            match wait {
                Wait::Never => return Err(RemoteSendErrorKind::Full),
                Wait::Until(_) if timed_out => return Err(RemoteSendErrorKind::TimedOut),
                Wait::Until(deadline) => {
                    timed_out = self.changed.wait_until(&mut state, deadline).timed_out()
                }
                Wait::Forever => self.changed.wait(&mut state),
            }
        }
    }

    fn add_credits(&self, messages: u32) {
        let _order = self.order.lock();
        let mut state = self.state.lock();
        let Some(newest) = state.newest.take() else {
            state.credits = state.credits.saturating_add(messages);
            self.changed.notify_all();
            return;
        };
        drop(state);
        self.send_frame(newest);
        self.changed.notify_all();
    }

    fn send_frame(&self, bytes: Vec<u8>) {
        if let Some(link) = self.link.get() {
            // If this fails, the connection has ended, which is told elsewhere.
            let _ = link.send(bytes, When::Now);
        }
    }

    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now().checked_add(timeout);
        self.wait_newest(deadline) && self.link.get().is_some_and(|link| link.wait_flushed(deadline))
    }

    /// Waits until no value of a latest pipe is kept here. False when the time has come before, or when it never will be sent.
    fn wait_newest(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while state.newest.is_some() && !self.is_closed() && !is_io_thread() {
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        let is_sent = state.newest.is_none();
        drop(state);
        // Whoever took it out may be just about to send it.
        drop(self.order.lock());
        is_sent
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends the pipe, once all that was sent has been given to the system.
    pub(super) fn end(&self, end: EndCode) {
        let order = self.order.lock();
        let mut state = self.state.lock();
        state.ended = true;
        let newest = state.newest.take();
        drop(state);
        if let Some(newest) = newest {
            self.send_frame(newest);
        }
        self.send_frame(end.to_frame());
        drop(order);
        if !self.flush(LINGER) && !self.is_closed() {
            log::warn!("foreground: the router did not take everything that was sent to it");
        }
        if let Some(link) = self.link.get() {
            link.finish(Disconnect::closed_here());
            socket::wait_carried(link.stream(), Instant::now().checked_add(LINGER));
        }
    }

    fn answer(&self, answer: Result<(), ConnectError>) {
        self.state.lock().answered.get_or_insert(answer);
        self.changed.notify_all();
    }

    fn close(&self) {
        // Under the lock, for those who look and then wait.
        let _state = self.state.lock();
        self.closed.store(true, Ordering::Release); // read by `is_closed`
        self.changed.notify_all();
    }
}

/// So much memory at most is kept by each thread that sends.
const KEPT: usize = 64 * 1024;

thread_local! {
    static MEMORY: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A frame that is being written, in memory of this thread that is used again. Who sends while a message is written gets another.
struct Frame(Vec<u8>);

impl Frame {
    /// Begins one with a message.
    fn begin() -> Self {
        // None in a thread that is ending.
        let mut bytes = MEMORY.try_with(Cell::take).unwrap_or_default();
        wire::begin(kind::MESSAGE, &mut bytes);
        Self(bytes)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if self.0.capacity() <= KEPT {
            let bytes = std::mem::take(&mut self.0);
            let _ = MEMORY.try_with(|memory| memory.set(bytes));
        }
    }
}

/// How the connection knows the outlet. The outlet keeps the connection, which would else be kept by itself.
struct Listening(Weak<Outlet>);

impl Peer for Listening {
    fn on_frame(&self, _: &ConnectionLink, kind: u8, payload: &[u8]) -> Result<(), Disconnect> {
        // Without it nobody is left whom it concerns.
        self.0.upgrade().map_or(Ok(()), |outlet| outlet.on_frame(kind, payload))
    }

    fn on_closed(self: Arc<Self>, reason: &Disconnect) {
        if let Some(outlet) = self.0.upgrade() {
            outlet.on_closed(reason);
        }
    }
}

impl Outlet {
    fn on_frame(&self, kind: u8, payload: &[u8]) -> Result<(), Disconnect> {
        match kind {
            kind::CREDIT => self.add_credits(wire::read_credit(payload)?),
            kind::CLOSED => {
                self.state.lock().told = true;
                self.close();
                // If it has not been welcomed yet.
                let text = "the ticket's pipe was closed";
                self.answer(Err(ConnectError::new(ConnectErrorKind::ExpiredTicket, text)));
            }
            kind::WELCOME if self.welcome.get().is_none() => {
                let welcome = Welcome::read(payload)?;
                let _ = self.welcome.set(welcome);
                self.state.lock().credits = match welcome.capacity {
                    Capacity::Any => 0,
                    Capacity::Bounded(capacity) => capacity,
                    Capacity::Latest => 1,
                };
                self.answer(Ok(()));
            }
            kind::DENIED if self.welcome.get().is_none() => {
                let (denial, text) = Denial::read(payload)?;
                self.state.lock().ended = true;
                self.answer(Err(ConnectError::denied(denial, text)));
            }
            _ => return Err(wire::malformed("a frame of an unknown kind")),
        }
        Ok(())
    }

    fn on_closed(self: &Arc<Self>, reason: &Disconnect) {
        let state = self.state.lock();
        let (told, ended) = (state.told, state.ended);
        drop(state);
        self.close();
        self.answer(Err(ConnectError::disconnected(reason)));
        if ended || self.welcome.get().is_none() || self.on_lost == OnLost::Close {
            return;
        }
        if !told {
            log::error!("foreground: the process that receives has gone, so this one ends: {reason}");
            std::process::exit(EXIT_CODE);
        }
        // It was told just before, and may be at its last words.
        let outlet = Arc::downgrade(self);
        let exit = move || {
            if outlet.upgrade().is_some_and(|outlet| !outlet.state.lock().ended) {
                log::error!("foreground: the process that received has gone, and so this one ends");
                std::process::exit(EXIT_CODE);
            }
        };
        // Without a timer it lives on, which is the lesser harm.
        let timer = Timer::at(Instant::now() + LAST_WORDS, exit).ok();
        self.state.lock().exit = timer;
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::mpsc;

    use crate::MessageRouter;
    use crate::net::Timer;
    use crate::process::{RemotePipeOptions, RemoteSender};

    use super::*;

    /// A logger that sends is called there too.
    #[test]
    fn the_thread_that_would_hear_of_room_does_not_wait_for_it() {
        let router: MessageRouter = MessageRouter::new(|| {});
        router.start().unwrap();
        let options = RemotePipeOptions::new().bounded(1);
        let (ticket, _receiver) = router.remote_pipe_with::<u32>(options).unwrap();
        let sender = RemoteSender::<u32>::from_ticket(ticket).unwrap().start();
        sender.send(1).unwrap();
        let (done, is_done) = mpsc::channel();
        let _call = Timer::at(Instant::now(), move || {
            done.send(sender.send(2).map_err(|error| error.kind())).unwrap();
        });
        let sent = is_done.recv_timeout(Duration::from_secs(60)).expect("it does not wait");
        assert_eq!(sent, Err(RemoteSendErrorKind::Full));
    }
}
