//! The window's life, and the program without one.

use std::error::Error;

use eframe::egui::{self, ViewportCommand};
use foreground::net::Address;
use foreground::{MessageRouter, Waker};

use crate::desk::{Desk, Door};
use crate::{common, complain, print, view};

/// The title of the window until it is given another.
const TITLE: &str = "remote_control";
const SIZE: [f32; 2] = [640.0, 480.0];

struct Window {
    router: MessageRouter<Desk>,
    desk: Desk,
    /// `None` once it is closed.
    door: Option<Door>,
    address: String,
    /// What stands in the window's frame.
    title: String,
}

impl Window {
    fn new(waker: impl Waker, address: Option<Address>, has_window: bool) -> Result<Self, Box<dyn Error>> {
        let router = MessageRouter::new(waker);
        router.start()?;
        let door = Door::open(&router, address)?;
        let address = door.address().to_string();
        print(format_args!("listening at {address}"));
        let desk = Desk::new(has_window);
        Ok(Self { router, desk, door: Some(door), address, title: TITLE.into() })
    }

    fn close(&mut self) {
        if let Some(door) = self.door.take() {
            door.close(&mut self.desk);
        }
    }
}

impl eframe::App for Window {
    /// Is called while the window is minimised, too.
    fn logic(&mut self, context: &egui::Context, _: &mut eframe::Frame) {
        self.router.dispatch(&mut self.desk);
        // From here on a message wakes the window.
        self.router.settle();
        self.desk.forget_askers_that_have_gone();
        if self.title != self.desk.shown.title && !self.desk.latest.is_empty() {
            self.title.clone_from(&self.desk.shown.title);
            context.send_viewport_cmd(ViewportCommand::Title(self.title.clone()));
        }
        if self.desk.is_closing {
            context.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        view::show(ui, &mut self.desk, &self.address);
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.close();
    }
}

pub(crate) fn run(address: Option<Address>, headless: bool) -> Result<(), Box<dyn Error>> {
    if headless {
        return run_headless(address);
    }
    if !common::has_display() {
        complain("there is no display; going on without a window");
        return run_headless(address);
    }
    // The window is opened when it is sure that it can be reached; what comes before is seen in its first frame.
    let context = egui::Context::default();
    common::set_style(&context);
    let window = Window::new(context.clone(), address, true)?;
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_inner_size(SIZE).with_min_inner_size(SIZE),
        ..Default::default()
    };
    let create = Box::new(|_: &eframe::CreationContext<'_>| Ok(Box::new(window) as Box<dyn eframe::App>));
    eframe::run_native_ext(TITLE, options, Some(context), create)
        .map_err(|error| format!("no window: {error}; --headless does without").into())
}

/// Serves until it is told to close, or Ctrl-C.
fn run_headless(address: Option<Address>) -> Result<(), Box<dyn Error>> {
    let mut window = Window::new(|| {}, address, false)?;
    let (sender, receiver) = window.router.pipe::<()>()?;
    receiver.on_message(|desk, ()| desk.is_closing = true);
    let sender = sender.start();
    ctrlc::set_handler(move || _ = sender.send(()))?; // fails when it is closing already
    window.router.route_until(&mut window.desk, |desk| desk.is_closing, None)?;
    window.close();
    Ok(())
}
