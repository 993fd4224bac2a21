//! Slint 1.
//!
//! [`route`] makes a router that Slint's event loop dispatches, together with the application's state:
//!
//! ```no_run,standalone_crate
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
//! [`Shared::callback`], or, if they have arguments, by [`WeakShared::defer`](super::WeakShared::defer). Neither
//! keeps the state, so a window that the state keeps may keep them.
//!
//! # Where it dispatches and settles, and why
//! A wake is an [`invoke_from_event_loop`](slint_1::invoke_from_event_loop), and what is invoked dispatches. Slint's
//! winit backend goes on to drawing only when nothing is left that was invoked, so a router that settled there would
//! starve the window when it is busy: of 188 redraws in 3 s, 2 were left under a flood. It is settled by a timer of no
//! duration instead, which runs when the loop has drawn and comes round, and 181 were left. Timers, input and
//! animations go on as well. The price is that the loop turns twice for a wake; the message waits for one turn only, as
//! a closure that is invoked directly.
//!
//! # Hidden windows, and the end
//! Messages arrive whether windows are shown, minimised or hidden. Slint's loop ends with its last visible window,
//! but for [`run_event_loop_until_quit`](slint_1::run_event_loop_until_quit). What is sent while no loop runs waits
//! until one runs again, or for [`route_until`](MessageRouter::route_until). When the backend has gone, a wake does
//! nothing.
//!
//! A panic in a callback unwinds through Slint's loop. The winit backend cannot run again after that; the router can
//! still be driven by hand. Slint's testing backend can, and goes on with the next message.
//!
//! # Nested loops
//! The winit backend has none. In one of another backend (a modal dialogue of Qt that a callback opens, say) the
//! state is in the hands of that callback, and messages wait until it returns; see [`Shared`].
//!
//! # Versions and backends
//! It builds with Slint 1.2.2 and later, and was tested with 1.18.1: on the winit backend on X11, and on Slint's
//! testing backend with the system's time. (Mocked time stands still, and with it the timer that settles, until the
//! test advances it.) The others (linuxkms and Qt, and winit on Windows and macOS) offer the same two means, an invoked
//! closure and a timer; they could not be run here. A [`Platform`](slint_1::platform::Platform) of your own needs an
//! [`EventLoopProxy`](slint_1::platform::EventLoopProxy). Without one, make a [`Shared`] and have your loop
//! [turn](Shared::turn) it.

use std::time::Duration;

use slint_1::{EventLoopError, Timer};

use super::Shared;
use super::here::Number;
use crate::{MessageRouter, MessageRouterBuilder};

/// Makes a router for Slint's event loop, starts it, and makes the application's state, which opens its pipes.
///
/// To be called on the thread that runs the loop, before or while it does. If there is no backend yet, Slint's
/// default is set up, as by the first window. The router is stopped when the last [`Shared`] is dropped.
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
    let number = Number::new();
    let router = builder.build(move || {
        // The error says that the loop has gone.
        let _ = slint_1::invoke_from_event_loop(move || turn(number));
    });
    // A new router is not running.
    let _ = router.start();
    let state = make(&router)?;
    Ok(number.share(router, state))
}

/// Dispatches the router of this number, and has it settled when the loop has drawn.
fn turn(number: Number) {
    // Slint runs what is invoked on the thread that made the number.
    let Ok(Some(routed)) = number.get() else { return };
    // First, for a callback may panic.
    Timer::single_shot(Duration::ZERO, move || {
        if let Ok(Some(routed)) = number.get() {
            routed.settle();
        }
    });
    routed.dispatch();
}
