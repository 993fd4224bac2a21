//! Slint 1.
//!
//! [`route`] makes a router that Slint's event loop dispatches, together with the application's state:
//!
//! ```no_run
//! use std::error::Error;
//! use foreground::{MessageRouter, event_loop::slint_1};
//! # extern crate slint_1 as slint;
//! use slint::ComponentHandle;
//!
//! slint::slint! {
//!     export component Main inherits Window {
//!         in property <int> primes;
//!         callback clear();
//!         Text { text: root.primes + " primes"; }
//!         TouchArea { clicked => { root.clear(); } }
//!     }
//! }
//!
//! struct App { window: Main, primes: Vec<u64> }
//!
//! impl App {
//!     fn new(router: &MessageRouter<Self>) -> Result<Self, Box<dyn Error>> {
//!         let (sender, receiver) = router.pipe()?;
//!         receiver.on_message(|app: &mut Self, prime: u64| {
//!             app.primes.push(prime);
//!             app.show();
//!         });
//!         receiver.detach();
//!         std::thread::spawn(move || sender.start().send(2_147_483_647));
//!         Ok(Self { window: Main::new()?, primes: Vec::new() })
//!     }
//!
//!     fn clear(&mut self) {
//!         self.primes.clear();
//!         self.show();
//!     }
//!
//!     fn show(&self) {
//!         self.window.set_primes(self.primes.len() as i32);
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     let shared = slint_1::route(MessageRouter::builder(), App::new)?;
//!     let window = shared.with(|app| app.window.clone_strong())?;
//!     window.on_clear(shared.callback(App::clear));
//!     window.run()?;
//!     Ok(())
//! }
//! ```
//!
//! Callbacks of a `.slint` file get what the file gives them, and no state of the application's: make them by
//! [`Shared::callback`], or, if they have arguments, by [`WeakShared::defer`](super::WeakShared::defer). Neither keeps
//! the state, so a window that the state keeps may keep them.
//!
//! # Where it dispatches and settles
//! A wake is an [`invoke_from_event_loop`](slint_1::invoke_from_event_loop), and dispatches. Slint's winit backend does what is
//! invoked while it does what was invoked before it goes on to drawing, so the router is not settled there: a busy
//! one would starve the window. It is settled by a timer of no duration, which runs when the loop has drawn and comes
//! round; a loop with nothing to do turns twice for a wake instead of once.
//!
//! So under a flood timers, input, animations and redraws go on. [`Shared::with`] and the callbacks of the window are
//! as quick as ever.
//!
//! # Hidden windows, and the end
//! Messages arrive whether windows are shown, minimised or hidden. Slint's loop ends when the last window is hidden, but
//! for [`run_event_loop_until_quit`](slint_1::run_event_loop_until_quit). What is sent while no loop runs
//! waits, and arrives when one runs again, or by [`route_until`](MessageRouter::route_until).
//! A wake after the end of the thread that ran the loop is none.
//!
//! A callback that panics unwinds through Slint's loop. The winit backend does not run again after that; the router can
//! still be driven by hand.
//!
//! # Nested loops
//! The winit backend has none. Where there is one (a modal dialogue of Qt, say, that a callback opens), the state is in the hands of
//! that callback: messages wait until it returns, in order. See [`Shared`].
//!
//! # Backends
//! Tested with the winit backend on X11, and with Slint's testing backend by the system's time: mocked time stands still, and with it
//! the timer that settles, until it is advanced. The others (Qt, linuxkms, Windows and macOS by winit) offer the same two
//! means, and could not be run here. A [`Platform`](slint_1::platform::Platform) of your own needs an
//! [`EventLoopProxy`](slint_1::platform::EventLoopProxy); without one use [`Shared`] and call its `turn` in your loop.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use slint_1::{EventLoopError, Timer};

use super::{Shared, WeakShared};
use crate::{MessageRouter, MessageRouterBuilder};

thread_local! {
    /// The routers of Slint's thread. What is invoked from its event loop has to be `Send`, which a router is not: it
    /// names one of these.
    static ROUTERS: RefCell<Routers> = RefCell::default();
}

/// Makes a router for Slint's event loop, starts it, and makes the application's state, which opens its pipes.
///
/// To be called on the thread that runs the loop, before or while it runs. If there is no backend yet, Slint's default is
/// set up, as by the first window. The router lives until the last handle to it and its state is dropped.
///
/// # Errors
/// Those of `make`; [`EventLoopError::NoEventLoopProvider`] if Slint has no backend, or one without an event loop, or
/// if its loop belongs to another thread.
///
/// # Examples
///
/// An application with a window is in the [module's](self) documentation; this one has none.
///
/// ```no_run
/// use foreground::{MessageRouter, event_loop::slint_1};
/// # use ::slint_1 as slint;
///
/// let shared = slint_1::route(MessageRouter::builder(), |router| {
///     let (sender, receiver) = router.pipe()?;
///     receiver.on_message(|primes: &mut Vec<u64>, prime| primes.push(prime));
///     receiver.on_end(|_, _| {
///         // The loop runs.
///         let _ = slint::quit_event_loop();
///     });
///     receiver.detach();
///     std::thread::spawn(move || sender.start().send(2_147_483_647));
///     Ok::<_, Box<dyn std::error::Error>>(Vec::new())
/// })?;
/// slint::run_event_loop_until_quit()?;
/// assert_eq!(shared.with(|primes| primes.len())?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn route<S: 'static, E: From<EventLoopError>>(
    builder: MessageRouterBuilder<S>,
    make: impl FnOnce(&MessageRouter<S>) -> Result<S, E>,
) -> Result<Shared<S>, E> {
    // Before a backend is there a wake would be lost. This sets it up, and fails if there is none.
    slint_1::spawn_local(async {})?;
    let number = ROUTERS.with_borrow_mut(Routers::next_number);
    let router = builder.build(move || {
        // The error says that the loop has gone.
        let _ = slint_1::invoke_from_event_loop(move || turn(number));
    });
    // A new router is not running.
    let _ = router.start();
    let state = make(&router)?;
    let shared = Shared::new(router, state);
    ROUTERS.with_borrow_mut(|routers| routers.known.insert(number, Rc::new(shared.downgrade())));
    Ok(shared)
}

/// Dispatches the router of this number, and has it settled when the loop has drawn.
fn turn(number: u64) {
    // No borrow while user code runs.
    let routed = ROUTERS.with_borrow(|routers| routers.known.get(&number).cloned());
    if let Some(routed) = routed {
        routed.turn();
    }
}

/// The routers of a thread, each known by a number that is never used again.
#[derive(Default)]
struct Routers {
    known: BTreeMap<u64, Rc<dyn Routed>>,
    last: u64,
}

impl Routers {
    fn next_number(&mut self) -> u64 {
        self.known.retain(|_, routed| !routed.has_gone());
        self.last += 1;
        self.last
    }
}

/// A router with its state, of any type.
trait Routed {
    fn turn(&self);
    fn has_gone(&self) -> bool;
}

impl<S: 'static> Routed for WeakShared<S> {
    fn turn(&self) {
        let Some(shared) = self.upgrade() else { return };
        let weak = self.clone();
        // First, for a callback may panic.
        Timer::single_shot(Duration::ZERO, move || {
            if let Some(shared) = weak.upgrade() {
                shared.router().settle();
            }
        });
        shared.dispatch();
    }

    fn has_gone(&self) -> bool {
        self.upgrade().is_none()
    }
}
