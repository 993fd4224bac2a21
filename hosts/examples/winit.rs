//! Two workers and their bars in a window of winit 0.30.
//!
//! ```text
//! cargo run -p foreground-hosts --features winit-030 --example winit
//! ```
//!
//! Look for: the event loop's proxy is the waker, and `Routed` makes the handler a routed one. The bars grow while the
//! button can be pressed and the window moved; closing the window ends the workers, and a line tells how far they got.

mod pixels;

use std::error::Error;
use std::num::NonZeroU32;
use std::rc::Rc;

use foreground::{MessageRouter, event_loop::winit_030::Routed};
use foreground_hosts::{Program, Workers};
use winit::application::ApplicationHandler;
use winit::dpi::{LogicalSize, PhysicalPosition};
use winit::event::{ElementState, WindowEvent};
use winit::event_loop::{ActiveEventLoop, EventLoop};
use winit::window::{Window, WindowId};
use winit_030 as winit; // one of two versions that are built here

use crate::pixels::{Painter, is_on_button};

/// A window and its pixels.
type Surface = softbuffer::Surface<Rc<Window>, Rc<Window>>;

struct App {
    workers: Workers<Self>,
    painter: Painter,
    surface: Option<Surface>,
    pointer: PhysicalPosition<f64>,
}

impl Program for App {
    fn workers(&mut self) -> &mut Workers<Self> {
        &mut self.workers
    }

    fn show(&mut self) {
        if let Some(surface) = &self.surface {
            surface.window().request_redraw();
        }
    }
}

impl App {
    fn open(&mut self, event_loop: &ActiveEventLoop) -> Result<(), Box<dyn Error>> {
        let attributes = Window::default_attributes()
            .with_title("foreground in winit")
            .with_inner_size(LogicalSize::new(480, 240));
        let window = Rc::new(event_loop.create_window(attributes)?);
        self.surface = Some(Surface::new(&softbuffer::Context::new(window.clone())?, window)?);
        Ok(())
    }

    fn draw(&mut self) -> Result<(), Box<dyn Error>> {
        let Some(surface) = &mut self.surface else { return Ok(()) };
        let size = surface.window().inner_size();
        let (Some(width), Some(height)) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height)) else {
            return Ok(());
        };
        surface.resize(width, height)?;
        let mut pixels = surface.buffer_mut()?;
        let workers = &self.workers;
        self.painter.paint(&mut pixels, size.width as usize, &workers.bars, workers.is_working());
        Ok(pixels.present()?)
    }
}

impl ApplicationHandler for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if let Err(error) = self.open(event_loop) {
            eprintln!("no window: {error}");
            event_loop.exit();
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        match event {
            WindowEvent::CloseRequested => event_loop.exit(),
            WindowEvent::CursorMoved { position, .. } => self.pointer = position,
            WindowEvent::MouseInput { state: ElementState::Pressed, .. }
                if is_on_button(self.pointer.x, self.pointer.y) =>
            {
                self.cancel();
            }
            WindowEvent::RedrawRequested => {
                if let Err(error) = self.draw() {
                    eprintln!("the window shows nothing: {error}");
                    event_loop.exit();
                }
            }
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let event_loop = EventLoop::new()?;
    let router = MessageRouter::new(event_loop.create_proxy());
    router.start()?;
    let workers = Workers::start(&router)?;
    let app = App { workers, painter: Painter::new()?, surface: None, pointer: PhysicalPosition::default() };
    let mut routed = Routed::new(router, app);
    event_loop.run_app(&mut routed)?; // dispatches and settles around the handler
    let (_router, mut app) = routed.into_parts();
    app.workers.close();
    Ok(())
}
