//! The copy in a window: bars, a dialog for questions, a list of problems.

use std::error::Error;
use std::fs::Metadata;

use eframe::egui::{self, Button, Color32, Label, RichText, ScrollArea, Sense, vec2};
use foreground::MessageRouter;
use foreground::tasks::{TaskExecutor, TaskState};

use crate::common::{self, AMBER, BLUE, GRAY, GREEN, Program, RED};
use crate::copier::{Overwrite, Policy, Reply, Status};
use crate::{App, Dialog, End, terminal};

impl Program for App {
    const TITLE: &'static str = "file_copy_ask";
    const SIZE: [f32; 2] = [760.0, 480.0];

    fn new(executor: TaskExecutor<Self>) -> Result<Self, Box<dyn Error>> {
        Self::new(executor)
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        if self.task.is_none() && self.end.is_none() {
            self.start(Policy::Ask);
            if let Some(task) = &self.task {
                task.on_ask(|app: &mut Self, question, answer| {
                    app.dialog = Some(Dialog { question, answer, for_all: false });
                });
            }
        }
        let what = format!("from {} to {}", self.from.display(), self.to.display());
        common::title(ui, "Copy a folder", &what);
        self.show_bars(ui);
        ui.horizontal(|ui| {
            let state = self.task.as_ref().map(|task| task.state());
            if common::button(ui, "Cancel", state.is_some_and(TaskState::is_cancellable)) {
                self.cancel();
            }
            match &self.end {
                None => ui.add(Label::new(self.status.current.display().to_string()).truncate()),
                Some(End::Done) => ui.colored_label(GREEN, format!("done: {}", self.summary())),
                Some(End::Cancelled) => ui.colored_label(AMBER, format!("cancelled: {}", self.summary())),
                Some(End::Failed(why)) => ui.colored_label(RED, why),
            };
        });
        ui.add_space(8.0);
        ScrollArea::vertical().auto_shrink(false).stick_to_bottom(true).show(ui, |ui| {
            for problem in &self.problems {
                ui.horizontal_top(|ui| {
                    let (dot, _) = ui.allocate_exact_size(vec2(10.0, 18.0), Sense::hover());
                    ui.painter().circle_filled(dot.center(), 5.0, RED);
                    ui.add(Label::new(problem.to_string()).wrap());
                });
            }
        });
        self.show_dialog(ui.ctx());
    }

    fn run_headless(&mut self, router: &MessageRouter<Self>) -> Result<(), Box<dyn Error>> {
        terminal::run(self, router)
    }
}

impl App {
    fn show_bars(&self, ui: &mut egui::Ui) {
        let Status { bytes_done, bytes_in_all, files_in_all, .. } = self.status;
        let files_done = self.status.files_done();
        let color = match self.end {
            None => BLUE,
            Some(End::Done) => GREEN,
            Some(End::Cancelled) => AMBER,
            Some(End::Failed(_)) => RED,
        };
        let files = format!("{files_done} of {files_in_all} files");
        common::bar(ui, fraction(files_done, files_in_all), color, &files);
        let bytes = format!("{} of {}", size(bytes_done), size(bytes_in_all));
        common::bar(ui, fraction(bytes_done, bytes_in_all), color, &bytes);
        ui.add_space(4.0);
    }

    fn show_dialog(&mut self, context: &egui::Context) {
        let Some(dialog) = &mut self.dialog else { return };
        let (mut overwrite, mut skip, mut cancel) = (false, false, false);
        let frame = egui::Frame::popup(&context.global_style()).inner_margin(20.0);
        egui::Modal::new(egui::Id::unique("overwrite")).frame(frame).show(context, |ui| {
            ui.set_width(460.0);
            ui.heading("Overwrite?");
            ui.label(text(&dialog.question));
            ui.checkbox(&mut dialog.for_all, "Apply to all that follow");
            ui.add_space(8.0);
            ui.horizontal(|ui| {
                overwrite = colored_button(ui, "Overwrite", BLUE);
                skip = colored_button(ui, "Skip", GRAY);
                cancel = colored_button(ui, "Cancel", RED);
            });
        });
        if cancel {
            self.cancel();
        } else if (overwrite || skip)
            && let Some(Dialog { answer, for_all, .. }) = self.dialog.take()
        {
            answer.reply(Reply { overwrite, for_all });
        }
    }
}

/// The question, as the window and the terminal put it.
pub(crate) fn text(question: &Overwrite) -> String {
    let Overwrite { target, old, new } = question;
    let age = |metadata: &Metadata| metadata.modified().ok();
    let which = match age(new).cmp(&age(old)) {
        std::cmp::Ordering::Greater => "newer",
        std::cmp::Ordering::Less => "older",
        std::cmp::Ordering::Equal => "of the same age",
    };
    let (old, new) = (size(old.len()), size(new.len()));
    format!("{} is there already, {old}. The one to copy is {which}, {new}.", target.display())
}

fn colored_button(ui: &mut egui::Ui, text: &str, color: Color32) -> bool {
    let text = RichText::new(text).color(Color32::WHITE);
    ui.add(Button::new(text).fill(color).min_size(vec2(96.0, 30.0))).clicked()
}

fn fraction(done: u64, of: u64) -> f32 {
    // With nothing to do, all is done.
    if of == 0 { 1.0 } else { (done as f64 / of as f64) as f32 }
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes}\u{a0}B"), // no line ends between a number and its unit
        1_000..1_000_000 => format!("{:.1}\u{a0}kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}\u{a0}MB", bytes as f64 / 1e6),
        _ => format!("{:.1}\u{a0}GB", bytes as f64 / 1e9),
    }
}
