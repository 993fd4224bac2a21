//! The window's life, and the program without one.

use std::error::Error;

use eframe::egui::{self, ViewportCommand};
use foreground::{MessageRouter, Waker};

use crate::desk::Desk;
use crate::options::Options;
use crate::service::Service;
use crate::{common, complain, print, view};

const TITLE: &str = "rpc_window";
const SIZE: [f32; 2] = [720.0, 520.0];

struct Window {
    router: MessageRouter<Desk>,
    desk: Desk,
    /// `None` once it is closed.
    service: Option<Service>,
    addresses: [String; 2],
}

impl Window {
    fn new(waker: impl Waker, options: &Options, has_window: bool) -> Result<Self, Box<dyn Error>> {
        let router = MessageRouter::new(waker);
        router.start()?;
        let service = Service::open(&router, options)?;
        let addresses = service.addresses();
        addresses.iter().for_each(|address| print(format_args!("listening at {address}")));
        Ok(Self { router, desk: Desk::new(has_window), service: Some(service), addresses })
    }

    fn close(&mut self) {
        if let Some(service) = self.service.take() {
            service.close(&mut self.desk);
        }
    }
}

impl eframe::App for Window {
    /// Is called while the window is minimised, too.
    fn logic(&mut self, context: &egui::Context, _: &mut eframe::Frame) {
        self.router.dispatch(&mut self.desk);
        // From here on a message wakes the window.
        self.router.settle();
        self.desk.forget_who_has_gone();
        if self.desk.is_closing {
            context.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        view::show(ui, &mut self.desk, &self.addresses);
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.close();
    }
}

pub(crate) fn run(options: Options) -> Result<(), Box<dyn Error>> {
    if options.headless {
        return run_headless(&options);
    }
    if !common::has_display() {
        complain("there is no display; going on without a window");
        return run_headless(&options);
    }
    // The window is opened when it is sure that it can be reached; what comes before is seen in its first frame.
    let context = egui::Context::default();
    common::set_style(&context);
    let window = Window::new(context.clone(), &options, true)?;
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_inner_size(SIZE).with_min_inner_size(SIZE),
        ..Default::default()
    };
    let create = Box::new(|_: &eframe::CreationContext<'_>| Ok(Box::new(window) as Box<dyn eframe::App>));
    eframe::run_native_ext(TITLE, native, Some(context), create)
        .map_err(|error| format!("no window: {error}; --headless does without").into())
}

/// Serves until it is told to close, or Ctrl-C.
fn run_headless(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut window = Window::new(|| {}, options, false)?;
    let (sender, receiver) = window.router.pipe::<()>()?;
    receiver.on_message(|desk, ()| desk.is_closing = true);
    let sender = sender.start();
    ctrlc::set_handler(move || _ = sender.send(()))?; // fails when it is closing already
    window.router.route_until(&mut window.desk, |desk| desk.is_closing, None)?;
    window.close();
    Ok(())
}
