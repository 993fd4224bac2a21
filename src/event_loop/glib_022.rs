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
//! So under a flood a window and its timers go on, and while each frame takes longer to draw than it is shown, all
//! messages arrive. That was run with GTK 4.8; the guide on [hosts](crate::guide::hosts) has figures.
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
//! The router keeps its main context, but not the loop. When no loop runs any more, a wake leaves at most two small
//! sources in the context, messages wait, and [`route_until`](MessageRouter::route_until) delivers them. A panic in a
//! callback that glib calls ends the process, whoever the callback is for: it cannot unwind through C.
//!
//! A hidden or minimised window makes no difference.
//!
//! # Why idle sources
//! A wake attaches one, as `MainContext::invoke` does for every message. A future of `spawn_local` would make futures in a
//! nested loop panic, and `g_source_set_ready_time`, which would save the allocation, takes a source of our own, which is
//! unsafe code.

use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use glib_022::{ControlFlow, MainContext, Priority, Source, source};
use parking_lot::Mutex;

use super::Shared;
use super::here::{ForeignThread, Number};
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
    let router = builder.build(Wakeup { context, number, attached: Arc::default() });
    // A new router is not running.
    let _ = router.start();
    let state = make(&router)?;
    Ok(number.share(router, state))
}

/// Has the main context run a turn.
struct Wakeup {
    context: MainContext,
    number: Number,
    attached: Attached,
}

/// The sources that were attached since the last turn. The first of them to be dispatched runs the next turn and takes
/// all of them away. They would gather otherwise: idle functions in a loop that is never idle, timeouts in a fast one.
type Attached = Arc<Mutex<Vec<Source>>>;

impl Waker for Wakeup {
    fn wake(&self) {
        // Attached with the lock held: a turn that comes meanwhile must not destroy what is not attached yet.
        let mut attached = self.attached.lock();
        let mut attach = |source: Source| {
            source.attach(Some(&self.context));
            attached.push(source);
        };
        if !self.number.is_here() {
            return attach(source::idle_source_new(NAME, DRAWING.into(), self.turn()));
        }
        // From the settling, mostly: one turn was not enough.
        attach(source::idle_source_new(NAME, Priority::DEFAULT_IDLE, self.turn()));
        attach(source::timeout_source_new(PATIENCE, NAME, DRAWING.into(), self.turn()));
    }
}

impl Wakeup {
    fn turn(&self) -> impl FnMut() -> ControlFlow + Send + 'static {
        let (attached, number) = (Arc::clone(&self.attached), self.number);
        move || {
            // The one that runs is among them; glib keeps its closure until it returns.
            attached.lock().drain(..).for_each(|source| source.destroy());
            match number.get() {
                Ok(Some(routed)) => {
                    Rc::clone(&routed).dispatch();
                    routed.settle();
                }
                Ok(None) => {}
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
