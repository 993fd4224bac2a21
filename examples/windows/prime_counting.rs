//! Counts the primes below a limit, with a bar that a busy worker cannot flood.
//!
//! ```text
//! cargo run --release -p foreground-windows --example prime_counting [-- [--headless] [LIMIT]]
//! ```
//!
//! What to look for:
//! - The worker reports some hundred thousand times a second by `report_latest`, of which the window sees the newest,
//!   once a frame; the last report always comes before the end.
//! - `?` on a report is all that Cancel needs: the task ends there. So it does when the window is closed.
//! - Rate and time left are the foreground's arithmetic: the worker says where it is, and no more.

mod common;

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};

use eframe::egui;
use foreground::MessageRouter;
use foreground::tasks::{AskError, Progress, ProgressFuture, TaskExecutor, TaskState};

const LIMIT: u64 = 30_000_000;

/// How far the worker is.
#[derive(Clone, Copy, Default)]
struct Step {
    tested: u64,
    found: u64,
}

/// Runs on a worker.
fn count_primes(limit: u64, progress: &Progress<Step>) -> Result<u64, AskError> {
    let is_prime = |n: u64| n > 1 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    let mut found = 0;
    for n in 0..limit {
        found += u64::from(is_prime(n));
        progress.report_latest(Step { tested: n + 1, found })?;
    }
    Ok(found)
}

struct App {
    executor: TaskExecutor<App>,
    limit: u64,
    job: ProgressFuture<Step, u64, App>,
    step: Step,
    began: Instant,
    took: Duration,
    status: String,
}

fn submit(
    executor: &TaskExecutor<App>,
    limit: u64,
) -> Result<ProgressFuture<Step, u64, App>, Box<dyn Error>> {
    let job = executor.submit_progress(move |progress| count_primes(limit, progress))?;
    job.on_progress(|app: &mut App, step| {
        app.step = step;
        app.took = app.began.elapsed();
        app.status = app.rate_and_time_left();
    });
    job.on_done(|app, outcome| {
        app.took = app.began.elapsed();
        app.status = match outcome.completed() {
            Some(primes) => format!("{primes} primes below {} in {:.1?}", app.limit, app.took),
            None => format!("cancelled after {} of {}", app.step.tested, app.limit),
        };
    });
    Ok(job)
}

impl App {
    fn rate_and_time_left(&self) -> String {
        let rate = self.step.tested as f64 / self.took.as_secs_f64().max(1e-9);
        let left = (self.limit - self.step.tested) as f64 / rate.max(1.0);
        format!("{:.0} thousand numbers a second, about {left:.0} s left", rate / 1000.0)
    }

    fn start_again(&mut self) -> Result<(), Box<dyn Error>> {
        self.job = submit(&self.executor, self.limit)?;
        (self.step, self.began, self.took) = (Step::default(), Instant::now(), Duration::ZERO);
        Ok(())
    }
}

impl common::Program for App {
    const TITLE: &'static str = "prime_counting";
    const SIZE: [f32; 2] = [640.0, 220.0];

    fn new(executor: TaskExecutor<Self>) -> Result<Self, Box<dyn Error>> {
        let limit = env::args().skip(1).find(|argument| !argument.starts_with("--"));
        let limit = limit.map_or(Ok(LIMIT), |limit| limit.parse())?;
        let job = submit(&executor, limit)?;
        let (began, took) = (Instant::now(), Duration::ZERO);
        Ok(Self { executor, limit, job, step: Step::default(), began, took, status: String::new() })
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        common::title(ui, "Prime counting", &format!("How many primes are there below {}?", self.limit));
        let state = self.job.state();
        let fraction = self.step.tested as f64 / self.limit.max(1) as f64;
        let found = format!("{} primes so far, {:.1} %", self.step.found, 100.0 * fraction);
        common::bar(ui, fraction as f32, common::state_color(state), &found);
        ui.label(&self.status);
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            if common::button(ui, "Cancel", state.is_cancellable()) {
                self.job.cancel();
            }
            if common::button(ui, "Count again", state.is_done())
                && let Err(error) = self.start_again()
            {
                self.status = error.to_string();
            }
            common::state(ui, state);
        });
    }

    fn run_headless(&mut self, router: &MessageRouter<Self>) -> Result<(), Box<dyn Error>> {
        router.route_until(self, |app| app.job.state().is_done(), None)?;
        println!("{}", self.status);
        if self.job.state() == TaskState::Completed { Ok(()) } else { Err(self.status.clone().into()) }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    common::run::<App>()
}
