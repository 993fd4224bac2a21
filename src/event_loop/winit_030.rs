//! winit 0.30.
//!
//! The event loop's proxy is the router's [`Waker`], for any user event that is [`From<Wakeup>`](Wakeup);
//! `()` is one, so a plain `EventLoop::new()` will do. [`Routed`] makes a routed application of any
//! [`ApplicationHandler`]:
//!
//! ```no_run
//! use foreground::{MessageRouter, event_loop::winit_030::Routed};
//! # use winit_030 as winit;
//! use winit::{application::ApplicationHandler, event::WindowEvent, window::WindowId};
//! use winit::event_loop::{ActiveEventLoop, EventLoop};
//!
//! #[derive(Default)]
//! struct App { primes: Vec<u64> }
//!
//! impl ApplicationHandler for App {
//!     fn resumed(&mut self, _: &ActiveEventLoop) { /* create the window */ }
//!     fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, _: WindowEvent) {}
//! }
//!
//! let event_loop = EventLoop::new()?;
//! let router = MessageRouter::new(event_loop.create_proxy());
//! router.start()?;
//! let (sender, receiver) = router.pipe()?;
//! receiver.on_message(|app: &mut App, prime: u64| app.primes.push(prime));
//! std::thread::spawn(move || sender.start().send(2_147_483_647));
//! event_loop.run_app(&mut Routed::new(router, App::default()))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The same by hand is four lines in the application's own handler:
//!
//! ```
//! # use foreground::{MessageRouter, event_loop::winit_030::Wakeup};
//! # use winit_030 as winit;
//! # use winit::{application::ApplicationHandler, event::WindowEvent, window::WindowId};
//! # use winit::event_loop::{ActiveEventLoop, EventLoop};
//! # struct App { router: MessageRouter<App> }
//! # impl ApplicationHandler<Wakeup> for App {
//! #     fn resumed(&mut self, _: &ActiveEventLoop) {}
//! #     fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, _: WindowEvent) {}
//! fn user_event(&mut self, _: &ActiveEventLoop, _: Wakeup) { self.router.clone().dispatch(self); }
//! fn about_to_wait(&mut self, _: &ActiveEventLoop) { self.router.settle(); }
//! # }
//! // and, where the loop is made:
//! # fn main_() -> Result<(), Box<dyn std::error::Error>> {
//! let event_loop = EventLoop::<Wakeup>::with_user_event().build()?;
//! let router = MessageRouter::<App>::new(event_loop.create_proxy());
//! # Ok(()) }
//! ```
//!
//! Not `dispatch` and `settle` together in `user_event`: winit handles a user event that is sent while
//! it handles user events before it goes on to drawing, so a busy router would starve the window.
//!
//! On Windows a modal loop runs while the user drags the window's frame, and `about_to_wait` is not
//! reached before the mouse button is let go. [`Routed`] therefore also settles after each window event
//! there; by hand, do the same in `window_event`. This was written from winit's sources and has not been
//! run on Windows.

use winit_030::application::ApplicationHandler;
use winit_030::event::{DeviceEvent, DeviceId, StartCause, WindowEvent};
use winit_030::event_loop::{ActiveEventLoop, EventLoopProxy};
use winit_030::window::WindowId;

pub use super::routed::Routed;
use crate::Waker;

/// The user event that wakes the loop. It means: dispatch.
///
/// An application with user events of its own implements `From<Wakeup>` for them.
///
/// # Examples
///
/// ```
/// use foreground::event_loop::winit_030::Wakeup;
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

#[deny(clippy::missing_trait_methods)]
impl<A: ApplicationHandler<E>, E: 'static> ApplicationHandler<E> for Routed<A> {
    fn new_events(&mut self, event_loop: &ActiveEventLoop, cause: StartCause) {
        self.app.new_events(event_loop, cause);
    }

    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        self.app.resumed(event_loop);
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, event: E) {
        self.router.dispatch(&mut self.app);
        self.app.user_event(event_loop, event);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, window: WindowId, event: WindowEvent) {
        self.app.window_event(event_loop, window, event);
        if cfg!(windows) {
            self.router.settle();
        }
    }

    fn device_event(&mut self, event_loop: &ActiveEventLoop, device: DeviceId, event: DeviceEvent) {
        self.app.device_event(event_loop, device, event);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        self.app.about_to_wait(event_loop);
        self.router.settle();
    }

    fn suspended(&mut self, event_loop: &ActiveEventLoop) {
        self.app.suspended(event_loop);
    }

    fn exiting(&mut self, event_loop: &ActiveEventLoop) {
        self.app.exiting(event_loop);
    }

    fn memory_warning(&mut self, event_loop: &ActiveEventLoop) {
        self.app.memory_warning(event_loop);
    }
}
