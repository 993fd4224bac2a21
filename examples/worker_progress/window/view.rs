//! What the window looks like: from the top, the title and the button, the overall bar, the workers, and
//! the log, which gets the space that is left. In a small window the lower ones give way.

use super::canvas::{Canvas, Rect};
use super::log::LogView;
use super::pointer::{Look, Pointer};
use super::theme;
use crate::format;
use crate::progress::{Progress, Worker};

const BUTTON: (f32, f32) = (104.0, 36.0);
const CELL: f32 = 42.0;
const GAP: f32 = 18.0;
/// Below this, a log is not worth its frame.
const LEAST_LOG: f32 = 72.0;

pub(super) struct View {
    button: Rect,
}

impl View {
    pub(super) fn new() -> Self {
        Self { button: Rect::new(0.0, 0.0, 0.0, 0.0) }
    }

    /// Where the button was drawn.
    pub(super) fn button(&self) -> Rect {
        self.button
    }

    pub(super) fn draw(
        &mut self,
        canvas: &mut Canvas<'_>,
        progress: &Progress,
        is_cancelled: bool,
        pointer: &Pointer,
        log: &mut LogView,
    ) {
        canvas.clear(theme::BACKGROUND);
        let (width, height) = canvas.size();
        let margin = if width < 520.0 { 14.0 } else { 28.0 };
        let column = Rect::new(margin, margin, width - 2.0 * margin, height - 2.0 * margin);

        self.header(canvas, column, progress, is_cancelled, pointer);
        let mut top = column.y + 54.0 + GAP;
        top = overall(canvas, Rect { y: top, ..column }, progress, is_cancelled) + GAP;
        let room = column.bottom() - top;
        top = workers(canvas, Rect { y: top, height: room, ..column }, progress) + GAP - 6.0;
        let room = column.bottom() - top;
        if room >= LEAST_LOG {
            log.draw(canvas, Rect { y: top, height: room, ..column }, progress);
        }
    }

    fn header(
        &mut self,
        canvas: &mut Canvas<'_>,
        column: Rect,
        progress: &Progress,
        is_cancelled: bool,
        pointer: &Pointer,
    ) {
        let (width, height) = BUTTON;
        self.button = Rect::new((column.right() - width).max(column.x), column.y + 4.0, width, height);
        let room = self.button.x - column.x - GAP;
        let title = canvas.fitted(theme::TITLE, title(progress, is_cancelled), room);
        canvas.text(theme::TITLE, column.x, column.y + 21.0, &title);

        let folders = match progress.folders() {
            [folder] => format::path(folder),
            folders => {
                let names: Vec<_> = folders.iter().map(|folder| format::path(folder)).collect();
                names.join(", ")
            }
        };
        let folders = canvas.fitted(theme::NOTE, &folders, room);
        canvas.text(theme::NOTE, column.x, column.y + 45.0, &folders);

        let (label, is_idle) = match () {
            () if progress.is_over() => ("Close", false),
            () if is_cancelled => ("Cancel", true),
            () => ("Cancel", false),
        };
        let (fill, color) = match pointer.look() {
            _ if is_idle => (theme::PANEL, theme::FAINT),
            Look::Plain => (theme::BUTTON, theme::TEXT),
            Look::Hover => (theme::BUTTON_HOVER, theme::TEXT),
            Look::Pressed => (theme::BUTTON_PRESSED, theme::MUTED),
        };
        canvas.panel(self.button, 8.0, fill, if is_idle { theme::LINE } else { theme::BUTTON_HOVER });
        let ink = theme::BODY.colored(color);
        let label_width = canvas.text_width(ink, label);
        let x = self.button.x + (width - label_width) / 2.0;
        canvas.text(ink, x, self.button.y + height / 2.0 + 5.0, label);
    }
}

fn title(progress: &Progress, is_cancelled: bool) -> &'static str {
    match () {
        () if progress.is_complete() && progress.errors() == 0 => "All files hashed",
        () if progress.is_complete() => "Hashed, with errors",
        () if progress.is_over() && is_cancelled => "Cancelled",
        () if progress.is_over() => "Ended early",
        () if is_cancelled => "Cancelling…",
        () => "Hashing files",
    }
}

/// Draws the overall bar. Returns where it ends.
fn overall(canvas: &mut Canvas<'_>, area: Rect, progress: &Progress, is_cancelled: bool) -> f32 {
    let color = match () {
        () if progress.is_complete() => theme::GREEN,
        () if is_cancelled || progress.is_over() => theme::AMBER,
        () => theme::BLUE,
    };
    let percent = format!("{:.0} %", (progress.fraction() * 100.0).floor());
    let bar_width = area.width - 56.0;
    canvas.bar(Rect::new(area.x, area.y, bar_width, 12.0), progress.fraction(), theme::TRACK, color);
    canvas.text_right(theme::BODY, area.right(), area.y + 11.0, &percent);

    let baseline = area.y + 34.0;
    let mut right = area.right();
    if progress.errors() > 0 {
        let errors = format::counted(progress.errors(), "error");
        let ink = theme::BODY.colored(theme::RED);
        canvas.text_right(ink, right, baseline, &errors);
        right -= canvas.text_width(ink, &errors) + GAP;
    }
    let status = canvas.fitted(theme::NOTE, &format::status(progress), right - area.x);
    canvas.text(theme::NOTE, area.x, baseline, &status);
    baseline + 8.0
}

/// Draws as many workers as there is room for, and leaves some to the log. Returns where they end.
fn workers(canvas: &mut Canvas<'_>, area: Rect, progress: &Progress) -> f32 {
    let workers = progress.workers();
    let columns = match () {
        () if workers.len() > 12 && area.width >= 900.0 => 3,
        () if workers.len() > 4 && area.width >= 520.0 => 2,
        () => 1,
    };
    let for_workers =
        if area.height >= CELL + LEAST_LOG + GAP { area.height - LEAST_LOG - GAP } else { area.height };
    let rows = ((for_workers / CELL).max(0.0) as usize).min(workers.len().div_ceil(columns));
    let shown = (rows * columns).min(workers.len());
    let width = (area.width - GAP * (columns - 1) as f32) / columns as f32;
    for (number, worker) in workers.iter().take(shown).enumerate() {
        // Down the columns, as one reads a list.
        let (row, column) = (number % rows, number / rows);
        let x = area.x + (width + GAP) * column as f32;
        let cell = Rect::new(x, area.y + CELL * row as f32, width, CELL);
        draw_worker(canvas, cell, number, worker, progress);
    }
    let mut bottom = area.y + CELL * rows as f32;
    if shown < workers.len() && rows > 0 {
        let more = format!("and {}", format::counted((workers.len() - shown) as u64, "more worker"));
        canvas.text(theme::NOTE, area.x, bottom + 6.0, &more);
        bottom += 18.0;
    }
    bottom
}

fn draw_worker(canvas: &mut Canvas<'_>, cell: Rect, number: usize, worker: &Worker, progress: &Progress) {
    let baseline = cell.y + 15.0;
    let label = format!("{}", number + 1);
    canvas.text(theme::NOTE.colored(theme::FAINT), cell.x, baseline, &label);
    let left = cell.x + 24.0;

    let state = match () {
        () if worker.is_reading && !progress.is_over() => {
            format!("{} of {}", format::bytes(worker.done), format::bytes(worker.length))
        }
        () => format::counted(worker.files, "file"),
    };
    let state_width = canvas.text_width(theme::NOTE, &state);
    let mut right = cell.right();
    if state_width < (cell.width - 24.0) / 2.0 {
        canvas.text_right(theme::NOTE, right, baseline, &state);
        right -= state_width + GAP;
    }
    let (name, ink) = match &worker.line {
        Some(line) => (progress.name(line), theme::BODY),
        None => ("waiting".to_owned(), theme::NOTE),
    };
    let ink = if progress.is_over() { ink.colored(theme::MUTED) } else { ink };
    let name = canvas.fitted(ink, &name, right - left);
    canvas.text(ink, left, baseline, &name);

    let fraction = match worker.length {
        0 if worker.line.is_some() => 1.0,
        0 => 0.0,
        length => worker.done as f32 / length as f32,
    };
    let color = match () {
        () if progress.is_complete() => theme::GREEN,
        () if worker.is_reading && !progress.is_over() => theme::BLUE,
        // Small files fly by; or it is over.
        () => theme::BLUE_DIM,
    };
    canvas.bar(Rect::new(left, cell.y + 24.0, cell.right() - left, 6.0), fraction, theme::TRACK, color);
}
