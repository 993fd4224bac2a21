//! Adapters for event loops, one module a host and version, each behind a feature of its own.
//!
//! An adapter is little: a [`Waker`](crate::Waker) for the host, and calls of
//! [`dispatch`](crate::MessageRouter::dispatch) and [`settle`](crate::MessageRouter::settle) at the places
//! where the host has them.
//!
//! | host | feature | woken by | `dispatch` in | `settle` in |
//! |---|---|---|---|---|
//! | calloop 0.14 | `calloop-014` | a ping | its event source | `before_sleep` |
//! | egui 0.37, eframe | `egui-037` | a requested repaint | `App::logic` | `App::logic`, after `dispatch` |
//! | glib 0.22, GTK 4 | `glib-022` | an idle source | the source | right after |
//! | iced 0.14 | `iced-014` | a subscription | `update` | `update`, after `dispatch` |
//! | a loop of this crate's own | `headless` | unparking its thread | each turn | before it parks |
//! | Slint 1 | `slint-1` | `invoke_from_event_loop` | what is invoked | a timer, when the loop has drawn |
//! | tao 0.37, Tauri 2 | `tao-037` | a user event | `UserEvent` | `MainEventsCleared` |
//! | tokio 1 | `tokio-1` | the task's waker | the task | when the runtime had its turn |
//! | winit 0.30 | `winit-030` (default) | a user event | `user_event` | `about_to_wait` |
//! | winit 0.31 beta 4 | `winit-031` | `EventLoopProxy::wake_up` | `proxy_wake_up` | `about_to_wait` |
//! | any executor of futures | none: [`executor`] | the task's waker | the task | when the executor had its turn |
//! | any other | none | a closure that makes the loop turn | the turn | before the loop sleeps |
//!
//! # Any other host
//! A closure can be the waker, so a host needs no adapter. It does three things:
//!
//! 1. *Wake*: tells the loop, from any thread and without waiting, that it is to turn. Most hosts take an event of the
//!    program's own for that.
//! 2. *Dispatch*: in the turn that follows.
//! 3. *Settle*: before the loop sleeps, and after input, timers and drawing had their turn. If messages are left, or have
//!    come meanwhile, this wakes the loop for its next turn.
//!
//! ```
//! use std::sync::mpsc;
//! use foreground::MessageRouter;
//!
//! enum Event { Wakeup, Key(char) }
//!
//! #[derive(Default)]
//! struct App { text: String, answers: Vec<u32> }
//!
//! let (events, event_loop) = mpsc::channel();
//! let waker = events.clone();
//! let router = MessageRouter::new(move || {
//!     let _ = waker.send(Event::Wakeup); // the error says that the loop has ended
//! });
//! router.start()?;
//! let (sender, receiver) = router.pipe()?;
//! receiver.on_message(|app: &mut App, answer| app.answers.push(answer));
//! std::thread::spawn(move || sender.start().send(42));
//!
//! let mut app = App::default();
//! # events.send(Event::Key('a'))?;
//! for event in event_loop {
//!     match event {
//!         Event::Wakeup => _ = router.dispatch(&mut app),
//!         Event::Key(key) => app.text.push(key),
//!     }
//!     // Here the window is drawn, if something has changed.
//!     router.settle();
//!     if app.answers == [42] { break }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The one mistake to make is to settle where the host goes on with what was just posted to it before it does anything
//! else: messages without end then keep it there. Whether a host is kept alive is found out by the
//! [conformance suite](crate::testing::conformance), which runs on any host.
//!
//! Two such hosts follow, each as a part of a whole program in `hosts/examples` of the repository, where they are built and
//! tested, as this crate knows neither toolkit. Both were run on X11 only.
//!
//! ## SDL 3
//! With the crate `sdl3` 0.22 (SDL 3.4). An event of the program's own wakes the loop.
//!
//! ```text
//! struct Wakeup;
//!
//! let sdl = sdl3::init()?; // on the main thread, as all of SDL but the waker
//! let events = sdl.event()?;
//! events.register_custom_event::<Wakeup>()?;
//! let sender = events.event_sender();
//! let router = MessageRouter::new(move || {
//!     let _ = sender.push_custom_event(Wakeup); // the error says that SDL has ended
//! });
//! // ... window, canvas, pipes, workers
//! 'open: loop {
//!     let mut next = pump.wait_event_timeout(Duration::from_millis(50));
//!     while let Some(event) = next {
//!         match event {
//!             Event::User { .. } => _ = router.dispatch(&mut app),
//!             Event::Quit { .. } => break 'open,
//!             _ => {}
//!         }
//!         next = pump.poll_event();
//!     }
//!     if std::mem::take(&mut app.is_changed) { draw(&mut canvas, &app)?; }
//!     router.settle();
//! }
//! // ... close the pipes and join the workers, before SDL ends
//! ```
//!
//! - *The wait has an end* because SDL's own can miss an event: one that a thread pushes after SDL has looked at its queue
//!   and before it is ready to be woken. That was seen once in 300,000 pushes; `wait_event` then slept for three seconds,
//!   until SDL looked for news of the desktop, and where it is built without D-Bus nothing would have ended its sleep. A
//!   program that draws at each frame never waits for that long anyway.
//! - *Under a flood* timers and drawing go on at their pace: `poll_event` ends after the events that were there, also when
//!   others come meanwhile.
//! - *At exit*, join the workers before SDL ends: a thread must not push an event while SDL is taken down. It is not enough
//!   to stop the router, as a wake may be under way. A thread that cannot be joined wants a waker whose sender can be taken
//!   away, behind a lock.
//! - *Hidden* windows receive like others. Without any window SDL looks at its queue once in a millisecond.
//!
//! ## FLTK
//! With the crate `fltk` 1.5 (FLTK 1.4). `app::awake` wakes the loop. FLTK's callbacks have no argument for the program's
//! state, hence [`Shared`].
//!
//! ```text
//! let fltk = app::App::default(); // first: from here on, threads can wake this one
//! let router = MessageRouter::new(app::awake);
//! // ... widgets, pipes, workers
//! let shared = Shared::new(router, App { /* ... */ });
//! let cancelled = shared.callback(|app| app.cancel());
//! button.set_callback(move |_| cancelled());
//! while fltk.wait() {
//!     shared.turn(); // FLTK draws before it waits again
//! }
//! ```
//!
//! - *Under a flood* this leaves timers and drawing at their pace. A `turn` inside `app::awake_callback` does not: FLTK
//!   handles such callbacks until there is none, and each turn orders the next; it gave no redraw and no timer in 3 s.
//!   `app::add_idle3` would poll.
//! - *In nested loops*, such as those of FLTK's dialogues, and with `App::run`, the line after `wait` is not reached. There
//!   a `turn` in `app::add_check` takes its place; a callback that ends the program then also calls `app::awake`, as FLTK
//!   falls asleep after its checks. And there a panic in a callback is caught by the crate `fltk`, where otherwise it goes on
//!   to `main`.
//! - *At exit*: `wait` returns `false` once no window is shown, so a program that hides its last window has ended. What
//!   `app::awake` writes later is read by nobody.
//! - *Hidden*: for a program that goes on without a window, `app::wait_for` waits all the same.

#[cfg(feature = "calloop-014")]
#[cfg_attr(docsrs, doc(cfg(feature = "calloop-014")))]
pub mod calloop_014;
#[cfg(feature = "egui-037")]
#[cfg_attr(docsrs, doc(cfg(feature = "egui-037")))]
pub mod egui_037;
pub mod executor;
#[cfg(feature = "glib-022")]
#[cfg_attr(docsrs, doc(cfg(feature = "glib-022")))]
pub mod glib_022;
#[cfg(feature = "headless")]
#[cfg_attr(docsrs, doc(cfg(feature = "headless")))]
pub mod headless;
#[cfg(any(feature = "glib-022", feature = "slint-1"))]
mod here;
#[cfg(feature = "iced-014")]
#[cfg_attr(docsrs, doc(cfg(feature = "iced-014")))]
pub mod iced_014;
#[cfg(any(feature = "winit-030", feature = "winit-031"))]
mod routed;
mod shared;
#[cfg(feature = "slint-1")]
#[cfg_attr(docsrs, doc(cfg(feature = "slint-1")))]
pub mod slint_1;
#[cfg(feature = "tao-037")]
#[cfg_attr(docsrs, doc(cfg(feature = "tao-037")))]
pub mod tao_037;
#[cfg(feature = "tokio-1")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio-1")))]
pub mod tokio_1;
#[cfg(feature = "winit-030")]
#[cfg_attr(docsrs, doc(cfg(feature = "winit-030")))]
pub mod winit_030;
#[cfg(feature = "winit-031")]
#[cfg_attr(docsrs, doc(cfg(feature = "winit-031")))]
pub mod winit_031;

pub use self::shared::{Shared, StateInUseError, WeakShared};
