//! The window: in each frame a dispatch and a settling, and then the plot.

use std::error::Error;
use std::time::{Duration, Instant};

use eframe::egui::{self, RichText, vec2};
use foreground::MessageRouter;
use foreground::event_loop::egui_037::FRAME_BUDGET;

use crate::common::{self, GRAY, RED};
use crate::{Dashboard, NAMES, plot};

const TITLE: &str = "dashboard";
const SIZE: [f32; 2] = [760.0, 520.0];
/// The lines move while nothing comes, too.
const FRAME: Duration = Duration::from_millis(40);

struct Window {
    router: MessageRouter<Dashboard>,
    app: Dashboard,
    trouble: Option<String>,
}

impl Window {
    fn new(context: &egui::Context) -> Result<Self, Box<dyn Error>> {
        let router = MessageRouter::builder().budget(FRAME_BUDGET).build(context.clone());
        router.start()?;
        let mut app = Dashboard::open(&router)?;
        NAMES.iter().try_for_each(|name| app.start(name))?;
        Ok(Self { router, app, trouble: None })
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        let join = format!(
            "Three processes publish; join them by `publish NAME --at {}`.",
            self.app.forwarder.publishers_address()
        );
        common::title(ui, "What is measured elsewhere", &join);
        let now = Instant::now();
        ui.horizontal(|ui| {
            for name in NAMES {
                let runs = self.app.runs(name);
                if common::button(ui, &format!("{} {name}", if runs { "Stop" } else { "Start" }), true) {
                    match runs {
                        true => self.app.stop(name),
                        false => self.trouble = self.app.start(name).err().map(|error| error.to_string()),
                    }
                }
            }
            if let Some(trouble) = &self.trouble {
                ui.colored_label(RED, trouble);
            }
        });
        ui.horizontal(|ui| {
            for (place, series) in self.app.board.all().iter().enumerate() {
                let (dot, _) = ui.allocate_exact_size(vec2(12.0, 12.0), egui::Sense::hover());
                ui.painter().circle_filled(dot.center(), 6.0, plot::color(place));
                let text = RichText::new(format!("{} {:+.2}", series.name, series.newest()));
                ui.label(if series.is_silent(now) { text.color(GRAY).strikethrough() } else { text });
            }
        });
        plot::show(ui, &self.app.board, now);
    }
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
        ui.request_repaint_after(FRAME);
    }
}

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_inner_size(SIZE).with_min_inner_size(SIZE),
        ..Default::default()
    };
    let create = |creation: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        common::set_style(&creation.egui_ctx);
        let window = Window::new(&creation.egui_ctx).map_err(|error| error.to_string())?;
        Ok(Box::new(window))
    };
    Ok(eframe::run_native(TITLE, options, Box::new(create))?)
}
