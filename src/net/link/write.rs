//! Writing a connection, by whichever thread it is.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::MutexGuard;

use super::output::{Output, TOGETHER};
use super::state::{Phase, State};
use super::{Link, Protocol};
use crate::net::{Disconnect, DisconnectKind, is_io_thread};

/// How many bytes may wait to be written before whoever can wait should.
pub(crate) const HIGH_WATER: usize = 1024 * 1024;

/// How many chunks a thread writes at most, of others too, before it leaves the rest to the I/O thread.
const ROUNDS: usize = 16;

/// When bytes are to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// By the thread that sends them.
    Now,
    /// By the I/O thread, in a moment, together with what is sent by then: for one of many.
    Soon,
    /// Now if they come alone, and soon if others came just before.
    #[cfg(feature = "process")]
    Gathered,
}

/// Why bytes were not taken.
#[derive(Debug)]
pub(crate) enum NotSent {
    Disconnected(Disconnect),
    TimedOut,
}

/// Whether it is the peer that has gone.
fn is_of_peer(reason: &Disconnect) -> bool {
    reason.kind() == DisconnectKind::ClosedByPeer
}

impl<P: Protocol> Link<P> {
    /// Bytes that the system has not taken yet.
    pub(crate) fn unsent(&self) -> usize {
        self.output.lock().unsent()
    }

    /// Sends bytes after all that were sent before. Never waits: what the system does not take now is kept.
    pub(crate) fn send(self: &Arc<Self>, mut bytes: Vec<u8>, when: When) -> Result<(), Disconnect> {
        self.send_under(self.output.lock(), &mut bytes, when)
    }

    /// Sends bytes once fewer than [`HIGH_WATER`] wait to be written. On the I/O thread it does not wait. What is left of the bytes is
    /// empty, and may still have its memory.
    pub(crate) fn send_when_room(
        self: &Arc<Self>,
        bytes: &mut Vec<u8>,
        when: When,
        deadline: Option<Instant>,
    ) -> Result<(), NotSent> {
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
        self.send_under(output, bytes, when).map_err(NotSent::Disconnected)
    }

    fn send_under(
        self: &Arc<Self>,
        mut output: MutexGuard<'_, Output>,
        bytes: &mut Vec<u8>,
        when: When,
    ) -> Result<(), Disconnect> {
        if let Some(reason) = &output.refused {
            return Err(reason.clone());
        }
        let was_empty = output.is_empty();
        let is_now = match when {
            When::Now => true,
            When::Soon => false,
            #[cfg(feature = "process")]
            When::Gathered => was_empty && !output.is_in_burst(),
        };
        output.push(bytes);
        if !output.blocked && (is_now || output.unsent() >= TOGETHER) {
            return self.write_out(output);
        }
        if was_empty {
            // The I/O thread finds that the socket can be written, and then writes all that has come by then.
            let mut state = self.state.lock();
            state.wants_write = true;
            self.watch(&mut state);
        }
        Ok(())
    }

    /// Writes what waits, as far as the system takes it now.
    pub(crate) fn flush(self: &Arc<Self>) {
        let output = self.output.lock();
        if !output.is_empty() {
            // Whoever waits for what this is about is told by other means.
            let _ = self.write_out(output);
        }
    }

    /// Writes what waits, unless another thread is at it, which then writes this too. The lock is not held meanwhile.
    pub(super) fn write_out(self: &Arc<Self>, mut output: MutexGuard<'_, Output>) -> Result<(), Disconnect> {
        if output.writing || !output.connected {
            return Ok(());
        }
        output.writing = true;
        output.blocked = false;
        let mut was_high = output.unsent() > HIGH_WATER;
        let mut written = 0;
        let mut failure = None;
        for _ in 0..ROUNDS {
            let Some(chunk) = output.take() else { break };
            match MutexGuard::unlocked(&mut output, || chunk.write(&self.stream)) {
                Ok(n) => {
                    // Others may have sent much meanwhile.
                    was_high |= output.unsent() > HIGH_WATER;
                    written += n;
                    if !output.wrote(chunk, n) {
                        output.blocked = true;
                        break;
                    }
                }
                Err(error) => {
                    failure = Some(self.cannot_write(&mut output, error));
                    break;
                }
            }
        }
        output.writing = false;
        let has_room = output.unsent() <= HIGH_WATER;
        if has_room {
            self.room.notify_all();
        }
        let mut state = self.state.lock();
        let done = output.is_empty();
        if written > 0 && state.since.quiet.is_some() {
            state.since.quiet = Some(Instant::now());
        }
        if done {
            state.since.stalled = None;
        } else if written > 0 || state.since.stalled.is_none() {
            self.mark_stalled(&mut state);
        }
        state.wants_write = !done;
        self.watch(&mut state);
        let (phase, eof) = (state.phase, state.eof);
        drop((state, output));
        match phase {
            Phase::Finishing if failure.is_some() => self.end(),
            Phase::Finishing if done => self.half_close(),
            // Nothing more can come or go.
            Phase::Open if failure.is_some() && eof => self.close(Disconnect::closed_by_peer()),
            // The peer might wait for ever for what was thrown away.
            Phase::Open if failure.as_ref().is_some_and(|reason| !is_of_peer(reason)) => {
                self.stream.shut_down(Shutdown::Write);
            }
            Phase::Open if was_high && has_room => self.protocol.on_room(self),
            _ => {}
        }
        failure.map_or(Ok(()), Err)
    }

    /// Reading goes on: what the peer sent before it went is still worth having.
    fn cannot_write(&self, output: &mut Output, error: io::Error) -> Disconnect {
        let reason = match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                Disconnect::closed_by_peer()
            }
            _ => Disconnect::io("writing to the connection", error),
        };
        let reason = output.refused.get_or_insert(reason).clone();
        output.clear();
        reason
    }

    pub(super) fn mark_stalled(&self, state: &mut State<P::Decoder>) {
        if self.timeouts.stall_in(state.phase).is_some() {
            state.since.stalled = Some(Instant::now());
            self.reset_alarm(state);
        }
    }

    /// Waits until all that was sent has been given to the system. False when the time has come before, or when the
    /// connection has ended and something was lost.
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
        output.is_empty() && !output.lost
    }
}
