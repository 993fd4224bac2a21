//! Both versions of winit in one program: the features are additive, and so are the adapters.

#![cfg(all(feature = "winit-030", feature = "winit-031", unix, not(target_os = "macos")))]

mod support;

use std::time::{Duration, Instant};

use foreground::event_loop::{winit_030 as routed_030, winit_031 as routed_031};
use foreground::{MessageRouter, Waker};
use winit_030::platform::pump_events::EventLoopExtPumpEvents as _;
use winit_030::platform::x11::EventLoopBuilderExtX11 as _;
use winit_031::event_loop::pump_events::EventLoopExtPumpEvents as _;
use winit_031::platform::x11::EventLoopBuilderExtX11 as _;

use crate::support::child::{report, staged, worker};

const MESSAGES: u32 = 1000;
const TURN: Option<Duration> = Some(Duration::from_millis(1));
const PATIENCE: Duration = Duration::from_secs(20);

/// One application for both versions.
#[derive(Default)]
struct App {
    received: Vec<u32>,
}

impl winit_030::application::ApplicationHandler for App {
    fn resumed(&mut self, _: &winit_030::event_loop::ActiveEventLoop) {}

    fn window_event(
        &mut self,
        _: &winit_030::event_loop::ActiveEventLoop,
        _: winit_030::window::WindowId,
        _: winit_030::event::WindowEvent,
    ) {
    }
}

impl winit_031::application::ApplicationHandler for App {
    fn can_create_surfaces(&mut self, _: &dyn winit_031::event_loop::ActiveEventLoop) {}

    fn window_event(
        &mut self,
        _: &dyn winit_031::event_loop::ActiveEventLoop,
        _: winit_031::window::WindowId,
        _: winit_031::event::WindowEvent,
    ) {
    }
}

fn router_with_a_worker(waker: impl Waker) -> MessageRouter<App> {
    let router = MessageRouter::new(waker);
    router.start().unwrap();
    let (sender, receiver) = router.pipe().unwrap();
    receiver.on_message(|app: &mut App, number| app.received.push(number));
    receiver.detach();
    worker(move || {
        let sender = sender.start();
        (0..MESSAGES).for_each(|number| sender.send(number).unwrap());
    });
    router
}

#[test]
fn loops_of_both_versions_are_routed_side_by_side() {
    let child = || {
        let mut loop_030 = winit_030::event_loop::EventLoop::builder();
        let mut loop_030 = loop_030.with_x11().with_any_thread(true).build().unwrap();
        let mut loop_031 = winit_031::event_loop::EventLoop::builder();
        let mut loop_031 = loop_031.with_x11().with_any_thread(true).build().unwrap();
        let router_030 = router_with_a_worker(loop_030.create_proxy());
        let router_031 = router_with_a_worker(loop_031.create_proxy());
        let mut app_030 = routed_030::Routed::new(router_030, App::default());
        let mut app_031 = routed_031::Routed::new(router_031, App::default());

        let deadline = Instant::now() + PATIENCE;
        let all: Vec<_> = (0..MESSAGES).collect();
        while app_030.app().received.len() < all.len() || app_031.app().received.len() < all.len() {
            assert!(Instant::now() < deadline, "both loops are woken");
            loop_030.pump_app_events(TURN, &mut app_030);
            loop_031.pump_app_events(TURN, &mut app_031);
        }
        assert_eq!(app_030.into_parts().1.received, all);
        assert_eq!(app_031.into_parts().1.received, all);
        report("received", "by both");
    };
    staged("loops_of_both_versions_are_routed_side_by_side", child, |_, child| {
        assert_eq!(child.wait_for("received"), "by both");
    });
}

#[test]
fn one_router_type_takes_the_proxies_of_both_versions() {
    fn is_a_waker<W: Waker>() {}
    is_a_waker::<winit_030::event_loop::EventLoopProxy<()>>();
    is_a_waker::<winit_030::event_loop::EventLoopProxy<routed_030::Wakeup>>();
    is_a_waker::<winit_031::event_loop::EventLoopProxy>();
}
