//! A connection: bytes in, bytes out, limits, and an orderly end. What the bytes mean is its [`Protocol`]'s matter.
//!
//! Reading. One thread at a time reads the socket: the I/O thread when something comes, or a thread that waits for
//! something of this connection, which then sleeps at the socket itself (`read_until`) and saves the detour. Whoever
//! reads takes the decoder out of the state, holds no lock while the protocol handles messages, and gives it back.
//!
//! Writing. `send` writes at once what the system takes, on the thread that sends. The I/O thread writes the rest.
//!
//! The end. `close` is at once. `finish` writes what was sent, tells the peer that nothing follows (half-close), throws away what
//! still comes and waits a while for the peer to close: a socket that is closed with unread input is reset by TCP, which may
//! destroy what the peer has not read yet.
//!
//! Locks: `output` before `state`; neither is held while the protocol is called.

mod connect;
mod output;
mod read;
#[cfg(unix)]
mod sleep;
mod state;

use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

pub(super) use self::connect::{Attempt, start};
use self::output::Output;
pub(crate) use self::read::Reading;
pub(crate) use self::state::Timeouts;
use self::state::{Phase, State};
use super::reactor::{Interest, Key, Reactor, Socket, Source, is_io_thread};
use super::socket::Stream;
use super::{Disconnect, DisconnectKind, PeerAddress};

/// How many bytes may wait to be written before whoever can wait should.
pub(crate) const HIGH_WATER: usize = 1024 * 1024;

/// Finds the messages in a stream of bytes.
pub(crate) trait Decode: Send + 'static {
    /// A whole message.
    type Message;

    /// Takes from the input until a message is whole, which is returned, or the input is empty.
    /// Checks every length against a limit before it sets memory aside.
    fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Self::Message>, Disconnect>;

    /// Whether a message has begun that is not whole.
    fn is_midway(&self) -> bool;
}

/// What a layer does with a connection.
///
/// Called with no lock held, one call at a time, on the I/O thread or on one that waits; `on_closed` may come from any thread
/// while another call is under way.
pub(crate) trait Protocol: Send + Sync + Sized + 'static {
    /// Finds its messages.
    type Decoder: Decode;

    /// Handles a message. An error means that the peer breaks the protocol.
    fn on_message(
        &self,
        link: &Arc<Link<Self>>,
        message: <Self::Decoder as Decode>::Message,
    ) -> Result<(), Disconnect>;

    /// The connection that [`Link::connect`] began is made. May come while another call is under way.
    fn on_connected(&self, _: &Arc<Link<Self>>) {}

    /// The peer has broken the protocol.
    fn on_bad_input(&self, link: &Arc<Link<Self>>, reason: Disconnect) {
        link.close(reason);
    }

    /// The peer sends nothing more; it may still read.
    fn on_eof(&self, link: &Arc<Link<Self>>, reason: Disconnect) {
        link.close(reason);
    }

    /// The connection is closed: no message follows, but for one that is being handled, and nothing can be sent. Called once.
    fn on_closed(&self, reason: &Disconnect);

    /// So much has been written that [`HIGH_WATER`] is no longer exceeded. May come more often.
    fn on_room(&self, _: &Arc<Link<Self>>) {}

    /// Whether nothing is expected of this side: only then a quiet peer is an idle one.
    fn is_idle(&self) -> bool {
        true
    }
}

/// A connection in the care of the I/O thread, until it is closed.
pub(crate) struct Link<P: Protocol> {
    reactor: Arc<Reactor>,
    key: OnceLock<Key>,
    stream: Stream,
    protocol: P,
    timeouts: Timeouts,
    state: Mutex<State<P::Decoder>>,
    /// The phase is `Open` (or will be). A copy for those who need not know it to the instant.
    open: AtomicBool,
    output: Mutex<Output>,
    room: Condvar,
}

/// Why bytes were not taken.
#[derive(Debug)]
pub(crate) enum NotSent {
    Disconnected(Disconnect),
    TimedOut,
}

impl<P: Protocol> Link<P> {
    /// Takes a connected stream into care.
    pub(crate) fn open(
        stream: Stream,
        decoder: P::Decoder,
        protocol: P,
        timeouts: Timeouts,
    ) -> io::Result<Arc<Self>> {
        stream.prepare()?;
        let link = Self::new(stream, decoder, protocol, timeouts, Phase::Open)?;
        let mut state = link.state.lock();
        link.register()?;
        link.opened(&mut state);
        drop(state);
        Ok(link)
    }

    fn new(
        stream: Stream,
        decoder: P::Decoder,
        protocol: P,
        timeouts: Timeouts,
        phase: Phase,
    ) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            reactor: Reactor::shared()?,
            key: OnceLock::new(),
            stream,
            protocol,
            timeouts,
            state: Mutex::new(State::new(decoder, phase)),
            open: AtomicBool::new(true),
            output: Mutex::new(Output::new(phase == Phase::Open)),
            room: Condvar::new(),
        }))
    }

    fn register(self: &Arc<Self>) -> io::Result<()> {
        let key = self.reactor.register(self.clone())?;
        let _ = self.key.set(key);
        Ok(())
    }

    fn opened(&self, state: &mut State<P::Decoder>) {
        state.phase = Phase::Open;
        state.since.quiet = self.timeouts.idle.map(|_| Instant::now());
        self.watch(state);
        self.reset_alarm(state);
    }

    pub(crate) fn protocol(&self) -> &P {
        &self.protocol
    }

    pub(crate) fn local_address(&self) -> io::Result<PeerAddress> {
        self.stream.local_address()
    }

    /// Whether messages still come and go.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire) // with `close` and `finish`: their reason is there
    }

    /// Whether the system knows that the peer neither sends nor receives any more. A peer that said only the former may wait
    /// for an answer.
    pub(crate) fn is_hung_up(&self) -> bool {
        !self.is_open() || self.stream.is_hung_up()
    }

    /// Bytes that the system has not taken yet.
    pub(crate) fn unsent(&self) -> usize {
        self.output.lock().unsent()
    }

    /// Sends bytes after all that were sent before. Never waits: what the system does not take now is kept.
    pub(crate) fn send(&self, bytes: Vec<u8>) -> Result<(), Disconnect> {
        self.send_under(&mut self.output.lock(), bytes)
    }

    /// Sends bytes once fewer than [`HIGH_WATER`] wait to be written. On the I/O thread it does not wait.
    pub(crate) fn send_when_room(&self, bytes: Vec<u8>, deadline: Option<Instant>) -> Result<(), NotSent> {
        let mut output = self.output.lock();
        while output.unsent() > HIGH_WATER && output.refused.is_none() && !is_io_thread() {
            match deadline {
                None => self.room.wait(&mut output),
                Some(deadline) => {
                    if self.room.wait_until(&mut output, deadline).timed_out() && output.unsent() > HIGH_WATER
                    {
                        return Err(NotSent::TimedOut);
                    }
                }
            }
        }
        self.send_under(&mut output, bytes).map_err(NotSent::Disconnected)
    }

    fn send_under(&self, output: &mut Output, bytes: Vec<u8>) -> Result<(), Disconnect> {
        if let Some(reason) = &output.refused {
            return Err(reason.clone());
        }
        let was_empty = output.is_empty();
        if let Err(error) = output.write_or_keep(&self.stream, bytes) {
            return Err(self.cannot_write(output, error));
        }
        if was_empty && !output.is_empty() {
            let mut state = self.state.lock();
            state.wants_write = true;
            self.mark_stalled(&mut state);
            self.watch(&mut state);
        }
        Ok(())
    }

    /// Reading goes on: what the peer sent before it went is still worth having.
    fn cannot_write(&self, output: &mut Output, error: io::Error) -> Disconnect {
        let reason = match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Disconnect::closed_by_peer(),
            _ => Disconnect::io("writing to the connection", error),
        };
        output.refused = Some(reason.clone());
        output.clear();
        self.room.notify_all();
        reason
    }

    fn mark_stalled(&self, state: &mut State<P::Decoder>) {
        if self.timeouts.stall.is_some() {
            state.since.stalled = Some(Instant::now());
            self.reset_alarm(state);
        }
    }

    /// Writes what waits.
    fn flush(self: &Arc<Self>) {
        let mut output = self.output.lock();
        let was_high = output.unsent() > HIGH_WATER;
        let flushed = output.flush(&self.stream);
        let failed = flushed.is_err();
        match flushed {
            Ok(0) => {}
            Ok(_) if output.is_empty() => self.state.lock().since.stalled = None,
            Ok(_) => self.mark_stalled(&mut self.state.lock()),
            Err(error) => {
                self.cannot_write(&mut output, error);
            }
        }
        let has_room = output.unsent() <= HIGH_WATER;
        if has_room {
            self.room.notify_all();
        }
        let mut state = self.state.lock();
        let done = output.is_empty();
        state.wants_write = !done;
        let (phase, eof) = (state.phase, state.eof);
        drop((state, output));
        match phase {
            Phase::Finishing if failed => self.end(),
            Phase::Finishing if done => self.half_close(),
            // Nothing more can come or go.
            Phase::Open if failed && eof => self.close(Disconnect::closed_by_peer()),
            Phase::Open if was_high && has_room => self.protocol.on_room(self),
            _ => {}
        }
    }

    /// Waits until all that was sent has been given to the system. False when the time has come before.
    pub(crate) fn wait_flushed(&self, deadline: Option<Instant>) -> bool {
        let mut output = self.output.lock();
        while !output.is_empty() && !is_io_thread() {
            match deadline {
                None => self.room.wait(&mut output),
                Some(deadline) => {
                    if self.room.wait_until(&mut output, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        output.is_empty()
    }

    /// Stops reading for a while, or goes on. A thread that waits for something of this connection reads all the same.
    pub(crate) fn set_paused(&self, paused: bool) {
        let mut state = self.state.lock();
        if state.paused != paused {
            state.paused = paused;
            self.watch(&mut state);
        }
    }

    /// Ends the connection at once; what is not written is lost. Does nothing if it has ended.
    pub(crate) fn close(&self, reason: Disconnect) {
        let mut state = self.state.lock();
        if state.phase == Phase::Closed {
            return;
        }
        state.phase = Phase::Closed;
        let first = state.reason.is_none();
        let reason = state.reason.get_or_insert(reason).clone();
        self.open.store(false, Ordering::Release); // read by `is_open`
        let decoder = state.decoder.take();
        wake_reader(&state);
        drop(state);
        drop(decoder);
        self.stream.shut_down(Shutdown::Both);
        let mut output = self.output.lock();
        output.clear();
        output.refused.get_or_insert(reason.clone());
        self.room.notify_all();
        drop(output);
        if let Some(&key) = self.key.get() {
            self.reactor.deregister(key);
        }
        if first {
            self.protocol.on_closed(&reason);
        }
    }

    /// Ends the connection for the layers above, and in order for the peer: what was sent is still written.
    pub(crate) fn finish(&self, reason: Disconnect) {
        let mut state = self.state.lock();
        match state.phase {
            Phase::Open => {}
            Phase::Connecting => {
                drop(state);
                return self.close(reason);
            }
            Phase::Finishing | Phase::Closed => return,
        }
        state.phase = Phase::Finishing;
        state.reason = Some(reason.clone());
        state.since.finishing = Some(Instant::now());
        state.since.midway = None;
        state.since.quiet = None;
        self.open.store(false, Ordering::Release); // read by `is_open`
        wake_reader(&state);
        self.watch(&mut state);
        self.reset_alarm(&mut state);
        drop(state);
        let mut output = self.output.lock();
        let broken = output.refused.is_some();
        output.refused.get_or_insert(reason.clone());
        let flushed = output.is_empty();
        // Those who wait for room may not send any more.
        self.room.notify_all();
        drop(output);
        if broken {
            self.end();
        } else if flushed {
            self.half_close();
        }
        self.protocol.on_closed(&reason);
    }

    /// All is written: the peer is told so. It ends when the peer has closed too.
    fn half_close(&self) {
        self.stream.shut_down(Shutdown::Write);
        if self.state.lock().eof {
            self.end();
        }
    }

    /// Ends a connection that has been finished.
    fn end(&self) {
        self.close(Disconnect::closed_here());
    }

    /// Asks the poller for what is wanted now.
    fn watch(&self, state: &mut State<P::Decoder>) {
        let interest = state.interest();
        if interest == state.watched || state.phase == Phase::Closed {
            return;
        }
        let Some(&key) = self.key.get() else { return };
        match self.reactor.watch(key, self.socket(), interest) {
            Ok(()) => state.watched = interest,
            Err(error) => log::error!("foreground: a socket cannot be watched: {error}"),
        }
    }

    /// Sees to it that the I/O thread looks at the next deadline, not later.
    fn reset_alarm(&self, state: &mut State<P::Decoder>) {
        let next = state.deadline(&self.timeouts).map(|(at, _)| at);
        let next = next.into_iter().chain(state.connect_again.as_ref().map(|&(at, _)| at)).min();
        let Some(next) = next else { return };
        if state.alarm.is_none_or(|alarm| next < alarm)
            && let Some(&key) = self.key.get()
        {
            state.alarm = Some(next);
            self.reactor.set_alarm(key, Some(next));
        }
    }
}

fn wake_reader<D>(state: &State<D>) {
    #[cfg(unix)]
    if let Some(sleeper) = &state.sleeper {
        sleeper.wake();
    }
    #[cfg(not(unix))]
    let _ = state;
}

impl<P: Protocol> Source for Link<P> {
    fn socket(&self) -> Socket<'_> {
        Socket::Stream(&self.stream)
    }

    fn ready(self: Arc<Self>, interest: Interest) {
        let mut state = self.state.lock();
        state.watched = Interest::default();
        let connecting = state.phase == Phase::Connecting;
        drop(state);
        if connecting {
            return self.connected();
        }
        if interest.write {
            self.flush();
        }
        if interest.read {
            self.read_turn();
        }
        self.watch(&mut self.state.lock());
    }

    fn alarm(self: Arc<Self>, now: Instant) {
        let mut state = self.state.lock();
        state.alarm = None;
        if let Some((_, address)) = state.connect_again.take_if(|(at, _)| *at <= now) {
            drop(state);
            return self.connect_again(address);
        }
        if state.since.quiet.is_some() && !self.protocol.is_idle() {
            state.since.quiet = Some(now);
        }
        match state.deadline(&self.timeouts) {
            Some((at, reason)) if at <= now => {
                drop(state);
                self.close(reason);
            }
            _ => self.reset_alarm(&mut state),
        }
    }

    fn panicked(self: Arc<Self>) {
        self.close(Disconnect::new(DisconnectKind::Panicked, "the handling of the connection panicked"));
    }
}

/// The time so long from now, unless that is beyond all times.
pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
