//! How the desk looks.

use std::time::Duration;

use eframe::egui::{self, Align, Color32, FontId, Frame, Label, Layout, Margin, RichText, vec2};

use crate::common::{AMBER, BLUE, GRAY, GREEN, RED};
use crate::desk::{Desk, Line, Question};

/// How often to look whether the clients that ask are still there.
const LOOK_FOR_CLIENTS: Duration = Duration::from_millis(250);

/// Draws one frame, and handles the clicks.
pub(crate) fn show(ui: &mut egui::Ui, desk: &mut Desk, addresses: &[String]) {
    let banner = Frame::new().fill(BLUE).inner_margin(Margin::symmetric(24, 20));
    egui::Panel::top("banner").frame(banner).show_separator_line(false).show(ui, |ui| {
        ui.horizontal(|ui| {
            let count = match desk.questions.len() {
                0 => "nothing waits".into(),
                1 => "1 question waits".into(),
                more => format!("{more} questions wait"),
            };
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(RichText::new(count).color(Color32::WHITE));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let title =
                        RichText::new(&desk.title).font(FontId::proportional(28.0)).color(Color32::WHITE);
                    ui.add(Label::new(title).truncate().show_tooltip_when_elided(false));
                });
            });
        });
    });
    let fill = ui.visuals().panel_fill;
    let strip = Frame::new().fill(fill).inner_margin(Margin::symmetric(24, 12));
    egui::Panel::bottom("strip").frame(strip).show(ui, |ui| {
        ui.label(RichText::new(format!("JSON-RPC 2.0 at {}", addresses.join(" and "))).small().color(GRAY));
    });
    let page = Frame::central_panel(ui.style()).inner_margin(Margin::symmetric(24, 16));
    egui::CentralPanel::default().frame(page).show(ui, |ui| {
        if !desk.questions.is_empty() {
            ui.request_repaint_after(LOOK_FOR_CLIENTS);
            show_questions(ui, desk);
        }
        ui.label(RichText::new("Answered").color(GRAY));
        egui::ScrollArea::vertical().id_salt("log").auto_shrink(false).show(ui, |ui| {
            desk.log.iter().for_each(|line| show_line(ui, line));
        });
    });
}

fn show_questions(ui: &mut egui::Ui, desk: &mut Desk) {
    let mut answer = None;
    ui.label(RichText::new("For you to decide").color(GRAY));
    // However many there are, some of the log below is seen.
    egui::ScrollArea::vertical().id_salt("questions").max_height(230.0).show(ui, |ui| {
        for (number, question) in desk.questions.iter().enumerate() {
            answer = show_question(ui, question).map(|approved| (number, approved)).or(answer);
        }
    });
    ui.add_space(8.0);
    if let Some((number, approved)) = answer {
        desk.answer(number, approved);
    }
}

/// Returns whether it was approved, if it was answered.
fn show_question(ui: &mut egui::Ui, question: &Question) -> Option<bool> {
    let mut answer = None;
    card(ui, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if answer_button(ui, "Refuse", GRAY) {
                answer = Some(false);
            }
            if answer_button(ui, "Approve", GREEN) {
                answer = Some(true);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                badge(ui, question.transport);
                ui.vertical(|ui| {
                    ui.add(Label::new(&question.text).truncate());
                    let peer = RichText::new(question.call.peer()).small().color(GRAY);
                    ui.add(Label::new(peer).truncate());
                });
            });
        });
    });
    answer
}

fn show_line(ui: &mut egui::Ui, line: &Line) {
    ui.horizontal(|ui| {
        badge(ui, line.transport);
        let (text, color) = match &line.result {
            Ok(result) => (result, GREEN),
            Err(error) => (error, RED),
        };
        let half = ui.available_width() * 0.6;
        ui.allocate_ui_with_layout(vec2(half, 26.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(half);
            ui.add(Label::new(RichText::new(&line.text).monospace()).truncate());
        });
        ui.add(Label::new(RichText::new(text).monospace().color(color)).truncate());
    });
}

/// By which transport it came.
fn badge(ui: &mut egui::Ui, transport: &str) {
    let color = if transport == "HTTP" { AMBER } else { BLUE };
    let (rect, _) = ui.allocate_exact_size(vec2(52.0, 22.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 6, color);
    let font = FontId::proportional(12.0);
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, transport, font, Color32::WHITE);
}

/// As wide as the page.
fn card(ui: &mut egui::Ui, content: impl FnOnce(&mut egui::Ui)) {
    let frame = Frame::new().fill(Color32::WHITE).corner_radius(8).inner_margin(Margin::symmetric(14, 8));
    frame.show(ui, |ui| {
        let width = ui.available_width();
        ui.allocate_ui(vec2(width, 44.0), content);
    });
}

fn answer_button(ui: &mut egui::Ui, text: &str, color: Color32) -> bool {
    let text = RichText::new(text).color(Color32::WHITE);
    ui.add(egui::Button::new(text).fill(color).corner_radius(6).min_size(vec2(96.0, 32.0))).clicked()
}
