//! The window: in each frame a dispatch and a settling, and then a bar for each worker.

use std::error::Error;

use eframe::egui::{self, Color32, vec2};
use foreground::MessageRouter;
use foreground::event_loop::egui_037::FRAME_BUDGET;
use foreground::tasks::TaskState;

use crate::common::{self, AMBER, BLUE, GREEN};
use crate::job::App;
use crate::options::Options;
use crate::say;
use crate::worker::Registered;

const TITLE: &str = "process_workers";
const WIDTH: f32 = 800.0;
const ROW: f32 = 59.0;

struct Window {
    router: MessageRouter<App>,
    app: App,
}

impl Window {
    fn show(&mut self, ui: &mut egui::Ui) {
        common::title(
            ui,
            "Process workers",
            "Each worker is a process. Crash one: the others take its files over.",
        );
        let app = &mut self.app;
        let color = match () {
            () if app.is_complete() => GREEN,
            () if app.is_over() => AMBER,
            () => BLUE,
        };
        ui.horizontal(|ui| {
            bar(ui, app.fraction(), color, &app.status());
            if common::button(ui, "Cancel", !app.is_over()) {
                app.cancel();
            }
        });
        ui.separator();
        for place in 0..app.workers.len() {
            ui.horizontal(|ui| show_worker(ui, app, place));
        }
    }
}

fn show_worker(ui: &mut egui::Ui, app: &mut App, place: usize) {
    let worker = &app.workers[place];
    let state = worker.job.state();
    bar(ui, worker.fraction(), common::state_color(state), &worker.status(app));
    if state == TaskState::Failed {
        if common::button(ui, "Start again", !app.is_through()) {
            app.start_again(place);
        }
    } else if common::button(ui, "Crash it", worker.process.is_some()) {
        app.crash(place);
    }
}

/// A bar with a line of text, and room for a button beside them.
fn bar(ui: &mut egui::Ui, fraction: f32, color: Color32, text: &str) {
    ui.vertical(|ui| {
        ui.set_width(ui.available_width() - 116.0);
        ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Truncate);
        common::bar(ui, fraction, color, text);
        ui.add_space(2.0);
    });
}

impl eframe::App for Window {
    fn logic(&mut self, _: &egui::Context, _: &mut eframe::Frame) {
        self.router.dispatch(&mut self.app);
        self.router.settle();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        egui::CentralPanel::default()
            .frame(egui::Frame::central_panel(ui.style()).inner_margin(20.0))
            .show(ui, |ui| self.show(ui));
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        if let Err(error) = self.app.finish() {
            say(error);
        }
    }
}

pub(crate) fn run(functions: Registered, options: Options) -> Result<(), Box<dyn Error>> {
    let size = vec2(WIDTH, 164.0 + ROW * options.workers as f32);
    let viewport = egui::ViewportBuilder::default().with_inner_size(size).with_min_inner_size(size);
    let create = |creation: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        common::set_style(&creation.egui_ctx);
        let router = MessageRouter::builder().budget(FRAME_BUDGET).build(creation.egui_ctx.clone());
        router.start()?;
        let app = App::new(&router, functions, options).map_err(|error| error.to_string())?;
        Ok(Box::new(Window { router, app }))
    };
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    Ok(eframe::run_native(TITLE, options, Box::new(create))?)
}
