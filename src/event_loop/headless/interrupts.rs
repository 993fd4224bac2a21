//! Ctrl-C, and how it finds the loops.

use std::error::Error;
use std::fmt;
use std::io;
use std::mem;
use std::process;
use std::sync::{Arc, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A loop that has not taken an interrupt for so long hangs. And signals that come within this time after the one that ended
/// the loop are that same one, passed on by a wrapper.
const PATIENCE: Duration = Duration::from_millis(500);
/// What shells say of a program that Ctrl-C has ended: 128 and the number of the signal; and Windows'
/// `STATUS_CONTROL_C_EXIT`.
const EXIT_CODE: i32 = if cfg!(windows) { 0xc000_013a_u32 as i32 } else { 130 };

/// The interrupts of one loop.
#[derive(Debug)]
pub(super) struct Interrupts {
    state: Mutex<State>,
    thread: Thread,
}

#[derive(Debug)]
struct State {
    /// Since when one waits to be taken.
    pending_since: Option<Instant>,
    attention: Attention,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attention {
    /// The loop has not run yet.
    Ahead,
    /// It runs, or is called from one that does.
    Running,
    /// It was left.
    Over,
}

/// What became of an interrupt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The loop will take it.
    Noted,
    /// The loop has not taken the one before it.
    Hangs,
    /// Nobody will.
    Over,
}

impl Interrupts {
    /// Makes those of a loop on this thread.
    pub(super) fn here() -> Self {
        let state = State { pending_since: None, attention: Attention::Ahead };
        Self { state: Mutex::new(state), thread: thread::current() }
    }

    /// The loop begins to run, until the guard is dropped.
    pub(super) fn attend(&self) -> Attending<'_> {
        let before = mem::replace(&mut self.state.lock().attention, Attention::Running);
        Attending { interrupts: self, is_nested: before == Attention::Running }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.state.lock().pending_since.is_some()
    }

    /// Takes the interrupt that came, if one did.
    pub(super) fn take(&self) -> bool {
        self.state.lock().pending_since.take().is_some()
    }

    fn interrupt(&self) {
        self.state.lock().pending_since.get_or_insert_with(Instant::now);
        self.thread.unpark();
    }

    /// The process is asked to end.
    fn signal(&self) -> Outcome {
        let State { pending_since, attention } = *self.state.lock();
        if attention == Attention::Over {
            return Outcome::Over;
        }
        if pending_since.is_some_and(|since| since.elapsed() >= PATIENCE) {
            return Outcome::Hangs;
        }
        self.interrupt();
        Outcome::Noted
    }
}

/// The loop runs.
pub(super) struct Attending<'a> {
    interrupts: &'a Interrupts,
    is_nested: bool,
}

impl Drop for Attending<'_> {
    fn drop(&mut self) {
        if !self.is_nested {
            self.interrupts.state.lock().attention = Attention::Over;
        }
    }
}

/// The loops that are to be interrupted by the process' signals.
struct Caught {
    is_installed: bool,
    loops: Vec<Weak<Interrupts>>,
    /// When a loop was last interrupted.
    noted_at: Option<Instant>,
}

/// There is one handler a process, so its loops are found here.
static CAUGHT: Mutex<Caught> = Mutex::new(Caught { is_installed: false, loops: Vec::new(), noted_at: None });

/// Has the process' signals interrupt a loop.
pub(super) fn catch(interrupts: &Arc<Interrupts>) -> Result<(), CatchInterruptsError> {
    let mut caught = CAUGHT.lock();
    if !caught.is_installed {
        ctrlc::set_handler(handle_signal).map_err(|error| match error {
            ctrlc::Error::MultipleHandlers => CatchInterruptsError::HandlerTaken,
            ctrlc::Error::System(error) => CatchInterruptsError::System(error),
            error => CatchInterruptsError::System(io::Error::other(error)),
        })?;
        caught.is_installed = true;
    }
    caught.loops.retain(|known| known.strong_count() > 0 && known.as_ptr() != Arc::as_ptr(interrupts));
    caught.loops.push(Arc::downgrade(interrupts));
    Ok(())
}

/// Called on a thread of its own, so that it may lock.
fn handle_signal() {
    let loops: Vec<_> = CAUGHT.lock().loops.iter().filter_map(Weak::upgrade).collect();
    let outcomes: Vec<_> = loops.iter().map(|interrupts| interrupts.signal()).collect();
    if outcomes.contains(&Outcome::Hangs) {
        process::exit(EXIT_CODE);
    }
    let mut caught = CAUGHT.lock();
    if outcomes.contains(&Outcome::Noted) {
        caught.noted_at = Some(Instant::now());
    } else if caught.noted_at.is_none_or(|at| at.elapsed() >= PATIENCE) {
        drop(caught);
        process::exit(EXIT_CODE);
    }
}

/// Interrupts a [`Headless`](super::Headless) loop from any thread; made by
/// [`Headless::interrupter`](super::Headless::interrupter).
#[derive(Clone, Debug)]
pub struct Interrupter(Arc<Interrupts>);

impl Interrupter {
    pub(super) fn new(interrupts: Arc<Interrupts>) -> Self {
        Self(interrupts)
    }

    /// Interrupts the loop at its next turn. Several that come before it count as one. If the loop is not running, the next
    /// [`run`](super::Headless::run) takes it. Never blocks.
    ///
    /// This never ends the process, however long the loop hangs.
    ///
    /// # Examples
    ///
    /// [`Headless::interrupter`](super::Headless::interrupter) shows one.
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::headless::{Headless, RunError}};
    /// let headless = Headless::new(MessageRouter::builder());
    /// headless.interrupter().interrupt();
    /// assert_eq!(headless.run(&mut (), |()| false), Err(RunError::Interrupted));
    /// ```
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

/// Why a loop cannot catch interrupts; see [`Headless::catch_interrupts`](super::Headless::catch_interrupts).
#[derive(Debug)]
#[non_exhaustive]
pub enum CatchInterruptsError {
    /// The program has set a handler of its own, and a process has one. It keeps it, and calls an [`Interrupter`] there.
    HandlerTaken,
    /// The system refuses.
    System(io::Error),
}

impl fmt::Display for CatchInterruptsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandlerTaken => f.write_str(
                "the program has a handler for Ctrl-C already, and a process has one; \
                 call `Headless::interrupter().interrupt()` in it",
            ),
            Self::System(_) => f.write_str("the system does not let the program catch interrupts"),
        }
    }
}

impl Error for CatchInterruptsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::HandlerTaken => None,
            Self::System(error) => Some(error),
        }
    }
}
