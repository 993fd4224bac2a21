//! The log of finished files: follows its end, unless it was scrolled up.

use winit_030::event::MouseScrollDelta;
use winit_030::keyboard::NamedKey;

use super::canvas::{Canvas, Rect};
use super::theme;
use crate::format;
use crate::listing;
use crate::progress::{Entry, Progress};

const ROW: f32 = 20.0;
const PADDING: f32 = 18.0;

/// Lines that a notch of the wheel scrolls.
const NOTCH: f32 = 3.0;

#[derive(Default)]
pub(super) struct LogView {
    /// The topmost line, counted from the first that ever was, so that it stays where it is when old lines
    /// are forgotten. `None` follows the end.
    top: Option<f32>,
    /// Scrolling that was asked for since the last time it was drawn, in lines.
    scrolled: f32,
    /// Lines that fit, as of the last time it was drawn.
    fitting: f32,
}

impl LogView {
    pub(super) fn wheel(&mut self, delta: MouseScrollDelta, scale: f64) -> bool {
        self.scrolled += match delta {
            MouseScrollDelta::LineDelta(_, lines) => -lines * NOTCH,
            MouseScrollDelta::PixelDelta(position) => -(position.y / scale) as f32 / ROW,
        };
        true
    }

    pub(super) fn key(&mut self, key: NamedKey) -> bool {
        self.scrolled += match key {
            NamedKey::ArrowUp => -1.0,
            NamedKey::ArrowDown => 1.0,
            NamedKey::PageUp => 1.0 - self.fitting,
            NamedKey::PageDown => self.fitting - 1.0,
            NamedKey::Home => f32::NEG_INFINITY,
            NamedKey::End => f32::INFINITY,
            _ => return false,
        };
        true
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect, progress: &Progress) {
        canvas.panel(area, theme::RADIUS, theme::PANEL, theme::LINE);
        // As high as whole lines are, and in the middle.
        self.fitting = ((area.height - 16.0) / ROW).floor().max(1.0);
        let height = self.fitting * ROW;
        let top = area.y + (area.height - height) / 2.0;
        let inside = Rect::new(area.x + PADDING, top, area.width - 2.0 * PADDING, height);
        let (lines, first) = (progress.log_lines(), progress.log_dropped() as f32);
        let count = lines.len() as f32;
        let last_top = (first + count - self.fitting).max(first);
        let scrolled = std::mem::take(&mut self.scrolled);
        if self.top.is_some() || scrolled < 0.0 {
            let top = (self.top.unwrap_or(last_top) + scrolled).clamp(first, last_top);
            self.top = (top < last_top).then_some(top);
        }
        let top = self.top.unwrap_or(last_top) - first;
        canvas.clipped(inside, |canvas| {
            let skipped = top.floor();
            let mut y = inside.y - (top - skipped) * ROW;
            for entry in lines.iter().skip(skipped as usize) {
                if y >= inside.bottom() {
                    break;
                }
                draw_entry(canvas, Rect::new(inside.x, y, inside.width, ROW), entry, progress);
                y += ROW;
            }
        });
        // The part that is seen, where there is more than that.
        let seen = inside.height / ROW / count.max(1.0);
        if seen < 1.0 && inside.height > 40.0 {
            let height = (inside.height * seen).max(24.0);
            let travel = inside.height - height;
            let y = inside.y + travel * (top / (last_top - first).max(f32::EPSILON)).min(1.0);
            canvas.fill(Rect::new(area.right() - 9.0, y, 4.0, height), 2.0, theme::FAINT);
        }
    }
}

fn draw_entry(canvas: &mut Canvas<'_>, row: Rect, entry: &Entry, progress: &Progress) {
    let baseline = row.y + 14.0;
    match entry {
        Entry::Error(error) => {
            let ink = theme::LOG.colored(theme::RED);
            let error = canvas.fitted(ink, error, row.width - 18.0);
            canvas.text(ink, row.x, baseline, "×");
            canvas.text(ink, row.x + 18.0, baseline, &error);
        }
        Entry::Hashed { line, bytes, hash } => {
            let faint = theme::LOG.colored(theme::FAINT);
            let (mut left, mut right) = (row.x, row.right());
            // Narrow windows show what matters most: the name.
            if row.width > 420.0 {
                let hash = format!("{}…", &listing::hex(&hash[..5]));
                canvas.text(faint, left, baseline, &hash);
                left += canvas.text_width(faint, &hash) + 14.0;
            }
            if row.width > 260.0 {
                canvas.text_right(theme::LOG.colored(theme::MUTED), right, baseline, &format::bytes(*bytes));
                right -= 84.0;
            }
            let name = canvas.fitted(theme::LOG, &progress.name(line), right - left);
            canvas.text(theme::LOG, left, baseline, &name);
        }
    }
}
