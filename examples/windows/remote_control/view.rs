//! How the desk looks.

use std::time::Duration;

use eframe::egui::{self, Align2, Color32, FontId, Frame, Label, Margin, RichText, vec2};

use crate::common::{GRAY, GREEN};
use crate::desk::Desk;

/// How often to look whether the program that asks is still there.
const LOOK_FOR_ASKER: Duration = Duration::from_millis(250);

/// Draws one frame, and handles the clicks.
pub(crate) fn show(ui: &mut egui::Ui, desk: &mut Desk, address: &str) {
    let [red, green, blue] = desk.shown.color;
    let color = Color32::from_rgb(red, green, blue);
    // Letters in whichever of the two reads better.
    let is_light = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) > 150_000;
    let ink = if is_light { Color32::from_rgb(0x1f, 0x29, 0x37) } else { Color32::WHITE };
    let banner = Frame::new().fill(color).inner_margin(Margin::symmetric(24, 22));
    egui::Panel::top("banner").frame(banner).show_separator_line(false).show(ui, |ui| {
        let title = RichText::new(&desk.shown.title).font(FontId::proportional(30.0)).color(ink);
        ui.add(Label::new(title).truncate().show_tooltip_when_elided(false));
    });
    let fill = ui.visuals().panel_fill;
    let strip = Frame::new().fill(fill).inner_margin(Margin::symmetric(24, 12));
    egui::Panel::bottom("strip").frame(strip).show(ui, |ui| {
        ui.columns(2, |columns| {
            columns[0].add(quiet(&desk.latest));
            columns[1]
                .with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| ui.add(quiet(address)));
        });
    });
    let page = egui::Frame::central_panel(ui.style()).inner_margin(Margin::symmetric(24, 16));
    egui::CentralPanel::default().frame(page).show(ui, |ui| show_items(ui, &desk.shown.items, color, ink));
    show_question(ui.ctx(), desk);
}

fn show_items(ui: &mut egui::Ui, items: &[String], color: Color32, ink: Color32) {
    if items.is_empty() {
        ui.label(RichText::new("Nothing here yet. In a second terminal, type one of these:").color(GRAY));
        card(ui, |ui| {
            for command in
                ["set-title \"Shopping\"", "add-item \"Two pounds of apples\"", "ask \"Is that all?\""]
            {
                ui.monospace(format!("remote_control {command}"));
            }
        });
    }
    egui::ScrollArea::vertical().auto_shrink(false).stick_to_bottom(true).show(ui, |ui| {
        for (number, item) in (1..).zip(items) {
            card(ui, |ui| {
                ui.horizontal(|ui| {
                    let (dot, _) = ui.allocate_exact_size(vec2(26.0, 26.0), egui::Sense::hover());
                    ui.painter().circle_filled(dot.center(), 13.0, color);
                    let font = FontId::proportional(13.0);
                    ui.painter().text(dot.center(), Align2::CENTER_CENTER, number, font, ink);
                    ui.add(Label::new(item).truncate());
                });
            });
        }
    });
}

/// As wide as the page.
fn card(ui: &mut egui::Ui, content: impl FnOnce(&mut egui::Ui)) {
    let frame = Frame::new().fill(Color32::WHITE).corner_radius(8).inner_margin(Margin::symmetric(14, 8));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        content(ui);
    });
}

fn quiet(text: &str) -> Label {
    Label::new(RichText::new(text).small().color(GRAY)).truncate().show_tooltip_when_elided(false)
}

fn show_question(context: &egui::Context, desk: &mut Desk) {
    let Some(question) = desk.questions.front() else { return };
    context.request_repaint_after(LOOK_FOR_ASKER);
    let (mut yes, mut no) = (false, false);
    let frame = Frame::popup(&context.global_style()).inner_margin(24).corner_radius(10);
    let veil = Color32::from_black_alpha(70);
    egui::Modal::new(egui::Id::unique("question")).frame(frame).backdrop_color(veil).show(context, |ui| {
        ui.set_width(420.0);
        let others = match desk.questions.len() - 1 {
            0 => String::new(),
            1 => "; one more waits".into(),
            more => format!("; {more} more wait"),
        };
        ui.label(RichText::new(format!("Another program asks{others}")).small().color(GRAY));
        // However long it is, the buttons below stay in the window.
        egui::ScrollArea::vertical().max_height(200.0).show(ui, |ui| {
            ui.add(Label::new(RichText::new(&question.text).heading()).wrap());
        });
        ui.add_space(12.0);
        ui.horizontal(|ui| {
            yes = answer_button(ui, "Yes", GREEN);
            no = answer_button(ui, "No", GRAY);
        });
    });
    if yes || no {
        desk.answer(yes);
    }
}

fn answer_button(ui: &mut egui::Ui, text: &str, color: Color32) -> bool {
    let text = RichText::new(text).color(Color32::WHITE);
    ui.add(egui::Button::new(text).fill(color).corner_radius(6).min_size(vec2(104.0, 34.0))).clicked()
}
