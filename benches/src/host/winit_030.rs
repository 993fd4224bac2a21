//! winit 0.30.

use winit_030::application::ApplicationHandler;
use winit_030::event::{StartCause, WindowEvent};
use winit_030::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit_030::platform::run_on_demand::EventLoopExtRunOnDemand;
use winit_030::window::{Window, WindowAttributes, WindowId};

use super::{Guest, Host};
use crate::peers::Place;

/// A loop whose user events are `E`. If it has a window, the ticks are the frames drawn in it.
pub struct Winit030<const WINDOW: bool = false, E: 'static = ()> {
    event_loop: EventLoop<E>,
}

impl<const WINDOW: bool, E: 'static> Winit030<WINDOW, E> {
    /// winit allows one loop a process.
    pub fn with_user_event() -> Self {
        Self { event_loop: EventLoop::with_user_event().build().expect("there is a display") }
    }

    pub fn proxy(&self) -> EventLoopProxy<E> {
        self.event_loop.create_proxy()
    }

    pub fn run_guest(&mut self, guest: &mut dyn Guest<E>) {
        let mut handler = Handler { guest, has_window: WINDOW, window: None };
        self.event_loop.run_app_on_demand(&mut handler).expect("the loop runs");
    }
}

impl<const WINDOW: bool> Host for Winit030<WINDOW> {
    const PLACE: Place = Place::OwnProcessWithDisplay;

    type Waker = EventLoopProxy<()>;

    fn new() -> Self {
        Self::with_user_event()
    }

    fn waker(&self) -> EventLoopProxy<()> {
        self.proxy()
    }

    fn run(&mut self, guest: &mut dyn Guest) {
        self.run_guest(guest);
    }
}

/// Does what `foreground::event_loop::winit_030::Routed` does, for any guest. Every type of it
/// compiles much of winit anew, so there is one.
struct Handler<'a, E> {
    guest: &'a mut dyn Guest<E>,
    has_window: bool,
    window: Option<Window>,
}

impl<E: 'static> ApplicationHandler<E> for Handler<'_, E> {
    fn new_events(&mut self, _: &ActiveEventLoop, _: StartCause) {
        if self.guest.app().is_tick_due() {
            match &self.window {
                Some(window) => window.request_redraw(),
                None => self.guest.app().tick(),
            }
        }
    }

    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.has_window {
            let window = event_loop.create_window(WindowAttributes::default());
            self.window = Some(window.expect("the display takes a window"));
        }
    }

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        if event == WindowEvent::RedrawRequested {
            self.guest.app().tick();
        }
    }

    fn user_event(&mut self, _: &ActiveEventLoop, event: E) {
        self.guest.woken(event);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        self.guest.settle();
        let next = self.guest.app().next_tick();
        event_loop.set_control_flow(next.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
        if self.guest.app().is_done() {
            event_loop.exit();
        }
    }
}
