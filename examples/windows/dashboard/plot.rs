//! The plot, drawn with egui's painter.

use std::time::Instant;

use eframe::egui::{self, Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, pos2, vec2};

use crate::common::{AMBER, BLUE, GRAY, GREEN, RED};
use crate::series::{Board, WINDOW};

const GRID: Color32 = Color32::from_rgb(0xe4, 0xe7, 0xec);
const FONT: FontId = FontId::proportional(13.0);

/// The colour of the series at a place.
pub(crate) fn color(place: usize) -> Color32 {
    [BLUE, GREEN, RED, AMBER][place % 4]
}

/// Draws the last seconds of all series, the newest at the right.
pub(crate) fn show(ui: &mut egui::Ui, board: &Board, now: Instant) {
    let (whole, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let area = Rect::from_min_max(whole.min + vec2(44.0, 8.0), whole.max - vec2(8.0, 28.0));
    let seconds = WINDOW.as_secs_f32();
    let x = |age: f32| area.right() - age / seconds * area.width();
    let y = |value: f64| area.center().y - value as f32 * area.height() / 2.0;

    let painter = ui.painter();
    painter.rect_filled(area, 0.0, Color32::WHITE);
    for value in [-1.0, -0.5, 0.0, 0.5, 1.0] {
        painter.hline(area.x_range(), y(value), Stroke::new(1.0, GRID));
        let left = pos2(area.left() - 8.0, y(value));
        painter.text(left, Align2::RIGHT_CENTER, format!("{value:.1}"), FONT, GRAY);
    }
    for age in (0..=10).step_by(2) {
        let bottom = pos2(x(age as f32), area.bottom());
        painter.vline(bottom.x, area.y_range(), Stroke::new(1.0, GRID));
        let text = if age == 0 { "now".to_owned() } else { format!("-{age} s") };
        painter.text(bottom + vec2(0.0, 4.0), Align2::CENTER_TOP, text, FONT, GRAY);
    }

    let inside = painter.with_clip_rect(area);
    for (place, series) in board.all().iter().enumerate() {
        let places: Vec<Pos2> = series
            .points
            .iter()
            .map(|(at, value)| pos2(x(now.duration_since(*at).as_secs_f32()), y(*value)))
            .collect();
        if let Some(last) = places.last() {
            inside.circle_filled(*last, 4.0, color(place));
        }
        inside.line(places, Stroke::new(2.0, color(place)));
    }
    painter.rect_stroke(area, 0.0, Stroke::new(1.0, GRAY), egui::StrokeKind::Outside);
}
