//! winit 0.30 as a host of the conformance tests, by its wrapper: a window that is drawn with each tick.

use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Instant;

use foreground::MessageRouter;
use foreground::event_loop::winit_030::Routed;
use foreground::testing::conformance::{Host, Play};
use softbuffer::{Context, SoftBufferError, Surface};
use winit_030::application::ApplicationHandler;
use winit_030::event::{StartCause, WindowEvent};
use winit_030::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit_030::platform::run_on_demand::EventLoopExtRunOnDemand;
use winit_030::window::{Window, WindowId};

pub struct App {
    play: Play,
    router: MessageRouter<Self>,
    window: Option<Rc<Window>>,
    /// A window of Wayland is neither shown nor drawn before it has pixels.
    surface: Option<Surface<Rc<Window>, Rc<Window>>>,
    next_tick: Option<Instant>,
}

impl App {
    fn draw(&mut self) -> Result<(), SoftBufferError> {
        let (Some(window), Some(surface)) = (&self.window, &mut self.surface) else { return Ok(()) };
        let size = window.inner_size();
        let (Some(width), Some(height)) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height)) else {
            return Ok(());
        };
        surface.resize(width, height)?;
        let mut buffer = surface.buffer_mut()?;
        buffer.fill(0xff_ff_ff);
        window.pre_present_notify();
        buffer.present()
    }
}

impl AsMut<Play> for App {
    fn as_mut(&mut self) -> &mut Play {
        &mut self.play
    }
}

impl ApplicationHandler for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        let attributes = Window::default_attributes().with_visible(!self.play.is_hidden());
        let window = Rc::new(event_loop.create_window(attributes).expect("the display takes a window"));
        let context = Context::new(Rc::clone(&window)).expect("the display takes pixels");
        self.surface = Some(Surface::new(&context, Rc::clone(&window)).expect("the window takes pixels"));
        self.window = Some(window);
        let router = self.router.clone();
        Play::begin(self, &router);
    }

    fn new_events(&mut self, _: &ActiveEventLoop, _: StartCause) {
        if let Some(due) = self.next_tick.as_mut().filter(|due| **due <= Instant::now()) {
            *due = Instant::now() + Play::TICK;
            self.play.tick();
            if let Some(window) = &self.window {
                window.request_redraw();
            }
        }
    }

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        if event == WindowEvent::RedrawRequested {
            self.play.redraw();
            self.draw().expect("the window takes pixels");
        }
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        event_loop.set_control_flow(self.next_tick.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
        if self.play.is_over() {
            event_loop.exit();
        }
    }
}

pub struct Winit030;

impl Host for Winit030 {
    const NAME: &str = "winit 0.30";
    const HAS_WINDOW: bool = true;
    type State = App;

    fn run(play: Play) -> (MessageRouter<App>, App) {
        let mut event_loop = EventLoop::new().expect("there is a display");
        let router = play.builder().build(event_loop.create_proxy());
        let next_tick = play.ticks().map(|every| Instant::now() + every);
        let app = App { play, router: router.clone(), window: None, surface: None, next_tick };
        let mut routed = Routed::new(router, app);
        event_loop.run_app_on_demand(&mut routed).expect("the loop runs");
        drop(event_loop);
        routed.into_parts()
    }
}
