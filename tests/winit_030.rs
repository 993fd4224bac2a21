//! What the conformance suite does not see of winit 0.30 (hosts/tests/winit_030.rs): routing by hand, keys and pictures under a
//! flood, windows that are minimised, and a router that is stopped and started in a running loop.

#![cfg(all(feature = "winit-030", unix, not(target_os = "macos")))]

mod support;

use std::rc::Rc;

use foreground::event_loop::winit_030::{Routed, Wakeup};
use foreground::{MessageRouter, Waker};
use winit::application::ApplicationHandler;
use winit::dpi::PhysicalSize;
use winit::event::{ElementState, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit::platform::run_on_demand::EventLoopExtRunOnDemand;
use winit::platform::x11::EventLoopBuilderExtX11;
use winit::window::{Window, WindowId};
use winit_030 as winit;

use crate::support::child::staged;
use crate::support::scenarios::{flood, hidden, idle, leftover};
use crate::support::stage::{
    self, App, Canvas, Event, HEIGHT, Host, Integration, Leave, Scenario, TITLE, WIDTH,
};

struct Winit030;

impl Host for Winit030 {
    fn play<P: Scenario>(integration: Integration, play: P) -> (MessageRouter<App<P>>, App<P>) {
        match integration {
            Integration::ByHand => {
                let (mut event_loop, router, mut app) = set_up::<P, Wakeup>(play);
                event_loop.run_app_on_demand(&mut app).unwrap();
                (router, app)
            }
            Integration::Routed => {
                let (mut event_loop, router, app) = set_up::<P, AppEvent>(play);
                let mut routed = Routed::new(router, app);
                event_loop.run_app_on_demand(&mut routed).unwrap();
                routed.into_parts()
            }
        }
    }
}

/// The user events of an application that has some of its own.
enum AppEvent {
    Wakeup,
}

impl From<Wakeup> for AppEvent {
    fn from(_: Wakeup) -> Self {
        Self::Wakeup
    }
}

fn set_up<P: Scenario, E: From<Wakeup> + 'static>(play: P) -> (EventLoop<E>, MessageRouter<App<P>>, App<P>)
where
    EventLoopProxy<E>: Waker + Clone,
{
    let event_loop = EventLoop::with_user_event().with_x11().with_any_thread(true).build().unwrap();
    let router = MessageRouter::new(event_loop.create_proxy());
    router.start().unwrap();
    let proxy = event_loop.create_proxy();
    let app = App::new(play, &router, move || proxy.wake());
    (event_loop, router, app)
}

struct RealWindow {
    window: Rc<Window>,
    canvas: Canvas<Window>,
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
        let size = self.window.inner_size();
        self.canvas.paint(colour, size.width, size.height);
    }
}

fn open<P: Scenario>(app: &mut App<P>, event_loop: &ActiveEventLoop) {
    let attributes =
        Window::default_attributes().with_title(TITLE).with_inner_size(PhysicalSize::new(WIDTH, HEIGHT));
    let window = Rc::new(event_loop.create_window(attributes).unwrap());
    let canvas = Canvas::new(&window);
    app.is_open(RealWindow { window, canvas });
}

fn on_window_event<P: Scenario>(app: &mut App<P>, event: &WindowEvent) {
    match event {
        WindowEvent::RedrawRequested => app.on(Event::Redraw),
        WindowEvent::CloseRequested => app.on(Event::CloseRequested),
        WindowEvent::KeyboardInput { event, is_synthetic: false, .. }
            if event.state == ElementState::Pressed && !event.repeat =>
        {
            app.on(Event::KeyPressed);
        }
        _ => {}
    }
}

fn on_about_to_wait<P: Scenario>(app: &mut App<P>, event_loop: &ActiveEventLoop) {
    match app.turn() {
        Ok(None) => event_loop.set_control_flow(ControlFlow::Wait),
        Ok(Some(until)) => event_loop.set_control_flow(ControlFlow::WaitUntil(until)),
        Err(Leave) => event_loop.exit(),
    }
}

/// By hand.
impl<P: Scenario> ApplicationHandler<Wakeup> for App<P> {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        open(self, event_loop);
    }

    fn user_event(&mut self, _: &ActiveEventLoop, _: Wakeup) {
        self.router.clone().dispatch(self);
        self.on(Event::Woken);
    }

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        on_window_event(self, &event);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        on_about_to_wait(self, event_loop);
        self.router.settle();
    }
}

/// To be routed by the wrapper, with the application's own user events.
impl<P: Scenario> ApplicationHandler<AppEvent> for App<P> {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        open(self, event_loop);
    }

    fn user_event(&mut self, _: &ActiveEventLoop, AppEvent::Wakeup: AppEvent) {
        self.on(Event::Woken);
    }

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        on_window_event(self, &event);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        on_about_to_wait(self, event_loop);
    }
}

#[test]
fn a_message_wakes_an_idle_loop_once_by_hand() {
    staged(
        "a_message_wakes_an_idle_loop_once_by_hand",
        || idle::child::<Winit030>(Integration::ByHand),
        idle::parent,
    );
}

#[test]
fn a_flood_leaves_the_window_and_the_keyboard_alive_by_hand() {
    staged(
        "a_flood_leaves_the_window_and_the_keyboard_alive_by_hand",
        || flood::child::<Winit030>(Integration::ByHand),
        flood::parent,
    );
}

#[test]
fn a_hidden_or_minimised_window_still_receives() {
    staged(
        "a_hidden_or_minimised_window_still_receives",
        || hidden::child::<Winit030>(Integration::Routed),
        hidden::parent,
    );
}

#[test]
fn wakes_of_a_stopped_router_and_of_a_gone_loop_are_harmless() {
    staged(
        "wakes_of_a_stopped_router_and_of_a_gone_loop_are_harmless",
        || leftover::child::<Winit030>(Integration::ByHand),
        leftover::parent,
    );
}
