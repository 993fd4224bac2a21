//! The conformance of winit 0.31, by its wrapper.

mod support;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use foreground::MessageRouter;
use foreground::event_loop::winit_031::Routed;
use foreground::testing::conformance::{Host, Play};
use winit_031::application::ApplicationHandler;
use winit_031::event::{StartCause, WindowEvent};
use winit_031::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit_031::window::{Window, WindowAttributes, WindowId};

struct App {
    /// Always there, but in the end.
    play: Option<Play>,
    router: MessageRouter<Self>,
    window: Option<Box<dyn Window>>,
    next_tick: Option<Instant>,
    /// Where the play goes when the loop, which keeps its handler, drops it.
    home: Rc<RefCell<Option<Play>>>,
}

impl AsMut<Play> for App {
    fn as_mut(&mut self) -> &mut Play {
        self.play.as_mut().expect("it is taken by the drop alone")
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.home.replace(self.play.take());
    }
}

impl ApplicationHandler for App {
    fn can_create_surfaces(&mut self, event_loop: &dyn ActiveEventLoop) {
        let attributes = WindowAttributes::default().with_visible(!self.as_mut().is_hidden());
        self.window = Some(event_loop.create_window(attributes).expect("the display takes a window"));
        let router = self.router.clone();
        Play::begin(self, &router);
    }

    fn new_events(&mut self, _: &dyn ActiveEventLoop, _: StartCause) {
        if let Some(due) = self.next_tick.as_mut().filter(|due| **due <= Instant::now()) {
            *due = Instant::now() + Play::TICK;
            self.as_mut().tick();
            if let Some(window) = &self.window {
                window.request_redraw();
            }
        }
    }

    fn window_event(&mut self, _: &dyn ActiveEventLoop, _: WindowId, event: WindowEvent) {
        if event == WindowEvent::RedrawRequested {
            self.as_mut().redraw();
        }
    }

    fn about_to_wait(&mut self, event_loop: &dyn ActiveEventLoop) {
        event_loop.set_control_flow(self.next_tick.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
        if self.as_mut().is_over() {
            event_loop.exit();
        }
    }
}

struct Winit031;

impl Host for Winit031 {
    const NAME: &str = "winit 0.31";
    const HAS_WINDOW: bool = true;
    type State = App;

    fn run(play: Play) -> (MessageRouter<App>, App) {
        let event_loop = EventLoop::new().expect("there is a display");
        let router = play.builder().build(event_loop.create_proxy());
        let next_tick = play.ticks().map(|every| Instant::now() + every);
        let home = Rc::default();
        let app =
            App { play: Some(play), router: router.clone(), window: None, next_tick, home: Rc::clone(&home) };
        event_loop.run_app(Routed::new(router.clone(), app)).expect("the loop runs");
        let play = home.take();
        let app = App { play, router: router.clone(), window: None, next_tick: None, home };
        (router, app)
    }
}

fn main() -> ExitCode {
    support::conformance_on_display::<Winit031>()
}
