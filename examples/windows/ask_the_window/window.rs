//! The window: the question with its buttons, those that wait in line, and what was answered.

use std::error::Error;

use eframe::egui::{self, Button, Color32, FontId, Frame, RichText, Stroke, TextStyle, vec2};

use crate::{App, Program, Question};

const BLUE: Color32 = Color32::from_rgb(0x2f, 0x6f, 0xde);
const GREEN: Color32 = Color32::from_rgb(0x1f, 0x8a, 0x54);
const AMBER: Color32 = Color32::from_rgb(0xb2, 0x6a, 0x00);
const GRAY: Color32 = Color32::from_rgb(0x6b, 0x72, 0x80);
const LINE: Color32 = Color32::from_rgb(0xc9, 0xce, 0xd6);
const PAPER: Color32 = Color32::from_rgb(0xf6, 0xf7, 0xf9);
const INK: Color32 = Color32::from_rgb(0x1f, 0x29, 0x37);

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_inner_size([640.0, 480.0]),
        ..Default::default()
    };
    let create = |creation: &eframe::CreationContext<'_>| {
        set_style(&creation.egui_ctx);
        let program = Program::start(creation.egui_ctx.clone()).map_err(|error| error.to_string())?;
        Ok(Box::new(program) as Box<dyn eframe::App>)
    };
    Ok(eframe::run_native("ask_the_window", options, Box::new(create))?)
}

impl eframe::App for Program {
    fn logic(&mut self, _: &egui::Context, _: &mut eframe::Frame) {
        self.router.dispatch(&mut self.app);
        // From here on a question wakes the window.
        self.router.settle();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        let frame = Frame::central_panel(ui.style()).inner_margin(24.0);
        egui::CentralPanel::default().frame(frame).show(ui, |ui| self.app.show(ui));
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.shut_down();
    }
}

impl App {
    fn show(&mut self, ui: &mut egui::Ui) {
        ui.heading("Ask the window");
        ui.label(RichText::new("Three workers have questions, and wait for your answers.").color(GRAY));
        ui.add_space(12.0);
        let card = Frame::new().fill(Color32::WHITE).stroke(Stroke::new(1.0, LINE)).corner_radius(8);
        let choice = card.inner_margin(20.0).show(ui, |ui| {
            ui.set_min_size(vec2(ui.available_width(), 96.0));
            match self.questions.front() {
                Some((question, _)) => show_question(ui, question),
                None => {
                    let text = if self.are_all_done { "All work is done." } else { "Nobody asks just now." };
                    ui.label(RichText::new(text).color(if self.are_all_done { GREEN } else { GRAY }));
                    None
                }
            }
        });
        ui.add_space(8.0);
        for (question, _) in self.questions.iter().skip(1) {
            row(ui, GRAY, question, "waits in line");
        }
        ui.separator();
        for (question, answer) in self.answered.iter().rev() {
            row(ui, if *answer == question.choices[0] { GREEN } else { AMBER }, question, answer);
        }
        if let Some(choice) = choice.inner {
            self.answer(choice);
        }
    }
}

/// Shows the question, and says which choice was clicked.
fn show_question(ui: &mut egui::Ui, question: &Question) -> Option<usize> {
    let Question { asker, text, choices } = *question;
    ui.label(RichText::new(asker).color(GRAY));
    ui.label(RichText::new(text).size(19.0));
    ui.add_space(12.0);
    let colors = [(BLUE, Color32::WHITE), (Color32::WHITE, INK)];
    let button = |ui: &mut egui::Ui, choice: usize| {
        let (fill, ink) = colors[choice];
        let button = Button::new(RichText::new(choices[choice]).color(ink)).fill(fill);
        ui.add(button.stroke(Stroke::new(1.0, LINE)).min_size(vec2(110.0, 34.0))).clicked()
    };
    ui.horizontal(|ui| (0..choices.len()).filter(|choice| button(ui, *choice)).last()).inner
}

/// A dot, who asks, what, and what became of it.
fn row(ui: &mut egui::Ui, color: Color32, question: &Question, note: &str) {
    ui.horizontal(|ui| {
        let (dot, _) = ui.allocate_exact_size(vec2(12.0, 20.0), egui::Sense::hover());
        ui.painter().circle_filled(dot.center(), 5.0, color);
        let left = egui::Layout::left_to_right(egui::Align::Center);
        ui.allocate_ui_with_layout(vec2(60.0, 20.0), left, |ui| {
            ui.set_min_width(60.0);
            ui.colored_label(GRAY, question.asker)
        });
        ui.label(question.text);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| ui.colored_label(color, note));
    });
}

/// Light, with letters and room that read well.
fn set_style(context: &egui::Context) {
    context.set_theme(egui::Theme::Light);
    context.all_styles_mut(|style| {
        for (text, size) in [(TextStyle::Heading, 22.0), (TextStyle::Body, 15.0), (TextStyle::Button, 15.0)] {
            style.text_styles.insert(text, FontId::proportional(size));
        }
        style.spacing.item_spacing = vec2(12.0, 6.0);
        style.interaction.selectable_labels = false;
        style.visuals.panel_fill = PAPER;
        style.visuals.widgets.noninteractive.fg_stroke.color = INK;
    });
}
