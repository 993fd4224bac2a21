//! winit 0.31.

use winit_031::application::ApplicationHandler;
use winit_031::event::{StartCause, WindowEvent};
use winit_031::event_loop::run_on_demand::EventLoopExtRunOnDemand;
use winit_031::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit_031::window::{Window, WindowAttributes, WindowId};

use super::{Guest, Host};
use crate::peers::Place;

/// If it has a window, the ticks are the frames drawn in it.
pub struct Winit031<const WINDOW: bool = false> {
    event_loop: EventLoop,
}

impl<const WINDOW: bool> Host for Winit031<WINDOW> {
    const PLACE: Place = Place::OwnProcessWithDisplay;

    type Waker = EventLoopProxy;

    fn new() -> Self {
        Self { event_loop: EventLoop::new().expect("there is a display") }
    }

    fn waker(&self) -> EventLoopProxy {
        self.event_loop.create_proxy()
    }

    fn run(&mut self, guest: &mut dyn Guest) {
        let handler = Handler { guest, has_window: WINDOW, window: None };
        self.event_loop.run_app_on_demand(handler).expect("the loop runs");
    }
}

/// Does what `foreground::event_loop::winit_031::Routed` does, for any guest. Every type of it
/// compiles much of winit anew, so there is one.
struct Handler<'a> {
    guest: &'a mut dyn Guest,
    has_window: bool,
    window: Option<Box<dyn Window>>,
}

impl ApplicationHandler for Handler<'_> {
    fn new_events(&mut self, _: &dyn ActiveEventLoop, _: StartCause) {
        if self.guest.app().is_tick_due() {
            match &self.window {
                Some(window) => window.request_redraw(),
                None => self.guest.app().tick(),
            }
        }
    }

    fn can_create_surfaces(&mut self, event_loop: &dyn ActiveEventLoop) {
        if self.has_window {
            let window = event_loop.create_window(WindowAttributes::default());
            self.window = Some(window.expect("the display takes a window"));
        }
    }

    fn window_event(&mut self, _: &dyn ActiveEventLoop, _: WindowId, event: WindowEvent) {
        if matches!(event, WindowEvent::RedrawRequested) {
            self.guest.app().tick();
        }
    }

    fn proxy_wake_up(&mut self, _: &dyn ActiveEventLoop) {
        self.guest.woken(());
    }

    fn about_to_wait(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.guest.settle();
        let next = self.guest.app().next_tick();
        event_loop.set_control_flow(next.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
        if self.guest.app().is_done() {
            event_loop.exit();
        }
    }
}
