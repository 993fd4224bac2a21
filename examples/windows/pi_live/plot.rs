//! The plot, drawn with egui's painter.

use std::f64::consts::PI;

use eframe::egui::{self, Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, pos2, vec2};

use crate::common::{BLUE, GRAY, RED};
use crate::estimates::{History, POINTS_PER_ITEM};

const GRID: Color32 = Color32::from_rgb(0xe4, 0xe7, 0xec);
const ERROR_BAR: Color32 = Color32::from_rgb(0xa9, 0xc4, 0xf5);
/// Half the height of the plot, in standard errors of the newest estimate.
const HALF_HEIGHT: f64 = 8.0;
const FONT: FontId = FontId::proportional(13.0);

/// Where numbers are on the screen.
struct Axes {
    area: Rect,
    x_max: f64,
    y_min: f64,
    y_max: f64,
}

impl Axes {
    fn place(&self, x: f64, y: f64) -> Pos2 {
        let right = x / self.x_max;
        let up = (y - self.y_min) / (self.y_max - self.y_min);
        self.area.left_bottom() + self.area.size() * vec2(right as f32, -up as f32)
    }
}

/// Draws the estimates with their standard errors, and the true value.
pub(crate) fn show(ui: &mut egui::Ui, history: &History) {
    let (whole, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let area = Rect::from_min_max(whole.min + vec2(76.0, 8.0), whole.max - vec2(24.0, 44.0));
    let (points, error) = match history.newest() {
        Some(newest) => (newest.points, newest.standard_error),
        None => (POINTS_PER_ITEM, 1e-3),
    };
    let half = HALF_HEIGHT * error;
    let axes = Axes { area, x_max: points as f64, y_min: PI - half, y_max: PI + half };
    let painter = ui.painter();

    painter.rect_filled(area, 0.0, Color32::WHITE);
    let step = nice_step(2.0 * half / 6.0);
    let decimals = (-step.log10()).ceil().max(0.0) as usize;
    for i in (axes.y_min / step).ceil() as i64..=(axes.y_max / step).floor() as i64 {
        let y = i as f64 * step;
        let left = axes.place(0.0, y);
        painter.hline(area.x_range(), left.y, Stroke::new(1.0, GRID));
        painter.text(left - vec2(8.0, 0.0), Align2::RIGHT_CENTER, format!("{y:.decimals$}"), FONT, GRAY);
    }
    let step = nice_step(axes.x_max / 6.0);
    for i in 0..=(axes.x_max / step).floor() as i64 {
        let x = i as f64 * step;
        let bottom = axes.place(x, axes.y_min);
        painter.vline(bottom.x, area.y_range(), Stroke::new(1.0, GRID));
        let millions = x / 1e6;
        painter.text(bottom + vec2(0.0, 4.0), Align2::CENTER_TOP, format!("{millions}"), FONT, GRAY);
    }
    let below = pos2(area.center().x, whole.bottom());
    painter.text(below, Align2::CENTER_BOTTOM, "million points; the bars are ±1 standard error", FONT, GRAY);

    // The first estimates are far off, and outside.
    let inside = painter.with_clip_rect(area);
    let places = || history.kept().iter().map(|e| (e, axes.place(e.points as f64, e.pi)));
    for (estimate, place) in places() {
        let top = axes.place(estimate.points as f64, estimate.pi + estimate.standard_error);
        let length = place.y - top.y;
        inside.vline(place.x, place.y - length..=place.y + length, Stroke::new(1.0, ERROR_BAR));
    }
    inside.line(places().map(|(_, place)| place).collect(), Stroke::new(1.5, BLUE));
    for (_, place) in places() {
        inside.circle_filled(place, 1.5, BLUE);
    }
    let truth = axes.place(axes.x_max, PI);
    painter.hline(area.x_range(), truth.y, Stroke::new(1.5, RED));
    painter.text(truth + vec2(8.0, 0.0), Align2::LEFT_CENTER, "pi", FONT, RED);
    painter.rect_stroke(area, 0.0, Stroke::new(1.0, GRAY), egui::StrokeKind::Outside);
}

/// The next number of the kind 1, 2 or 5, at any power of 10, that is not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= least);
    digit.unwrap_or(10.0) * power
}
