//! A loop of its own, for programs without a window: daemons, command lines, services. It has messages, timers, and
//! Ctrl-C.
//!
//! ```
//! use std::time::Duration;
//! use foreground::{MessageRouter, event_loop::headless::{Headless, RunError}};
//!
//! #[derive(Default)]
//! struct App { primes: Vec<u64>, is_done: bool }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let headless = Headless::new(MessageRouter::builder());
//! headless.catch_interrupts()?;
//! headless.every(Duration::from_secs(1), |app: &mut App| println!("{} so far", app.primes.len()));
//!
//! let (sender, receiver) = headless.router().pipe()?;
//! receiver.on_message(|app: &mut App, prime: u64| app.primes.push(prime));
//! receiver.on_end(|app, _| app.is_done = true);
//! let worker = std::thread::spawn(move || sender.start().send(2_147_483_647));
//!
//! let mut app = App::default();
//! match headless.run(&mut app, |app| app.is_done) {
//!     Ok(()) => println!("the greatest is {:?}", app.primes.iter().max()),
//!     Err(RunError::Interrupted) => println!("interrupted"),
//!     Err(error) => return Err(error.into()),
//! }
//! drop(receiver); // the worker learns that nobody listens
//! # let _ =
//! worker.join();
//! # Ok(()) }
//! ```
//!
//! # Ctrl-C
//! [`catch_interrupts`](Headless::catch_interrupts) takes, on Unix, SIGINT (Ctrl-C), SIGTERM (`kill`, a service that is to
//! stop) and SIGHUP (the terminal has gone); on Windows, Ctrl-C, Ctrl-Break, and the closing of the console. They count as
//! one and the same. [`run`](Headless::run) returns [`RunError::Interrupted`], or calls
//! [`on_interrupt`](Headless::on_interrupt)'s callback and goes on. Without it they end the process, as always.
//!
//! A program can be ended at any time:
//!
//! - A loop that runs takes an interrupt at its next turn, under a flood too.
//! - If it hangs in a callback, and has not taken an interrupt for half a second, the next one ends the process, with exit
//!   code 130. Those that come before it has are one.
//! - When the loop was left, the next one ends the process too, so that a shutdown that hangs can be cut short; but for
//!   half a second after the last one: some wrappers pass on a signal that the terminal has sent to both.
//! - One that comes after `catch_interrupts` and before `run` is taken by `run`.
//!
//! Several loops of one process, on several threads, are all interrupted.
//!
//! The `ctrlc` crate does it, which allows one handler a process, has a thread for it, and replaces what another library may
//! have set for these signals. A program that has a handler of its own keeps it, and gives it an
//! [`interrupter`](Headless::interrupter) instead. Under `nohup` a hang-up interrupts the program all the same; detach
//! it by `setsid`.
//!
//! # What the loop promises
//! - It is a thread that parks, woken by unparking it. Nothing is polled.
//! - One turn is: an interrupt, the timers that are due, one dispatch within the router's [budget](crate::Budget), and then the
//!   condition. It settles before it parks, with no code of yours in between. So under a flood a timer is late by one
//!   dispatch at the most, and a timer that is always due delays messages by its own work.
//! - A loop that can never go on, without timer, pipe or anybody who could interrupt it, returns
//!   [`RunError::NothingLeft`] and does not hang.
//! - Callbacks may do anything, also call [`run`](Headless::run) again, as a modal dialogue would.
//! - A callback that panics is dropped, and the panic goes on to the caller of `run`, who may call it again.
//! - When the loop was left, messages wait for [`route_until`](MessageRouter::route_until) or another `run`.
//!
//! Input from the terminal comes by a thread that reads it and sends lines, and child processes' output likewise.
//!
//! It was run on Linux.

mod interrupts;
mod timers;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use self::interrupts::Interrupts;
pub use self::interrupts::{CatchInterruptsError, Interrupter};
pub use self::timers::Timer;
use self::timers::Timers;
use crate::router::Settled;
use crate::{MessageRouter, MessageRouterBuilder};

type OnInterrupt<S> = Box<dyn FnMut(&mut S)>;

/// An event loop without a window. A cheap handle: clones are one loop. `!Send`: it runs on the thread that made it.
///
/// A timer or a callback of the loop that held a handle would keep the loop, and with it the router and its pipes, for as
/// long as it is there itself. What needs a handle again and again has it in the state.
///
/// # Examples
///
/// The module shows a whole program.
///
/// ```
/// use std::time::Duration;
/// use foreground::{MessageRouter, event_loop::headless::Headless};
///
/// let headless = Headless::new(MessageRouter::builder());
/// headless.after(Duration::from_millis(1), |log: &mut Vec<_>| log.push("later"));
/// headless.after(Duration::ZERO, |log| log.push("soon"));
/// let mut log = Vec::new();
/// headless.run(&mut log, |log| log.len() == 2)?;
/// assert_eq!(log, ["soon", "later"]);
/// # Ok::<(), foreground::event_loop::headless::RunError>(())
/// ```
pub struct Headless<S: 'static>(Rc<Inner<S>>);

struct Inner<S: 'static> {
    router: MessageRouter<S>,
    timers: Timers<S>,
    interrupts: Arc<Interrupts>,
    /// Not there while it is on the stack.
    on_interrupt: RefCell<Option<OnInterrupt<S>>>,
    is_handling: Cell<bool>,
    /// Whether there is, or was, somebody who could interrupt.
    is_interruptible: Cell<bool>,
}

impl<S: 'static> Headless<S> {
    /// Makes a loop with a router, and starts the router. The calling thread is its foreground.
    pub fn new(builder: MessageRouterBuilder<S>) -> Self {
        let router = builder.build(thread::current());
        // Nobody else has it yet, so it is not running.
        let _ = router.start();
        Self(Rc::new(Inner {
            router,
            timers: Timers::default(),
            interrupts: Arc::new(Interrupts::here()),
            on_interrupt: RefCell::default(),
            is_handling: Cell::new(false),
            is_interruptible: Cell::new(false),
        }))
    }

    /// Returns the router.
    pub fn router(&self) -> &MessageRouter<S> {
        &self.0.router
    }

    /// Has `callback` called once, in the loop, when `delay` has passed; with a delay of zero, in the next turn. A delay
    /// beyond what the clock can name never passes.
    ///
    /// Timers that are due come in the order in which they are due. They go by real time, whatever the router's clock.
    ///
    /// # Examples
    ///
    /// A time limit:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, event_loop::headless::Headless};
    /// struct App { is_late: bool, has_answer: bool }
    ///
    /// let headless = Headless::new(MessageRouter::builder());
    /// let mut app = App { is_late: false, has_answer: false };
    /// let limit = headless.after(Duration::from_millis(10), |app: &mut App| app.is_late = true);
    /// headless.run(&mut app, |app| app.has_answer || app.is_late)?;
    /// headless.cancel(limit);
    /// assert!(app.is_late);
    /// # Ok::<(), foreground::event_loop::headless::RunError>(())
    /// ```
    pub fn after(&self, delay: Duration, callback: impl FnOnce(&mut S) + 'static) -> Timer {
        self.0.timers.after(delay, Box::new(callback))
    }

    /// Has `callback` called in the loop each time that `interval` has passed, for the first time after one interval.
    ///
    /// The interval is from one due time to the next, so that delays do not add up. Due times that have passed meanwhile are
    /// left out: after a long callback there is no burst.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, event_loop::headless::Headless};
    /// let headless = Headless::new(MessageRouter::builder());
    /// headless.every(Duration::from_millis(1), |ticks: &mut u32| *ticks += 1);
    /// let mut ticks = 0;
    /// headless.run(&mut ticks, |ticks| *ticks == 3)?;
    /// # Ok::<(), foreground::event_loop::headless::RunError>(())
    /// ```
    pub fn every(&self, interval: Duration, callback: impl FnMut(&mut S) + 'static) -> Timer {
        self.0.timers.every(interval, Box::new(callback))
    }

    /// Cancels a timer. Returns whether it was still there. It may cancel itself.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, event_loop::headless::Headless};
    /// let headless = Headless::new(MessageRouter::<u32>::builder());
    /// let timer = headless.every(Duration::from_secs(1), |ticks| *ticks += 1);
    /// assert!(headless.cancel(timer));
    /// assert!(!headless.cancel(timer));
    /// ```
    pub fn cancel(&self, timer: Timer) -> bool {
        self.0.timers.cancel(timer)
    }

    /// Has Ctrl-C, and what else asks the process to end, interrupt this loop; see [the module](self#ctrl-c). Once is enough.
    ///
    /// It stays in force as long as the process, for loops that come and go.
    ///
    /// # Errors
    /// [`CatchInterruptsError::HandlerTaken`] if the program has a handler of its own by the `ctrlc` crate.
    /// [`CatchInterruptsError::System`] if the system refuses.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::headless::{CatchInterruptsError, Headless}};
    /// let headless = Headless::<()>::new(MessageRouter::builder());
    /// match headless.catch_interrupts() {
    ///     Err(CatchInterruptsError::HandlerTaken) => { /* that handler calls `headless.interrupter()` */ }
    ///     result => result?,
    /// }
    /// # Ok::<(), CatchInterruptsError>(())
    /// ```
    pub fn catch_interrupts(&self) -> Result<(), CatchInterruptsError> {
        interrupts::catch(&self.0.interrupts)?;
        self.0.is_interruptible.set(true);
        Ok(())
    }

    /// Has `callback` called in the loop at each interrupt, instead of ending [`run`](Self::run). Replaces the callback that
    /// was there.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::headless::Headless};
    /// #[derive(Default)]
    /// struct App { is_closing: bool }
    ///
    /// let headless = Headless::new(MessageRouter::builder());
    /// headless.on_interrupt(|app: &mut App| app.is_closing = true); // cancels the workers, say
    /// # let interrupter = headless.interrupter();
    /// # std::thread::spawn(move || interrupter.interrupt());
    /// let mut app = App::default();
    /// headless.run(&mut app, |app| app.is_closing)?;
    /// # Ok::<(), foreground::event_loop::headless::RunError>(())
    /// ```
    pub fn on_interrupt(&self, callback: impl FnMut(&mut S) + 'static) {
        let last = self.0.on_interrupt.replace(Some(Box::new(callback)));
        // Dropped here, where nothing is borrowed.
        drop(last);
    }

    /// Returns what interrupts this loop from any thread: for programs with a signal handler of their own.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::headless::{Headless, RunError}};
    /// let headless = Headless::new(MessageRouter::builder());
    /// let interrupter = headless.interrupter();
    /// // in the program's own handler:
    /// std::thread::spawn(move || interrupter.interrupt());
    /// assert_eq!(headless.run(&mut (), |()| false), Err(RunError::Interrupted));
    /// ```
    pub fn interrupter(&self) -> Interrupter {
        self.0.is_interruptible.set(true);
        Interrupter::new(Arc::clone(&self.0.interrupts))
    }

    /// Runs the loop until `is_done` holds. It is looked at on entry, and after each turn. Blocks the calling thread.
    ///
    /// # Errors
    /// - [`RunError::Interrupted`], if there is no callback [for that](Self::on_interrupt).
    /// - [`RunError::NothingLeft`]: the condition does not hold, and nothing is left that could change it.
    ///
    /// A later call goes on.
    ///
    /// Since [`route_until`](MessageRouter::route_until) took over, no message is delivered, and only timers and interrupts
    /// can end the wait.
    ///
    /// # Panics
    /// When a callback does, or the condition. A later call goes on without that callback.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::headless::{Headless, RunError}};
    /// let headless = Headless::new(MessageRouter::builder());
    /// let (sender, receiver) = headless.router().pipe::<u32>().unwrap();
    /// receiver.on_message(|sum, n| *sum += n);
    /// std::thread::spawn(move || sender.start().send(7));
    /// let mut sum = 0;
    /// assert_eq!(headless.run(&mut sum, |sum| *sum == 7), Ok(()));
    /// assert_eq!(headless.run(&mut sum, |sum| *sum == 8), Err(RunError::NothingLeft));
    /// ```
    pub fn run(&self, state: &mut S, mut is_done: impl FnMut(&mut S) -> bool) -> Result<(), RunError> {
        let inner = &*self.0;
        let _settled = Settled(&inner.router);
        let _attention = inner.interrupts.attend();
        while !is_done(state) {
            inner.router.settle();
            // The condition, or a run nested in it, may have consumed the token of a wake. The second settling of a
            // router that was woken in vain has it woken again.
            inner.router.settle();
            inner.sleep()?;
            inner.handle_interrupt(state)?;
            inner.timers.call_due(state);
            inner.router.dispatch(state);
        }
        Ok(())
    }
}

impl<S: 'static> Inner<S> {
    /// Waits for a wake, a timer or an interrupt. No code of the user's runs between the router's settling and this, as
    /// it might consume the token that parking waits for.
    fn sleep(&self) -> Result<(), RunError> {
        if self.takes_interrupts() && self.interrupts.is_pending() {
            return Ok(());
        }
        match self.timers.next_due() {
            Some(due) => {
                let left = due.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    thread::park_timeout(left);
                }
            }
            None if self.can_go_on() => thread::park(),
            None => return Err(RunError::NothingLeft),
        }
        Ok(())
    }

    /// Whether something can come of waiting, without a timer.
    fn can_go_on(&self) -> bool {
        // A pipe may have come to its end, and what it brought is more than fitted into one dispatch.
        self.is_interruptible.get() || self.router.stats().open_pipes > 0 || self.router.has_more()
    }

    /// While its callback is on the stack, of which a nested loop is a part, an interrupt waits.
    fn takes_interrupts(&self) -> bool {
        !self.is_handling.get()
    }

    fn handle_interrupt(&self, state: &mut S) -> Result<(), RunError> {
        if !self.takes_interrupts() || !self.interrupts.take() {
            return Ok(());
        }
        let Some(mut callback) = self.on_interrupt.take() else {
            return Err(RunError::Interrupted);
        };
        let handling = Handling::begin(&self.is_handling);
        callback(state);
        drop(handling);
        // It may have set another, which stays. What is dropped is the user's, so that nothing may be borrowed.
        let set_meanwhile = self.on_interrupt.take();
        let (kept, replaced) = match set_meanwhile {
            Some(other) => (other, Some(callback)),
            None => (callback, None),
        };
        self.on_interrupt.replace(Some(kept));
        drop(replaced);
        Ok(())
    }
}

/// While the callback for interrupts is on the stack.
struct Handling<'a>(&'a Cell<bool>);

impl<'a> Handling<'a> {
    fn begin(is_handling: &'a Cell<bool>) -> Self {
        is_handling.set(true);
        Self(is_handling)
    }
}

impl Drop for Handling<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl<S: 'static> Clone for Headless<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: 'static> fmt::Debug for Headless<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headless").field("router", &self.0.router).finish_non_exhaustive()
    }
}

/// Why [`Headless::run`] returned before its condition held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// The loop was interrupted, by Ctrl-C or an [`Interrupter`].
    Interrupted,
    /// There is no timer, no open pipe, and nobody who could interrupt: the loop would sleep for ever.
    NothingLeft,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupted => "the loop was interrupted",
            Self::NothingLeft => {
                "the loop has neither timer nor open pipe left, so its condition can never hold"
            }
        })
    }
}

impl Error for RunError {}
