//! Approximates pi by random points, and plots how it gets better while it does.
//!
//! ```text
//! cargo run --release -p foreground-windows --example pi_live
//! cargo run --release -p foreground-windows --example pi_live -- --headless
//! ```
//!
//! What to look for:
//!
//! - `start` below is all there is between an iterator and the window: `submit_iteration`, and a callback that gets
//!   each item and the state. `estimates.rs` knows nothing of threads, `plot.rs` nothing of tasks.
//! - The iterator never ends. Stop, and closing the window, end it before its next item.
//! - The items set the pace by their size, and nobody sleeps. `History` keeps its memory bounded.

#[path = "../common/mod.rs"]
mod common;
mod estimates;
mod plot;

use std::error::Error;
use std::io::{self, Write as _};

use eframe::egui;
use foreground::MessageRouter;
use foreground::tasks::{IterationFuture, TaskExecutor, TaskOutcome, TaskState};

use crate::estimates::{Estimate, Estimates, History};

/// Without a window, after so many items it is enough.
const HEADLESS_ITEMS: usize = 20;

struct PiLive {
    executor: TaskExecutor<Self>,
    task: Option<IterationFuture<Estimate, Self>>,
    history: History,
    /// How often it was started; each start throws other points.
    starts: u64,
    trouble: Option<String>,
}

impl PiLive {
    fn start(&mut self, items: usize) {
        self.history = History::new();
        self.starts += 1;
        let seed = self.starts;
        match self.executor.submit_iteration(move || Estimates::new(seed).take(items)) {
            Ok(task) => {
                task.on_item(|app: &mut Self, estimate| app.history.push(estimate));
                task.on_done(|app: &mut Self, outcome| {
                    if let TaskOutcome::Panicked { message, .. } = outcome {
                        app.trouble = Some(message);
                    }
                });
                self.task = Some(task);
            }
            Err(error) => self.trouble = Some(error.to_string()),
        }
    }

    fn state(&self) -> Option<TaskState> {
        self.task.as_ref().map(|task| task.state())
    }

    fn is_running(&self) -> bool {
        self.state().is_some_and(|state| !state.is_done())
    }
}

impl common::Program for PiLive {
    const TITLE: &'static str = "pi_live";
    const SIZE: [f32; 2] = [760.0, 520.0];

    fn new(executor: TaskExecutor<Self>) -> Result<Self, Box<dyn Error>> {
        Ok(Self { executor, task: None, history: History::new(), starts: 0, trouble: None })
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        common::title(
            ui,
            "Pi by chance",
            "The share of random points that fall into a quarter circle is pi / 4.",
        );
        ui.horizontal(|ui| {
            if common::button(ui, "Start", !self.is_running()) {
                self.start(usize::MAX);
            }
            if common::button(ui, "Stop", self.state().is_some_and(TaskState::is_cancellable))
                && let Some(task) = &self.task
            {
                task.cancel();
            }
            if let Some(trouble) = &self.trouble {
                ui.colored_label(common::RED, trouble);
            } else if let Some(newest) = self.history.newest() {
                ui.label(sentence(&newest));
            }
        });
        ui.add_space(8.0);
        plot::show(ui, &self.history);
    }

    fn run_headless(&mut self, router: &MessageRouter<Self>) -> Result<(), Box<dyn Error>> {
        self.start(HEADLESS_ITEMS);
        router.route_until(self, |app| !app.is_running(), None)?;
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble.into());
        }
        let newest = self.history.newest().ok_or("there was no estimate")?;
        writeln!(io::stdout(), "{}; off by {:+.1} standard errors", sentence(&newest), newest.deviation())?;
        Ok(())
    }
}

fn sentence(estimate: &Estimate) -> String {
    let Estimate { points, pi, standard_error } = estimate;
    format!("pi is {pi:.6} ± {standard_error:.6} after {} million points", points / 1_000_000)
}

fn main() -> Result<(), Box<dyn Error>> {
    common::run::<PiLive>()
}
