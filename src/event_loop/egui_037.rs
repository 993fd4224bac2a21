//! egui 0.37 and eframe.
//!
//! The [`Context`] is the router's [`Waker`]: it asks for a frame. eframe begins a frame with `App::logic`, which
//! dispatches and settles:
//!
//! ```no_run
//! # mod eframe { // what eframe has, of which this crate knows nothing
//! #     pub use egui_037 as egui;
//! #     pub type Result<T = (), E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
//! #     #[derive(Default)] pub struct NativeOptions;
//! #     pub struct Frame;
//! #     pub struct CreationContext<'a> { pub egui_ctx: &'a egui::Context }
//! #     pub trait App {
//! #         fn logic(&mut self, context: &egui::Context, frame: &mut Frame);
//! #         fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame);
//! #     }
//! #     type Create = Box<dyn FnOnce(&CreationContext) -> Result<Box<dyn App>>>;
//! #     pub fn run_native(_: &str, _: NativeOptions, _: Create) -> Result { Ok(()) }
//! # }
//! use eframe::egui;
//! use foreground::{MessageRouter, event_loop::egui_037::FRAME_BUDGET};
//!
//! struct App { router: MessageRouter<App>, primes: Vec<u64> }
//!
//! impl eframe::App for App {
//!     fn logic(&mut self, _: &egui::Context, _: &mut eframe::Frame) {
//!         self.router.clone().dispatch(self);
//!         self.router.settle();
//!     }
//!
//!     fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
//!         ui.label(format!("{:?}", self.primes));
//!     }
//! }
//!
//! fn main() -> eframe::Result {
//!     eframe::run_native("primes", eframe::NativeOptions::default(), Box::new(|creation| {
//!         let router = MessageRouter::builder().budget(FRAME_BUDGET).build(creation.egui_ctx.clone());
//!         router.start()?;
//!         let (sender, receiver) = router.pipe()?;
//!         receiver.on_message(|app: &mut App, prime: u64| app.primes.push(prime));
//!         receiver.detach();
//!         std::thread::spawn(move || sender.start().send(2_147_483_647));
//!         Ok(Box::new(App { router, primes: Vec::new() }))
//!     }))
//! }
//! ```
//!
//! # Frames
//! A frame is drawn because a message waits, and while none comes, none is drawn. egui draws two for each request, the
//! second of which lets what has changed its size find its place.
//!
//! The frame is also the only turn that eframe has: a router delivers once a frame, 60 times a second on many
//! screens, and what its [`Budget`] leaves comes with the next frame, which follows without another wake. The default
//! of 1024 messages a turn would hold back workers that send more than some 60,000 a second; [`FRAME_BUDGET`] limits
//! the time alone. Input and egui's timers have their place between the frames, so a flood starves neither. A frame
//! that is laid out twice, by `Context::request_discard`, calls `logic` twice.
//!
//! # Hidden and minimised windows
//! eframe calls `logic` for them too, though more seldom: ten times a second if the window is minimised or made
//! invisible, on X11, macOS and Windows. On Wayland, whose compositors do not tell that a window is minimised or covered
//! but hold its frames back, it is called 250 ms after the wake. So messages come late, and none is lost. Workers
//! that send more than a budget ten times a second can take fill unbounded pipes meanwhile, and wait at bounded ones.
//!
//! Not in `App::ui`, which is not called for a minimised window.
//!
//! # Several viewports
//! The waker asks for a frame of the root viewport, because only that one runs `logic`. Viewports that are shown by
//! `show_viewport_immediate` are drawn with it. One of `show_viewport_deferred` is drawn by itself: a callback that
//! changes what it shows says so by `Context::request_repaint_of`.
//!
//! # Locks
//! Whatever egui does with its context locked must not send, nor drop the last sender of a pipe: a send may wake, and
//! then waits for ever for the lock. Such are the closures given to `Context::input`, `memory`, `data`, `options` and
//! their kind. So it is with `Context::request_repaint` itself. Callbacks of the router and the code of `ui` are free
//! to send.
//!
//! # At exit
//! Wakes do nothing after the window has closed. `App::on_exit` is the place to end the workers, by
//! [`route_until`](crate::MessageRouter::route_until) or by closing their pipes and joining them. If the router is to
//! outlive the window, make the context first, and give it to `eframe::run_native_ext`.
//!
//! # Without eframe
//! Any program that draws with egui gives its context a way to ask for frames,
//! `Context::set_request_repaint_callback`, and dispatches where the frame begins:
//!
//! ```
//! use foreground::MessageRouter;
//! # use egui_037 as egui;
//!
//! let context = egui::Context::default();
//! let thread = std::thread::current();
//! context.set_request_repaint_callback(move |_| thread.unpark()); // or winit's `EventLoopProxy::send_event`
//! let router = MessageRouter::<u32>::new(context.clone());
//! router.start()?;
//! let (sender, receiver) = router.pipe::<u32>()?;
//! receiver.on_message(|sum, n| *sum += n);
//! std::thread::spawn(move || sender.start().send(7));
//!
//! let mut sum = 0;
//! while sum == 0 {
//!     if !context.has_requested_repaint() {
//!         std::thread::park();
//!     }
//!     let output = context.run_ui(egui::RawInput::default(), |ui| {
//!         router.dispatch(&mut sum);
//!         router.settle();
//!         ui.label(sum.to_string());
//!     });
//!     # output.drop_without_applying_deltas();
//!     // paint the output
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! egui tells of a request only once before the next frame. A program that draws nothing while its window is hidden has
//! to dispatch all the same, and to do it within `Context::run_logic`, or the next request would stay untold. With
//! winit's loop in your own hands the adapter of winit is the better one: it delivers without a frame, and the window
//! is redrawn when [`Dispatched::delivered`](crate::Dispatched::delivered) says that there is something new.
//!
//! # What was run
//! eframe 0.37 by OpenGL on X11, with windows that are shown, invisible and minimised, and on Wayland (weston), shown and
//! minimised; and egui 0.37 by itself. What is said of macOS and Windows was read from eframe's sources.

use std::time::Duration;

use egui_037::{Context, ViewportId};

use crate::{Budget, Waker};

/// A budget for routers that deliver once a frame: 4 ms, for any number of messages.
///
/// # Examples
///
/// ```
/// use foreground::{MessageRouter, event_loop::egui_037::FRAME_BUDGET};
/// # use egui_037 as egui;
///
/// let context = egui::Context::default();
/// let router: MessageRouter = MessageRouter::builder().budget(FRAME_BUDGET).build(context.clone());
/// # drop(router);
/// ```
pub const FRAME_BUDGET: Budget = Budget::new(Duration::from_millis(4), usize::MAX);

/// Wakes by asking for a frame of the root viewport.
///
/// # Examples
///
/// ```
/// use foreground::Waker;
/// # use egui_037 as egui;
///
/// let (ask, asked) = std::sync::mpsc::channel();
/// let context = egui::Context::default();
/// context.set_request_repaint_callback(move |info| ask.send(info.viewport_id).unwrap());
/// context.wake();
/// assert_eq!(asked.recv(), Ok(egui::ViewportId::ROOT));
/// ```
impl Waker for Context {
    fn wake(&self) {
        // Not `request_repaint`: that is for whichever viewport is drawn at the moment.
        self.request_repaint_of(ViewportId::ROOT);
    }
}
