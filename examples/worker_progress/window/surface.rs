//! The pixels of the window.

use std::num::NonZeroU32;
use std::rc::Rc;

use winit_030 as winit;

use softbuffer::Context;
use winit::event_loop::ActiveEventLoop;
use winit::window::{Window, WindowAttributes};

use super::canvas::{Canvas, Fonts};

pub(super) struct Surface {
    // Before the window, which it draws to.
    surface: softbuffer::Surface<Rc<Window>, Rc<Window>>,
    window: Rc<Window>,
    fonts: Fonts,
    pixmap: Option<tiny_skia::Pixmap>,
}

impl Surface {
    pub(super) fn new(event_loop: &ActiveEventLoop, attributes: WindowAttributes) -> Result<Self, String> {
        let fonts = Fonts::new()?;
        let window = Rc::new(event_loop.create_window(attributes).map_err(|error| error.to_string())?);
        let context = Context::new(window.clone()).map_err(|error| error.to_string())?;
        let surface =
            softbuffer::Surface::new(&context, window.clone()).map_err(|error| error.to_string())?;
        Ok(Self { surface, window, fonts, pixmap: None })
    }

    pub(super) fn scale(&self) -> f64 {
        self.window.scale_factor()
    }

    pub(super) fn request_redraw(&self) {
        self.window.request_redraw();
    }

    /// Has the whole window painted, and shows it. A window without a single pixel is left alone.
    pub(super) fn draw(&mut self, paint: impl FnOnce(&mut Canvas<'_>)) -> Result<(), String> {
        let size = self.window.inner_size();
        let (Some(width), Some(height)) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height)) else {
            return Ok(());
        };
        self.surface.resize(width, height).map_err(|error| error.to_string())?;
        let mut pixmap = match self.pixmap.take() {
            Some(pixmap) if (pixmap.width(), pixmap.height()) == (size.width, size.height) => pixmap,
            _ => tiny_skia::Pixmap::new(size.width, size.height).ok_or("the window is too large")?,
        };
        paint(&mut Canvas::new(&mut pixmap, &mut self.fonts, self.window.scale_factor() as f32));

        let mut buffer = self.surface.buffer_mut().map_err(|error| error.to_string())?;
        for (shown, pixel) in buffer.iter_mut().zip(pixmap.pixels()) {
            let (red, green, blue) = (pixel.red(), pixel.green(), pixel.blue());
            // Wayland takes the highest byte for the opacity; X11 does not look at it.
            *shown = u32::from_be_bytes([0xFF, red, green, blue]);
        }
        self.window.pre_present_notify();
        buffer.present().map_err(|error| error.to_string())?;
        self.pixmap = Some(pixmap);
        Ok(())
    }
}
