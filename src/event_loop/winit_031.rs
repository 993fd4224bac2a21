//! winit 0.31, which is in beta: this module follows exactly 0.31.0-beta.4.
//!
//! The event loop's proxy is the router's [`Waker`]. [`Routed`] makes a routed application of any
//! [`ApplicationHandler`]:
//!
//! ```no_run
//! use foreground::{MessageRouter, event_loop::winit_031::Routed};
//! # use winit_031 as winit;
//! use winit::{application::ApplicationHandler, event::WindowEvent, window::WindowId};
//! use winit::event_loop::{ActiveEventLoop, EventLoop};
//!
//! #[derive(Default)]
//! struct App { primes: Vec<u64> }
//!
//! impl ApplicationHandler for App {
//!     fn can_create_surfaces(&mut self, _: &dyn ActiveEventLoop) { /* create the window */ }
//!     fn window_event(&mut self, _: &dyn ActiveEventLoop, _: WindowId, _: WindowEvent) {}
//! }
//!
//! let event_loop = EventLoop::new()?;
//! let router = MessageRouter::new(event_loop.create_proxy());
//! router.start()?;
//! let (sender, receiver) = router.pipe()?;
//! receiver.on_message(|app: &mut App, prime: u64| app.primes.push(prime));
//! std::thread::spawn(move || sender.start().send(2_147_483_647));
//! event_loop.run_app(Routed::new(router, App::default()))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The same by hand is four lines in the application's own handler:
//!
//! ```
//! # use foreground::MessageRouter;
//! # use winit_031 as winit;
//! # use winit::{application::ApplicationHandler, event::WindowEvent, window::WindowId};
//! # use winit::event_loop::{ActiveEventLoop, EventLoop};
//! # struct App { router: MessageRouter<App> }
//! # impl ApplicationHandler for App {
//! #     fn can_create_surfaces(&mut self, _: &dyn ActiveEventLoop) {}
//! #     fn window_event(&mut self, _: &dyn ActiveEventLoop, _: WindowId, _: WindowEvent) {}
//! fn proxy_wake_up(&mut self, _: &dyn ActiveEventLoop) { self.router.clone().dispatch(self); }
//! fn about_to_wait(&mut self, _: &dyn ActiveEventLoop) { self.router.settle(); }
//! # }
//! // and, where the loop is made:
//! # fn main_() -> Result<(), Box<dyn std::error::Error>> {
//! let event_loop = EventLoop::new()?;
//! let router = MessageRouter::<App>::new(event_loop.create_proxy());
//! # Ok(()) }
//! ```
//!
//! `run_app` takes the handler for good and drops it when the loop ends, so what must outlive the loop is kept
//! outside, or handled when the application is dropped.
//!
//! On macOS, a callback must not run a nested native loop (a modal file dialogue, say): winit panics when
//! a wake arrives in it. Leave the callback first. What the module of winit 0.30 says about Windows
//! holds here too. Neither system was at hand to run this on.

use winit_031::application::ApplicationHandler;
use winit_031::application::macos::ApplicationHandlerExtMacOS;
use winit_031::event::{DeviceEvent, DeviceId, StartCause, WindowEvent};
use winit_031::event_loop::{ActiveEventLoop, EventLoopProxy};
use winit_031::window::WindowId;

pub use super::routed::Routed;
use crate::Waker;

/// Wakes by [`EventLoopProxy::wake_up`]. After the loop has ended this does nothing.
impl Waker for EventLoopProxy {
    fn wake(&self) {
        self.wake_up();
    }
}

#[deny(clippy::missing_trait_methods)]
impl<A: ApplicationHandler> ApplicationHandler for Routed<A> {
    fn new_events(&mut self, event_loop: &dyn ActiveEventLoop, cause: StartCause) {
        self.app.new_events(event_loop, cause);
    }

    fn resumed(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.app.resumed(event_loop);
    }

    fn can_create_surfaces(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.app.can_create_surfaces(event_loop);
    }

    fn proxy_wake_up(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.router.dispatch(&mut self.app);
        self.app.proxy_wake_up(event_loop);
    }

    fn window_event(&mut self, event_loop: &dyn ActiveEventLoop, window: WindowId, event: WindowEvent) {
        self.app.window_event(event_loop, window, event);
        if cfg!(windows) {
            self.router.settle();
        }
    }

    fn device_event(
        &mut self,
        event_loop: &dyn ActiveEventLoop,
        device: Option<DeviceId>,
        event: DeviceEvent,
    ) {
        self.app.device_event(event_loop, device, event);
    }

    fn about_to_wait(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.app.about_to_wait(event_loop);
        self.router.settle();
    }

    fn suspended(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.app.suspended(event_loop);
    }

    fn destroy_surfaces(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.app.destroy_surfaces(event_loop);
    }

    fn memory_warning(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.app.memory_warning(event_loop);
    }

    fn macos_handler(&mut self) -> Option<&mut dyn ApplicationHandlerExtMacOS> {
        self.app.macos_handler()
    }
}
