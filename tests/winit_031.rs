//! What the conformance suite does not see of winit 0.31 (hosts/tests/winit_031.rs): routing by hand, keys and pictures under a
//! flood, windows that are minimised, and a router that is stopped and started in a running loop.

#![cfg(all(feature = "winit-031", unix, not(target_os = "macos")))]

mod support;

use std::rc::Rc;

use foreground::event_loop::winit_031::Routed;
use foreground::{MessageRouter, Waker};
use winit::application::ApplicationHandler;
use winit::dpi::PhysicalSize;
use winit::event::{ElementState, WindowEvent};
use winit::event_loop::run_on_demand::EventLoopExtRunOnDemand;
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::platform::x11::EventLoopBuilderExtX11;
use winit::window::{Window, WindowAttributes, WindowId};
use winit_031 as winit;

use crate::support::child::staged;
use crate::support::scenarios::{flood, hidden, idle, leftover};
use crate::support::stage::{
    self, App, Canvas, Event, HEIGHT, Host, Integration, Leave, Scenario, TITLE, WIDTH,
};

struct Winit031;

impl Host for Winit031 {
    fn play<P: Scenario>(integration: Integration, play: P) -> (MessageRouter<App<P>>, App<P>) {
        let mut event_loop = EventLoop::builder().with_x11().with_any_thread(true).build().unwrap();
        let router = MessageRouter::new(event_loop.create_proxy());
        router.start().unwrap();
        let proxy = event_loop.create_proxy();
        let app = App::new(play, &router, move || proxy.wake());
        match integration {
            Integration::ByHand => {
                let mut by_hand = ByHand(app);
                event_loop.run_app_on_demand(&mut by_hand).unwrap();
                (router, by_hand.0)
            }
            Integration::Routed => {
                let mut routed = Routed::new(router, app);
                event_loop.run_app_on_demand(&mut routed).unwrap();
                routed.into_parts()
            }
        }
    }
}

struct RealWindow {
    window: Rc<dyn Window>,
    canvas: Canvas<dyn Window>,
}

impl stage::Window for RealWindow {
    fn request_redraw(&self) {
        self.window.request_redraw();
    }

    fn set_visible(&self, visible: bool) {
        self.window.set_visible(visible);
    }

    fn minimize(&self) {
        self.window.set_minimized(true);
    }

    fn paint(&self, colour: [u8; 3]) {
        let size = self.window.surface_size();
        self.canvas.paint(colour, size.width, size.height);
    }
}

/// To be routed by the wrapper.
impl<P: Scenario> ApplicationHandler for App<P> {
    fn can_create_surfaces(&mut self, event_loop: &dyn ActiveEventLoop) {
        let attributes =
            WindowAttributes::default().with_title(TITLE).with_surface_size(PhysicalSize::new(WIDTH, HEIGHT));
        let window = Rc::from(event_loop.create_window(attributes).unwrap());
        let canvas = Canvas::new(&window);
        self.is_open(RealWindow { window, canvas });
    }

    fn proxy_wake_up(&mut self, _: &dyn ActiveEventLoop) {
        self.on(Event::Woken);
    }

    fn window_event(&mut self, _: &dyn ActiveEventLoop, _: WindowId, event: WindowEvent) {
        match event {
            WindowEvent::RedrawRequested => self.on(Event::Redraw),
            WindowEvent::CloseRequested => self.on(Event::CloseRequested),
            WindowEvent::KeyboardInput { event, is_synthetic: false, .. }
                if event.state == ElementState::Pressed && !event.repeat =>
            {
                self.on(Event::KeyPressed);
            }
            _ => {}
        }
    }

    fn about_to_wait(&mut self, event_loop: &dyn ActiveEventLoop) {
        match self.turn() {
            Ok(None) => event_loop.set_control_flow(ControlFlow::Wait),
            Ok(Some(until)) => event_loop.set_control_flow(ControlFlow::WaitUntil(until)),
            Err(Leave) => event_loop.exit(),
        }
    }
}

/// By hand.
struct ByHand<P: 'static>(App<P>);

impl<P: Scenario> ApplicationHandler for ByHand<P> {
    fn can_create_surfaces(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.0.can_create_surfaces(event_loop);
    }

    fn proxy_wake_up(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.0.router.clone().dispatch(&mut self.0);
        self.0.proxy_wake_up(event_loop);
    }

    fn window_event(&mut self, event_loop: &dyn ActiveEventLoop, window: WindowId, event: WindowEvent) {
        self.0.window_event(event_loop, window, event);
    }

    fn about_to_wait(&mut self, event_loop: &dyn ActiveEventLoop) {
        self.0.about_to_wait(event_loop);
        self.0.router.settle();
    }
}

#[test]
fn a_message_wakes_an_idle_loop_once_by_hand() {
    staged(
        "a_message_wakes_an_idle_loop_once_by_hand",
        || idle::child::<Winit031>(Integration::ByHand),
        idle::parent,
    );
}

#[test]
fn a_flood_leaves_the_window_and_the_keyboard_alive_by_hand() {
    staged(
        "a_flood_leaves_the_window_and_the_keyboard_alive_by_hand",
        || flood::child::<Winit031>(Integration::ByHand),
        flood::parent,
    );
}

#[test]
fn a_hidden_or_minimised_window_still_receives() {
    staged(
        "a_hidden_or_minimised_window_still_receives",
        || hidden::child::<Winit031>(Integration::Routed),
        hidden::parent,
    );
}

#[test]
fn wakes_of_a_stopped_router_and_of_a_gone_loop_are_harmless() {
    staged(
        "wakes_of_a_stopped_router_and_of_a_gone_loop_are_harmless",
        || leftover::child::<Winit031>(Integration::ByHand),
        leftover::parent,
    );
}
