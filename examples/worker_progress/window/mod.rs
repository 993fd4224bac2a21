//! The window: what winit tells it, and when it draws.
//!
//! No thread is seen from here. [`App`] is an ordinary [`ApplicationHandler`]; by the time it is asked
//! anything, `Routed` has delivered the messages and `app.progress` is up to date.

mod canvas;
mod guard;
mod last_resort;
mod log;
mod pointer;
mod surface;
mod theme;
mod view;

use std::time::{Duration, Instant};

use winit_030 as winit;

use winit::application::ApplicationHandler;
use winit::dpi::LogicalSize;
use winit::event::{StartCause, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow};
use winit::keyboard::{Key, NamedKey};
use winit::window::WindowId;

use foreground::event_loop::winit_030::Routed;

pub(crate) use self::guard::WindowError;
use self::log::LogView;
use self::pointer::Pointer;
use self::surface::Surface;
use self::view::View;
use crate::app::App;
use crate::say;

pub(crate) type EventLoop = winit::event_loop::EventLoop<()>;

/// Messages come by the thousand; a screen shows 60 pictures a second.
const FRAME: Duration = Duration::from_millis(16);

/// How often the rate and the time left are looked at, messages or not.
const SAMPLE: Duration = Duration::from_millis(250);

/// The window, and what it needs to know when to draw.
pub(crate) struct Window {
    surface: Surface,
    view: View,
    pointer: Pointer,
    log: LogView,
    drawn_at: Option<Instant>,
    /// What of the progress was drawn, and what of the window's own state.
    drawn: (u64, bool),
    changed: bool,
    requested: bool,
    sampled_at: Instant,
}

/// Connects to the display.
pub(crate) fn make_event_loop() -> Result<EventLoop, WindowError> {
    guard::guarded("no display", || EventLoop::new().map_err(|error| plain(&error.to_string())))
}

/// Runs until the window is closed. Fails if the display does.
pub(crate) fn run(event_loop: EventLoop, routed: &mut Routed<App>) -> Result<(), WindowError> {
    let cancel = routed.app().cancel_flag();
    let result = guard::guarded("the display failed", || {
        last_resort::guarding(cancel, || event_loop.run_app(routed).map_err(|error| error.to_string()))
    });
    // If the display has gone, letting go of the window may fail too.
    let window = routed.app_mut().window.take();
    let _ = guard::guarded("", || {
        drop(window);
        Ok(())
    });
    result
}

/// Leaves out where in winit's source an error comes from.
fn plain(error: &str) -> String {
    let plain = error.strip_prefix("os error at ").and_then(|rest| rest.split_once(": "));
    plain.map_or(error, |(_, message)| message.trim_end_matches('.')).to_owned()
}

impl ApplicationHandler for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.window.is_some() {
            return;
        }
        let attributes = winit::window::Window::default_attributes()
            .with_title("worker_progress")
            .with_inner_size(LogicalSize::new(900.0, 620.0));
        match Surface::new(event_loop, attributes) {
            Ok(surface) => {
                self.window = Some(Window {
                    surface,
                    view: View::new(),
                    pointer: Pointer::default(),
                    log: LogView::default(),
                    drawn_at: None,
                    drawn: (0, false),
                    changed: true,
                    requested: false,
                    sampled_at: Instant::now(),
                });
            }
            Err(error) => self.fail(event_loop, format!("no window: {error}")),
        }
    }

    fn new_events(&mut self, _: &ActiveEventLoop, _: StartCause) {
        if let Some(window) = &mut self.window
            && !self.progress.is_over()
            && window.sampled_at.elapsed() >= SAMPLE
        {
            window.sampled_at = Instant::now();
            self.progress.sample();
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some(window) = &mut self.window else { return };
        match event {
            WindowEvent::CloseRequested => event_loop.exit(),
            WindowEvent::RedrawRequested => {
                if let Err(error) = self.draw() {
                    self.fail(event_loop, format!("cannot draw: {error}"));
                }
            }
            WindowEvent::Resized(_)
            | WindowEvent::ScaleFactorChanged { .. }
            | WindowEvent::Occluded(false) => {
                window.changed = true;
            }
            WindowEvent::CursorMoved { position, .. } => {
                let position = position.to_logical(window.surface.scale());
                window.changed |= window.pointer.moved(Some((position.x, position.y)), window.view.button());
            }
            WindowEvent::CursorLeft { .. } => {
                window.changed |= window.pointer.moved(None, window.view.button());
            }
            WindowEvent::MouseInput { state, button, .. } => {
                let clicked = window.pointer.button(button, state);
                window.changed = true;
                if clicked {
                    self.cancel_or_close(event_loop);
                }
            }
            WindowEvent::MouseWheel { delta, .. } => {
                let scale = window.surface.scale();
                window.changed |= window.log.wheel(delta, scale);
            }
            WindowEvent::KeyboardInput { event, .. } if event.state.is_pressed() => match event.logical_key {
                Key::Named(NamedKey::Escape) if !event.repeat => self.cancel_or_close(event_loop),
                Key::Named(key) => window.changed |= window.log.key(key),
                _ => {}
            },
            _ => {}
        }
    }

    /// Draws once for all that came in this turn, and no sooner than a frame after the last time.
    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        for error in self.progress.take_untold_errors() {
            say(error);
        }
        let Some(window) = &mut self.window else { return };
        let is_over = self.progress.is_over();
        let now = Instant::now();
        let mut wake_at = (!is_over).then_some(window.sampled_at + SAMPLE);
        let is_stale = window.changed || window.drawn != (self.progress.revision(), is_over);
        if is_stale && !window.requested {
            let frame_at = window.drawn_at.map_or(now, |drawn_at| drawn_at + FRAME);
            if frame_at <= now {
                window.requested = true;
                window.surface.request_redraw();
            } else {
                wake_at = Some(wake_at.map_or(frame_at, |wake_at| wake_at.min(frame_at)));
            }
        }
        if is_over && !is_stale && self.closes_itself {
            event_loop.exit();
        }
        event_loop.set_control_flow(wake_at.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }
}

impl App {
    /// What the button does, and Esc.
    fn cancel_or_close(&mut self, event_loop: &ActiveEventLoop) {
        if self.progress.is_over() {
            event_loop.exit();
        } else {
            self.cancel();
        }
    }

    fn draw(&mut self) -> Result<(), String> {
        let is_cancelled = self.is_cancelled();
        let Some(window) = &mut self.window else { return Ok(()) };
        window.requested = false;
        window.changed = false;
        window.drawn = (self.progress.revision(), self.progress.is_over());
        window.drawn_at = Some(Instant::now());
        let Window { surface, view, pointer, log, .. } = window;
        surface.draw(|canvas| {
            view.draw(canvas, &self.progress, is_cancelled, pointer, log);
        })?;
        // What is under the pointer may have changed with the layout.
        window.changed |= window.pointer.still(window.view.button());
        Ok(())
    }

    /// Ends the loop, not the job: that goes on without a window.
    fn fail(&mut self, event_loop: &ActiveEventLoop, error: String) {
        self.set_window_error(WindowError::new(error));
        event_loop.exit();
    }
}
