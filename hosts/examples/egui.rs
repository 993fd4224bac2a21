//! Two workers and their bars in a window of egui, by eframe.
//!
//! ```text
//! cargo run -p foreground-hosts --features egui-037 --example egui
//! ```
//!
//! Look for: the egui context is the waker. A report asks for a frame, and while none comes, no frame is drawn. `logic`
//! dispatches, which eframe also calls while the window is minimised: leave it so for a while, and the bars have grown.
//! Closing the window ends the workers, and a line tells how far they got.

use std::error::Error;

use eframe::egui::{self, Color32, CornerRadius, FontId, Stroke, TextStyle, vec2};
use foreground::MessageRouter;
use foreground::event_loop::egui_037::FRAME_BUDGET;
use foreground_hosts::{Bar, Program, Workers};

const BLUE: Color32 = Color32::from_rgb(0x2f, 0x6f, 0xde);
const INK: Color32 = Color32::from_rgb(0x1f, 0x29, 0x37);

struct App {
    router: MessageRouter<Self>,
    workers: Workers<Self>,
}

impl Program for App {
    fn workers(&mut self) -> &mut Workers<Self> {
        &mut self.workers
    }
}

impl App {
    fn new(context: &egui::Context) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let router = MessageRouter::builder().budget(FRAME_BUDGET).build(context.clone());
        router.start()?;
        let workers = Workers::start(&router)?;
        Ok(Self { router, workers })
    }
}

impl eframe::App for App {
    fn logic(&mut self, _: &egui::Context, _: &mut eframe::Frame) {
        self.router.clone().dispatch(self);
        self.router.settle();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        let frame = egui::Frame::new().fill(Color32::from_rgb(0xf6, 0xf7, 0xf9)).inner_margin(24.0);
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            ui.heading("Two workers");
            ui.add_space(12.0);
            for bar in &self.workers.bars {
                show(ui, bar);
            }
            ui.add_space(12.0);
            ui.add_enabled_ui(self.workers.is_working(), |ui| {
                if ui.add_sized([104.0, 32.0], egui::Button::new("Cancel")).clicked() {
                    self.cancel();
                }
            });
        });
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.workers.close();
    }
}

/// Draws a bar and its text.
fn show(ui: &mut egui::Ui, bar: &Bar) {
    ui.horizontal(|ui| {
        let progress = egui::ProgressBar::new(bar.done).desired_width(290.0).desired_height(16.0);
        ui.add(progress.corner_radius(CornerRadius::same(4)).fill(BLUE));
        ui.label(bar.text());
    });
}

/// Light, with letters that read well.
fn set_style(context: &egui::Context) {
    context.set_theme(egui::Theme::Light);
    context.all_styles_mut(|style| {
        style.text_styles.insert(TextStyle::Heading, FontId::proportional(22.0));
        style.text_styles.insert(TextStyle::Body, FontId::proportional(15.0));
        style.text_styles.insert(TextStyle::Button, FontId::proportional(15.0));
        style.spacing.item_spacing = vec2(12.0, 14.0);
        style.interaction.selectable_labels = false;
        style.visuals.extreme_bg_color = Color32::from_rgb(0xd9, 0xde, 0xe6);
        let widgets = &mut style.visuals.widgets;
        widgets.noninteractive.fg_stroke.color = INK;
        widgets.inactive.fg_stroke.color = INK;
        widgets.inactive.weak_bg_fill = Color32::WHITE;
        widgets.inactive.bg_stroke = Stroke::new(1.0, Color32::from_rgb(0xc9, 0xce, 0xd6));
    });
}

fn main() -> eframe::Result {
    let viewport = egui::ViewportBuilder::default().with_inner_size([480.0, 240.0]);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    let create = |creation: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        set_style(&creation.egui_ctx);
        Ok(Box::new(App::new(&creation.egui_ctx)?))
    };
    eframe::run_native("foreground in egui", options, Box::new(create))
}
