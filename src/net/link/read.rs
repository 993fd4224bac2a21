//! Reading a connection, by whichever thread it is.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::state::{Input, Kept, Phase, Reader};
use super::{Decode, Link, Protocol};
#[cfg(unix)]
use super::{sleep, sleep::Sleeper};
use crate::net::{Disconnect, DisconnectKind};

/// How much is read at once. A buffer of this size is kept by each thread that reads, and none by a connection.
const CHUNK: usize = 64 * 1024;

/// How many chunks the I/O thread takes from one connection before others have their turn.
const TURN: usize = 4;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends this thread's buffer. Whoever reads within reading gets another.
fn with_buffer<R>(f: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = BUFFER.take();
    if buffer.is_empty() {
        buffer = vec![0; CHUNK];
    }
    let result = f(&mut buffer);
    BUFFER.set(buffer);
    result
}

/// What a read found.
#[derive(PartialEq, Eq)]
enum Found {
    /// There may be more.
    Much,
    /// There is nothing more for now.
    Little,
    /// There will be nothing more.
    End,
}

/// How [`Link::read_until`] ended.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code))] // there it is always elsewhere
pub(crate) enum Reading {
    /// It is done, or the connection has ended.
    Done,
    TimedOut,
    /// Another thread reads; whoever waits is told by that.
    Elsewhere,
}

impl<P: Protocol> Link<P> {
    /// The I/O thread's turn, when something has come.
    pub(super) fn read_turn(self: &Arc<Self>) {
        let Some(mut input) = self.begin(Reader::IoBusy) else { return };
        let mut enough = || self.is_paused();
        self.feed_backlog(&mut input, &mut enough);
        with_buffer(|buffer| {
            for _ in 0..TURN {
                if !input.backlog.is_empty() || self.read_once(&mut input, buffer, &mut enough) != Found::Much
                {
                    break;
                }
            }
        });
        self.give_back(input);
    }

    /// Reads on this thread, and sleeps at the socket in between, until `done`, which is asked after each read.
    #[cfg(unix)]
    pub(crate) fn read_until(
        self: &Arc<Self>,
        deadline: Option<Instant>,
        mut done: impl FnMut() -> bool,
    ) -> Reading {
        if crate::net::is_io_thread() {
            return Reading::Elsewhere;
        }
        let Some(sleeper) = Sleeper::current() else { return Reading::Elsewhere };
        let Some(mut input) = self.begin(Reader::Waiting) else { return Reading::Elsewhere };
        self.state.lock().sleeper = Some(sleeper);
        let reading = with_buffer(|buffer| {
            loop {
                // `close` and `finish` change the phase before they look for a sleeper: one of the two sees the other.
                if done() || self.has_nothing_to_read() {
                    return Reading::Done;
                }
                let mut enough = || self.is_paused() && done();
                if !input.backlog.is_empty() {
                    self.feed_backlog(&mut input, &mut enough);
                    continue;
                }
                match sleep::sleep_at(&self.stream, deadline) {
                    Ok(sleep::Awake::Look) => {
                        self.read_once(&mut input, buffer, &mut enough);
                    }
                    Ok(sleep::Awake::TimedOut) => return Reading::TimedOut,
                    Err(error) => {
                        self.close(Disconnect::io("waiting for the connection", error));
                        return Reading::Done;
                    }
                }
            }
        });
        self.give_back(input);
        reading
    }

    /// Elsewhere than on Unix the I/O thread reads.
    #[cfg(not(unix))]
    pub(crate) fn read_until(self: &Arc<Self>, _: Option<Instant>, _: impl FnMut() -> bool) -> Reading {
        Reading::Elsewhere
    }

    #[cfg(unix)]
    fn has_nothing_to_read(&self) -> bool {
        let state = self.state.lock();
        state.eof || state.phase != Phase::Open
    }

    /// Takes the decoder, if it is this one's turn.
    fn begin(&self, reader: Reader) -> Option<Input<P::Decoder>> {
        let mut state = self.state.lock();
        let may_read = match state.phase {
            // A thread that waits for something waits for what is still to be read.
            Phase::Open => !state.paused || reader == Reader::Waiting,
            // Somebody must throw away what comes, and it is nobody's who waits.
            Phase::Finishing => reader == Reader::IoBusy,
            Phase::Connecting | Phase::Closed => false,
        };
        if state.reader != Reader::Io || !may_read || state.eof {
            return None;
        }
        let input = state.input.take()?;
        state.reader = reader;
        if let Some(kept) = &mut state.kept {
            kept.by_nobody = false;
        }
        if reader == Reader::Waiting {
            self.watch(&mut state);
        }
        Some(input)
    }

    fn give_back(&self, input: Input<P::Decoder>) {
        let mut state = self.state.lock();
        let has_waited = state.reader == Reader::Waiting;
        state.reader = Reader::Io;
        if has_waited {
            state.waits = state.waits.wrapping_add(1);
            match &mut state.kept {
                Some(kept) => kept.by_nobody = true,
                None => state.kept = Kept::from_now(state.waits),
            }
        }
        #[cfg(unix)]
        {
            state.sleeper = None;
        }
        if state.phase == Phase::Closed {
            drop(state);
            return drop(input);
        }
        let midway = state.phase == Phase::Open && input.decoder.is_midway();
        if !midway {
            state.since.midway = None;
        }
        state.input = Some(input);
        self.watch(&mut state);
        self.reset_alarm(&mut state);
    }

    fn read_once(
        self: &Arc<Self>,
        input: &mut Input<P::Decoder>,
        buffer: &mut [u8],
        enough: &mut dyn FnMut() -> bool,
    ) -> Found {
        loop {
            let in_place = input.decoder.collector().and_then(|collector| self.stream.read_into(collector));
            let is_in_place = in_place.is_some();
            match in_place.unwrap_or_else(|| self.stream.read(buffer)) {
                Ok(0) => {
                    self.at_end(&input.decoder);
                    return Found::End;
                }
                Ok(_) if is_in_place => {
                    self.feed(input, &[], enough);
                    return Found::Much;
                }
                Ok(n) => {
                    self.feed(input, &buffer[..n], enough);
                    return if n == buffer.len() { Found::Much } else { Found::Little };
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Found::Little,
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::ConnectionReset => {
                        self.close(Disconnect::with_source(
                            DisconnectKind::ClosedByPeer,
                            "the peer broke off the connection",
                            error,
                        ));
                        return Found::End;
                    }
                    _ => {
                        self.close(Disconnect::io("reading from the connection", error));
                        return Found::End;
                    }
                },
            }
        }
    }

    fn feed_backlog(self: &Arc<Self>, input: &mut Input<P::Decoder>, enough: &mut dyn FnMut() -> bool) {
        if input.backlog.is_empty() {
            return; // it is not as if something had come
        }
        let backlog = std::mem::take(&mut input.backlog);
        self.feed(input, &backlog, enough);
    }

    /// Finds the messages in what came, and has each handled. What is left when it is enough waits as the backlog.
    fn feed(self: &Arc<Self>, input: &mut Input<P::Decoder>, bytes: &[u8], enough: &mut dyn FnMut() -> bool) {
        self.handle(input, bytes, enough);
        self.guarded(|| self.protocol.on_read(self));
    }

    fn handle(
        self: &Arc<Self>,
        input: &mut Input<P::Decoder>,
        mut bytes: &[u8],
        enough: &mut dyn FnMut() -> bool,
    ) {
        let Input { decoder, backlog } = input;
        let was_midway = decoder.is_midway();
        let mut began = was_midway;
        // Once in any case: what was read in place may have made a message whole.
        while self.is_open() {
            let rejected = match decoder.decode(&mut bytes) {
                Ok(None) => break,
                Ok(Some(message)) => {
                    began = false;
                    match self.guarded(|| self.protocol.on_message(self, message)) {
                        Some(handled) => handled.err(),
                        None => return,
                    }
                }
                Err(reason) => Some(reason),
            };
            if let Some(reason) = rejected {
                self.guarded(|| self.protocol.on_bad_input(self, reason));
                return;
            }
            if bytes.is_empty() {
                break;
            }
            if enough() {
                if self.is_open() {
                    *backlog = bytes.to_vec();
                }
                break;
            }
        }
        let is_midway = decoder.is_midway();
        let is_timed = self.timeouts.message.is_some() && (was_midway || is_midway);
        if is_timed || self.timeouts.idle.is_some() {
            self.note_time(is_midway, began);
        }
    }

    /// Calls the protocol, and with it code of the user's, such as a logger. A panic ends the connection, and nothing else: the
    /// thread may be one that waits for something different.
    fn guarded<R>(&self, call: impl FnOnce() -> R) -> Option<R> {
        let called = catch_unwind(AssertUnwindSafe(call));
        if called.is_err() {
            self.close(Disconnect::new(
                DisconnectKind::Panicked,
                "the program panicked while it handled what the peer sent",
            ));
        }
        called.ok()
    }

    /// Notes when the message under way began, and that the peer is not quiet.
    fn note_time(&self, midway: bool, began_before: bool) {
        let now = Instant::now();
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return;
        }
        state.since.quiet = self.timeouts.idle.map(|_| now);
        if !midway {
            state.since.midway = None;
        } else if !began_before || state.since.midway.is_none() {
            state.since.midway = Some(now);
        }
        // A thread that waits may read for long before it gives the decoder back.
        self.reset_alarm(&mut state);
    }

    fn at_end(self: &Arc<Self>, decoder: &P::Decoder) {
        let mut state = self.state.lock();
        state.eof = true;
        state.since.quiet = None;
        state.since.midway = None;
        let phase = state.phase;
        drop(state);
        match phase {
            Phase::Open => {
                let reason = if decoder.is_midway() {
                    let text = "the peer closed the connection in the middle of a message";
                    Disconnect::new(DisconnectKind::Truncated, text)
                } else {
                    Disconnect::closed_by_peer()
                };
                self.guarded(|| self.protocol.on_eof(self, reason));
            }
            // It ends when the rest is written, unless that was done before.
            Phase::Finishing if self.output.lock().is_empty() => self.end(),
            _ => {}
        }
    }
}
