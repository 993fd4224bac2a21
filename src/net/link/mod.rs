//! A connection: bytes in, bytes out, limits, and an orderly end. What the bytes mean is its [`Protocol`]'s matter.
//!
//! Reading. One thread at a time reads the socket: the I/O thread when something comes, or a thread that waits for
//! something of this connection, which then sleeps at the socket itself (`read_until`) and saves the detour. Whoever
//! reads takes the decoder out of the state, holds no lock while the protocol handles messages, and gives it back.
//!
//! Writing. `send` writes at once what the system takes, on the thread that sends, and what other threads send meanwhile. The
//! I/O thread writes the rest, and what was sent for `Soon`; `Gathered` is the one for bytes that come alone, the other for a burst.
//! Once the system takes no more, nobody tries before the I/O thread has been told that it does.
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
#[cfg(all(test, unix))]
mod tests;
mod write;

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
use self::state::{Kept, Phase, Reader, State};
pub(crate) use self::write::{HIGH_WATER, NotSent, When};
use super::reactor::{Interest, Key, Reactor, Socket, Source};
use super::socket::Stream;
use super::{Collector, Disconnect, DisconnectKind, PeerAddress};

/// Finds the messages in a stream of bytes.
pub(crate) trait Decode: Send + 'static {
    /// A whole message. It may be a part of the input, if it came as a whole.
    type Message<'a>;

    /// Takes from the input until a message is whole, which is returned, or the input is empty.
    /// Checks every length against a limit before it sets memory aside.
    fn decode<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Self::Message<'a>>, Disconnect>;

    /// What collects the bytes that come next, if they are those of one long message: they may be read right there.
    fn collector(&mut self) -> Option<&mut Collector> {
        None
    }

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
        message: <Self::Decoder as Decode>::Message<'_>,
    ) -> Result<(), Disconnect>;

    /// All that was read has been handled; more may be there.
    fn on_read(&self, _: &Arc<Link<Self>>) {}

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
    /// A copy of the state's, asked after each message.
    paused: AtomicBool,
    output: Mutex<Output>,
    room: Condvar,
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
            paused: AtomicBool::new(false),
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
        state.since.greeting = self.timeouts.greeting.map(|_| Instant::now());
        self.watch(state);
        self.reset_alarm(state);
    }

    pub(crate) fn protocol(&self) -> &P {
        &self.protocol
    }

    /// The peer has said who it is.
    #[cfg(feature = "process")]
    pub(crate) fn greeted(&self) {
        self.state.lock().since.greeting = None;
    }

    /// The socket itself, to ask the system who is at its other end.
    #[cfg(feature = "process")]
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
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

    /// Why it was closed.
    pub(crate) fn reason(&self) -> Option<Disconnect> {
        self.state.lock().reason.clone()
    }

    /// Stops reading for a while, or goes on. A thread that waits for something of this connection reads all the same.
    pub(crate) fn set_paused(&self, paused: bool) {
        let mut state = self.state.lock();
        if state.paused != paused {
            state.paused = paused;
            self.paused.store(paused, Ordering::Relaxed); // a hint, see there
            // The time for which the peer was not read is not its fault.
            state.since.midway = state.since.midway.map(|_| Instant::now());
            self.watch(&mut state);
            self.reset_alarm(&mut state);
        }
    }

    /// Whether the layer above wants no more. A thread that does not see it yet handles a message more.
    fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
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
        let input = state.input.take();
        wake_reader(&state);
        drop(state);
        drop(input);
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
        // Both at once: nobody sends more after what he has seen to be the last.
        let mut output = self.output.lock();
        let mut state = self.state.lock();
        match state.phase {
            Phase::Open => {}
            Phase::Connecting => {
                drop((state, output));
                return self.close(reason);
            }
            Phase::Finishing | Phase::Closed => return,
        }
        state.phase = Phase::Finishing;
        state.reason = Some(reason.clone());
        state.since.greeting = None;
        state.since.midway = None;
        state.since.quiet = None;
        if !output.is_empty() && state.since.stalled.is_none() {
            self.mark_stalled(&mut state);
        }
        self.open.store(false, Ordering::Release); // read by `is_open`
        wake_reader(&state);
        self.watch(&mut state);
        drop(state);
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
        let mut state = self.state.lock();
        if state.eof {
            drop(state);
            return self.end();
        }
        state.since.finishing.get_or_insert_with(Instant::now);
        self.reset_alarm(&mut state);
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
            Err(error) => {
                // Closed by the I/O thread, without a lock: nothing more would be heard of it.
                state.failure = Some(Disconnect::io("watching the connection", error));
                let now = Instant::now();
                state.alarm = Some(now);
                self.reactor.set_alarm(key, Some(now));
            }
        }
    }

    /// Sees to it that the I/O thread looks at the next deadline, not later.
    fn reset_alarm(&self, state: &mut State<P::Decoder>) {
        if state.phase == Phase::Closed {
            return; // the key may be another's
        }
        let next = state.deadline(&self.timeouts).map(|(at, _)| at);
        let backlog = state.has_backlog().then(Instant::now);
        let kept = state.kept.map(|kept| kept.until);
        let again = state.connect_again.as_ref().map(|&(at, _)| at);
        let next = next.into_iter().chain(again).chain(backlog).chain(kept).min();
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
            let output = self.output.lock();
            if output.writing {
                // The thread that writes asks again if it has to; until then this would be told again and again.
                self.state.lock().wants_write = false;
            } else {
                let _ = self.write_out(output);
            }
        }
        if interest.read {
            self.read_turn();
        }
        self.watch(&mut self.state.lock());
    }

    fn alarm(self: Arc<Self>, now: Instant) {
        let is_idle = self.protocol.is_idle();
        let mut state = self.state.lock();
        state.alarm = None;
        if let Some(reason) = state.failure.take() {
            drop(state);
            return self.close(reason);
        }
        if let Some((_, address)) = state.connect_again.take_if(|(at, _)| *at <= now) {
            drop(state);
            return self.connect_again(address);
        }
        if let Some(kept) = state.kept.take_if(|kept| kept.until <= now) {
            if kept.waits == state.waits {
                // Nobody has come, or one waits for long: the socket is watched, or need not be.
                self.watch(&mut state);
            } else {
                state.kept =
                    Kept::from_now(state.waits).map(|next| Kept { by_nobody: kept.by_nobody, ..next });
            }
        }
        if state.has_backlog() {
            drop(state);
            self.read_turn();
            state = self.state.lock();
        }
        if state.since.quiet.is_some() && (!is_idle || state.wants_write) {
            state.since.quiet = Some(now);
        }
        if state.since.midway.is_some() && state.paused && state.reader == Reader::Io {
            state.since.midway = Some(now);
        }
        let is_late = |state: &State<_>| state.deadline(&self.timeouts).filter(|&(at, _)| at <= now);
        if is_late(&state).is_some() && !state.paused {
            // It may be this thread that is late: what has come by now came in time.
            drop(state);
            self.read_turn();
            state = self.state.lock();
        }
        match is_late(&state) {
            Some((_, reason)) => {
                drop(state);
                self.close(reason);
            }
            None => self.reset_alarm(&mut state),
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
