//! glib 0.22, and with it GTK 4.
//!
//! [`route`] makes a router whose messages are delivered by a main context of glib, together with the state that its
//! callbacks get. GTK's closures have no argument for the application, so the state is in a [`Shared`], which lends
//! it to them:
//!
//! ```no_run
//! use foreground::{MessageRouter, event_loop::glib_022};
//! # use ::glib_022 as glib; // with GTK: `use gtk4::glib`
//!
//! #[derive(Default)]
//! struct App { primes: Vec<u64>, clicks: u32 }
//!
//! // With GTK: `gtk4::init()?`, and widgets in `App`.
//! let main_loop = glib::MainLoop::new(None, false);
//! let shared = glib_022::route(MessageRouter::builder(), |router| {
//!     let (sender, receiver) = router.pipe()?;
//!     receiver.on_message(|app: &mut App, prime: u64| app.primes.push(prime));
//!     receiver.detach();
//!     std::thread::spawn(move || sender.start().send(2_147_483_647));
//!     Ok::<_, Box<dyn std::error::Error>>(App::default())
//! })?;
//! // For a button: `button.connect_clicked(move |_| clicked())`.
//! let clicked = shared.callback(|app| app.clicks += 1);
//! main_loop.run();
//! shared.with(|app| println!("{:?}", app.primes))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It does not matter who runs the main context: `MainLoop`, `gtk4::Application`, or a library that this program knows
//! nothing of. `shared` is kept until the loop has ended: with the last handle the router and its state go.
//!
//! # Priority
//! Input and timers go first. Then drawing and messages take turns, at the priority of GTK's drawing, 120: at a lower
//! one, a window that takes longer than a frame to draw, and never rests, would let no message through. What is left
//! when a [budget](crate::Budget) is spent waits for the idle functions as well, at 200, but for no longer than a frame.
//! Run with GTK 4.8: under a flood, a window and its timers go on as when idle (94 % and more); while each
//! frame takes 30 ms to draw, all messages arrive; under both, four of five redraws are left.
//!
//! # Nested loops, several contexts
//! A loop that runs inside a callback, as a modal dialogue may, delivers nothing to the state that the callback has in
//! its hands; those messages come when it returns. Other routers are served meanwhile.
//!
//! The router belongs to the thread-default main context of the thread that calls [`route`], or else to the default
//! one. Any number of routers may share it. If another thread runs the context later, nothing is delivered there, which
//! is logged as an error.
//!
//! # At the end
//! The router keeps its main context, but not the loop. When no loop runs any more, a wake leaves at most one small
//! source in the context, messages wait, and [`route_until`](MessageRouter::route_until) delivers them. A panic in a
//! callback that glib calls ends the process, whoever the callback is for: it cannot unwind through C.
//!
//! A hidden or minimised window makes no difference.
//!
//! # Cost
//! A wake attaches an idle source, as `MainContext::invoke` does for every message. A source of our own, woken by
//! `g_source_set_ready_time`, was measured and is no faster (1.0 and 1.3 µs from the send to the end of the turn), and a
//! future of `spawn_local`, beside being slower than either, would make futures in a nested loop panic.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use glib_022::{ControlFlow, MainContext, Priority, Source, source};

use super::Shared;
use super::here::{ForeignThread, Number, Routed};
use crate::{MessageRouter, MessageRouterBuilder, Waker};

/// `GDK_PRIORITY_REDRAW` of GTK 3 and 4.
const DRAWING: i32 = 120;
/// How long idle functions go first: a frame at 60 Hz.
const PATIENCE: Duration = Duration::from_millis(16);
/// The name of the sources, for debuggers.
const NAME: Option<&str> = Some("foreground");

/// Makes a router that the calling thread's main context drives, starts it, and puts it together with the state that
/// `make` returns, which may open pipes already.
///
/// The context is the thread-default one, or else the default one. It is not run by this.
///
/// # Errors
/// [`ForeignContextError`] if another thread runs the context: the messages would arrive there. Or that of `make`.
///
/// # Examples
///
/// ```
/// use foreground::{MessageRouter, event_loop::glib_022};
/// # use ::glib_022 as glib;
///
/// let main_loop = glib::MainLoop::new(None, false);
/// let shared = glib_022::route(MessageRouter::builder().name("primes"), |router| {
///     let (sender, receiver) = router.pipe()?;
///     receiver.on_message(|primes: &mut Vec<u64>, prime| primes.push(prime));
///     let main_loop = main_loop.clone();
///     receiver.on_end(move |_, _| main_loop.quit());
///     receiver.detach();
///     std::thread::spawn(move || sender.start().send(7));
///     Ok::<_, Box<dyn std::error::Error>>(Vec::new())
/// })?;
/// main_loop.run();
/// assert_eq!(shared.with(|primes| primes.clone())?, [7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn route<S: 'static, E: From<ForeignContextError>>(
    builder: MessageRouterBuilder<S>,
    make: impl FnOnce(&MessageRouter<S>) -> Result<S, E>,
) -> Result<Shared<S>, E> {
    let context = MainContext::ref_thread_default();
    drop(context.acquire().map_err(|_| ForeignContextError(()))?);
    let number = Number::new();
    let router = builder.build(Wakeup { context, number, last: Arc::default() });
    // A new router is not running.
    let _ = router.start();
    let state = make(&router)?;
    Ok(number.share(router, state))
}

/// Has the main context run a turn.
struct Wakeup {
    context: MainContext,
    number: Number,
    /// Counts the wakes, and the turns: of all sources, one of those of the last wake runs a turn, and no other. So a
    /// wake too many is not followed by another one after each turn, for as long as messages are left.
    last: Arc<AtomicU64>,
}

impl Waker for Wakeup {
    fn wake(&self) {
        // Relaxed, also in the turn: what was sent is found by the queue's own means.
        let this = self.last.fetch_add(1, Relaxed) + 1;
        if !self.number.is_here() {
            return self.attach(source::idle_source_new(NAME, DRAWING.into(), self.turn(this)));
        }
        // From the settling, mostly: one turn was not enough.
        self.attach(source::idle_source_new(NAME, Priority::DEFAULT_IDLE, self.turn(this)));
        self.attach(source::timeout_source_new(PATIENCE, NAME, DRAWING.into(), self.turn(this)));
    }
}

impl Wakeup {
    fn attach(&self, source: Source) {
        source.attach(Some(&self.context));
    }

    fn turn(&self, wake: u64) -> impl FnMut() -> ControlFlow + Send + 'static {
        let (last, number) = (Arc::clone(&self.last), self.number);
        move || {
            if last.compare_exchange(wake, wake + 1, Relaxed, Relaxed).is_err() {
                return ControlFlow::Break;
            }
            match number.get() {
                Ok(routed) => routed.into_iter().for_each(Routed::turn),
                Err(ForeignThread) => log::error!(
                    "another thread runs the main context of a router; its messages are not delivered"
                ),
            }
            ControlFlow::Break
        }
    }
}

/// Another thread runs the main context; see [`route`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignContextError(());

impl fmt::Display for ForeignContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another thread runs this thread's main context, so messages would arrive there")
    }
}

impl Error for ForeignContextError {}
