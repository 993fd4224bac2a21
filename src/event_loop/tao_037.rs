//! tao 0.37, and with it Tauri 2.
//!
//! The event loop's proxy is the router's [`Waker`], for any user event that is [`From<Wakeup>`](Wakeup); `()` is one.
//! [`handle_event`] is called with each event:
//!
//! ```no_run
//! use foreground::{MessageRouter, event_loop::tao_037};
//! # use ::tao_037 as tao; // the crate
//! use tao::event_loop::{ControlFlow, EventLoop};
//!
//! #[derive(Default)]
//! struct App { primes: Vec<u64> }
//!
//! let event_loop = EventLoop::new();
//! let router = MessageRouter::new(event_loop.create_proxy());
//! router.start()?;
//! let (sender, receiver) = router.pipe()?;
//! receiver.on_message(|app: &mut App, prime: u64| app.primes.push(prime));
//! std::thread::spawn(move || sender.start().send(2_147_483_647));
//! let mut app = App::default();
//! event_loop.run(move |event, _, control_flow| {
//!     *control_flow = ControlFlow::Wait;
//!     tao_037::handle_event(&router, &mut app, &event);
//!     // what the application does with the event
//! });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the host promises
//! On Linux tao runs one step of GTK 3's main loop between any two events, so windows are drawn and GTK's timers run
//! also while messages are delivered: most redraws and ticks are left under a flood, of which the guide on
//! [hosts](crate::guide::hosts) has figures. Settling at `RedrawEventsCleared`, which comes later in the turn, was tried and
//! did no better than at `MainEventsCleared`.
//!
//! A hidden or minimised window makes no difference. After the loop has ended a wake does nothing. `run` ends the
//! process by itself: close the workers at `LoopDestroyed`, or use `run_return`, as the example does.
//!
//! A modal dialogue of GTK runs a main loop of its own, in which tao's events, and with them messages, wait.
//!
//! `ControlFlow::WaitUntil` does not wake a sleeping loop on Linux (tauri-apps/tao#988). A timer there is glib's, such
//! as `gtk::glib::timeout_add_local`, which sends a user event.
//!
//! This was run under X11. On Windows and macOS tao sends the same events; that has been read, and not been run.
//!
//! # Tauri
//! Tauri owns tao's loop and its user events. What it gives its users is `AppHandle::run_on_main_thread`, which makes
//! the loop turn, and `RunEvent::MainEventsCleared`, once a turn. On the main thread itself `run_on_main_thread` calls
//! the closure at once, and nothing turns, so a wake from there takes a step aside. No feature of this crate is needed:
//!
//! ```text
//! let (handle, main) = (app.handle().clone(), std::thread::current().id());
//! let router = MessageRouter::new(move || {
//!     let handle = handle.clone();
//!     if std::thread::current().id() == main {
//!         tauri::async_runtime::spawn(async move { handle.run_on_main_thread(|| {}) });
//!     } else {
//!         // The error says that the loop has ended.
//!         let _ = handle.run_on_main_thread(|| {});
//!     }
//! });
//! router.start()?;
//! let mut state = State::default();
//! app.run(move |_, event| {
//!     if let RunEvent::MainEventsCleared = event {
//!         router.dispatch(&mut state);
//!         router.settle();
//!     }
//! });
//! ```
//!
//! This compiles with Tauri 2.12, whose sources say the rest.

use tao_037::event::Event;
use tao_037::event_loop::EventLoopProxy;

use crate::{MessageRouter, Waker};

/// The user event that wakes the loop. It means: dispatch.
///
/// An application with user events of its own implements `From<Wakeup>` for them.
///
/// # Examples
///
/// ```
/// use foreground::event_loop::tao_037::Wakeup;
///
/// enum AppEvent { Wakeup, ConfigChanged }
///
/// impl From<Wakeup> for AppEvent {
///     fn from(_: Wakeup) -> Self { Self::Wakeup }
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wakeup;

impl From<Wakeup> for () {
    fn from(_: Wakeup) {}
}

/// Wakes by sending the proxy a user event. After the loop has ended this does nothing.
impl<E> Waker for EventLoopProxy<E>
where
    E: From<Wakeup> + 'static,
    EventLoopProxy<E>: Send + Sync,
{
    fn wake(&self) {
        // The error says that the loop has ended.
        let _ = self.send_event(Wakeup.into());
    }
}

/// Dispatches at user events, and settles when all events of a turn have been handled. To be called with each event,
/// before the application looks at it.
///
/// # Panics
/// As [`MessageRouter::dispatch`], when a callback does.
///
/// # Examples
///
/// ```
/// use foreground::{MessageRouter, event_loop::tao_037::{self, Wakeup}};
/// # use ::tao_037 as tao; // the crate
/// use tao::event::Event;
///
/// let router = MessageRouter::new(|| {});
/// router.start()?;
/// let (sender, receiver) = router.pipe()?;
/// receiver.on_message(|sum: &mut u64, n: u64| *sum += n);
/// sender.start().send(7)?;
///
/// let mut sum = 0;
/// tao_037::handle_event(&router, &mut sum, &Event::UserEvent(Wakeup));
/// tao_037::handle_event(&router, &mut sum, &Event::<Wakeup>::MainEventsCleared);
/// assert_eq!(sum, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn handle_event<S: 'static, E: 'static>(router: &MessageRouter<S>, state: &mut S, event: &Event<'_, E>) {
    match event {
        Event::UserEvent(_) => {
            router.dispatch(state);
        }
        Event::MainEventsCleared => router.settle(),
        _ => {}
    }
}
