//! Squares that take their time, each as a task of its own: a table with their states, and buttons to cancel them.
//!
//! ```text
//! cargo run -p foreground-windows --example slow_squares [-- --headless]
//! ```
//!
//! What to look for:
//! - Two threads work, so some tasks wait. One that is cancelled while it waits never runs; one that is cancelled
//!   while it runs is `cancelling` until the call returns, for such a call does not look.
//! - One task fails, with a typed error; another one panics, and its thread goes on with the next.
//! - `submit` below is all there is of threads: a closure to run, and a callback for the end.

mod common;

use std::error::Error;
use std::fmt;
use std::thread;
use std::time::Duration;

use eframe::egui;
use foreground::MessageRouter;
use foreground::tasks::{CallFuture, TaskExecutor, TaskOutcome};

const NUMBERS: [u64; 7] = [7, 4_294_967_296, 13, 12, 100, 9, 21];

/// Why a number has no square here.
#[derive(Debug)]
struct TooLarge(u64);

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the square of {} needs more than 64 bits", self.0)
    }
}

impl Error for TooLarge {}

/// Runs on a worker.
fn slow_square(number: u64) -> Result<u64, TooLarge> {
    thread::sleep(Duration::from_millis(1200)); // stands for hard work
    assert!(number != 13, "13 is unlucky");
    number.checked_mul(number).ok_or(TooLarge(number))
}

struct Job {
    number: u64,
    future: CallFuture<u64, App, TooLarge>,
    result: String,
}

struct App {
    executor: TaskExecutor<App>,
    jobs: Vec<Job>,
    field: String,
    complaint: String,
}

impl App {
    fn submit(&mut self, number: u64) -> Result<(), Box<dyn Error>> {
        let future = self.executor.submit_try_call(move || slow_square(number))?;
        let row = self.jobs.len();
        future.on_done(move |app: &mut App, outcome| {
            app.jobs[row].result = match outcome {
                TaskOutcome::Failed(error) => error.to_string(), // a `TooLarge`
                TaskOutcome::Cancelled => String::new(),
                other => other.to_string(),
            };
        });
        self.jobs.push(Job { number, future, result: String::new() });
        Ok(())
    }

    fn submit_field(&mut self) -> Result<(), Box<dyn Error>> {
        self.submit(self.field.trim().parse()?)
    }
}

impl common::Program for App {
    const TITLE: &'static str = "slow_squares";
    const SIZE: [f32; 2] = [880.0, 560.0];

    fn new(executor: TaskExecutor<Self>) -> Result<Self, Box<dyn Error>> {
        let mut app = Self { executor, jobs: Vec::new(), field: "25".into(), complaint: String::new() };
        NUMBERS.iter().try_for_each(|&number| app.submit(number))?;
        Ok(app)
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        common::title(ui, "Slow squares", "Two threads square numbers; each takes more than a second.");
        ui.horizontal(|ui| {
            let field = egui::TextEdit::singleline(&mut self.field).margin(egui::vec2(8.0, 6.0));
            let field = ui.add_sized([160.0, 30.0], field);
            let enter = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            if common::button(ui, "Submit", true) || enter {
                self.complaint = self.submit_field().err().map(|error| error.to_string()).unwrap_or_default();
            }
            let can_cancel = self.jobs.iter().any(|job| job.future.state().is_cancellable());
            if common::button(ui, "Cancel all", can_cancel) {
                self.jobs.iter().for_each(|job| _ = job.future.cancel());
            }
            ui.colored_label(common::RED, &self.complaint);
        });
        ui.separator();
        egui::ScrollArea::vertical().auto_shrink(false).stick_to_bottom(true).show(ui, |ui| {
            for job in &self.jobs {
                ui.horizontal(|ui| {
                    let state = job.future.state();
                    common::cell(ui, 100.0, |ui| _ = ui.label(job.number.to_string()));
                    common::cell(ui, 110.0, |ui| common::state(ui, state));
                    common::cell(ui, 470.0, |ui| _ = ui.add(egui::Label::new(&job.result).truncate()));
                    if common::button(ui, "Cancel", state.is_cancellable()) {
                        job.future.cancel();
                    }
                });
            }
        });
    }

    fn run_headless(&mut self, router: &MessageRouter<Self>) -> Result<(), Box<dyn Error>> {
        router.route_until(self, |app| app.jobs.iter().all(|job| job.future.state().is_done()), None)?;
        for Job { number, future, result } in &self.jobs {
            println!("{number}: {}: {result}", future.state());
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    common::run::<App>()
}
