//! egui in a window, by eframe. A tick is a frame that is drawn.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use eframe::egui::{Context, Ui, ViewportCommand};
use eframe::{Frame, NativeOptions};
use foreground::Waker;

use super::{Guest, Host};
use crate::peers::Place;

#[derive(Default)]
pub struct Egui(ContextWaker);

/// The context, once eframe has made it. The first frame comes without a wake.
#[derive(Clone, Default)]
pub struct ContextWaker(Arc<OnceLock<Context>>);

impl Waker for ContextWaker {
    fn wake(&self) {
        if let Some(context) = self.0.get() {
            context.wake();
        }
    }
}

impl Host for Egui {
    const PLACE: Place = Place::OwnProcessWithDisplay;

    type Waker = ContextWaker;

    fn new() -> Self {
        Self::default()
    }

    fn waker(&self) -> ContextWaker {
        self.0.clone()
    }

    fn run(&mut self, guest: &mut dyn Guest) {
        let waker = self.0.clone();
        let create: eframe::AppCreator<'_> = Box::new(move |creation| {
            let made = waker.0.set(creation.egui_ctx.clone());
            assert!(made.is_ok(), "one window a process");
            Ok(Box::new(Window(guest)))
        });
        eframe::run_native("benchmark", NativeOptions::default(), create).expect("the window runs");
    }
}

struct Window<'a>(&'a mut dyn Guest);

impl eframe::App for Window<'_> {
    fn logic(&mut self, context: &Context, _: &mut Frame) {
        self.0.woken(());
        if self.0.app().is_done() {
            context.send_viewport_cmd(ViewportCommand::Close);
        }
        if let Some(due) = self.0.app().next_tick() {
            context.request_repaint_after(due.saturating_duration_since(Instant::now()));
        }
        self.0.settle();
    }

    fn ui(&mut self, _: &mut Ui, _: &mut Frame) {
        self.0.app().tick_if_due();
    }
}
