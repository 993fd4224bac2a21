//! A call that cannot be interrupted, beside one that can: how long does each run on after its cancel?
//!
//! ```text
//! cargo run -p foreground-windows --example interruptible [-- --headless]
//! ```
//!
//! What to look for:
//! - Both compute the same for some seconds. The one on the left never looks at whether it was cancelled, and
//!   nothing can end a thread by force: its result is only disregarded. The one on the right looks once a round.
//! - The window stays alive in either case, and when it is closed `shutdown` waits for the left one no longer than
//!   it is told to.
//! - `watch` takes tasks of any kind: what differs between the two is only what they look at.

mod common;

use std::error::Error;
use std::fmt::Display;
use std::time::{Duration, Instant};

use eframe::egui;
use foreground::MessageRouter;
use foreground::tasks::{Progress, TaskCancelled, TaskExecutor, TaskFuture, TaskState};

const WORK: Duration = Duration::from_secs(4);

/// Computes until the time is over or `look` ends it; returns how many numbers it has tried.
fn collatz(look: impl Fn() -> Result<(), TaskCancelled>) -> Result<u64, TaskCancelled> {
    let began = Instant::now();
    let mut tried = 0;
    while began.elapsed() < WORK {
        for start in tried + 1..=tried + 1000 {
            let mut n = start;
            while n != 1 {
                n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
            }
        }
        tried += 1000;
        look()?;
    }
    Ok(tried)
}

/// One half of the window.
struct Side {
    name: &'static str,
    state: TaskState,
    cancel: Box<dyn Fn() -> bool>,
    cancelled_at: Option<Instant>,
    result: String,
}

struct App {
    executor: TaskExecutor<App>,
    sides: Vec<Side>,
}

impl App {
    fn start(&mut self) -> Result<(), Box<dyn Error>> {
        self.sides.clear();
        let plain = self.executor.submit_try_call(|| collatz(|| Ok(())))?;
        self.watch("never looks", plain);
        let looking = self.executor.submit_try_progress(|task: &Progress<()>| collatz(|| task.check()))?;
        self.watch("looks once a round", looking);
        Ok(())
    }

    fn watch<M, E: Display>(&mut self, name: &'static str, task: TaskFuture<M, u64, E, App>) {
        let index = self.sides.len();
        task.on_state(move |app: &mut App, state| app.sides[index].state = state);
        task.on_done(move |app, outcome| {
            let side = &mut app.sides[index];
            side.result = match side.cancelled_at {
                Some(at) => format!("ended {:.3} s after the cancel", at.elapsed().as_secs_f64()),
                None => format!("{outcome} numbers tried"),
            };
        });
        let state = task.state();
        let cancel = Box::new(move || task.cancel());
        self.sides.push(Side { name, state, cancel, cancelled_at: None, result: String::new() });
    }

    fn are_all(&self, condition: impl Fn(TaskState) -> bool) -> bool {
        self.sides.iter().all(|side| condition(side.state))
    }
}

impl Side {
    fn cancel(&mut self) {
        if (self.cancel)() {
            self.cancelled_at = Some(Instant::now());
        }
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        ui.strong(self.name);
        ui.horizontal(|ui| {
            if common::button(ui, "Cancel", self.state.is_cancellable()) {
                self.cancel();
            }
            common::state(ui, self.state);
        });
        match self.cancelled_at {
            Some(at) if !self.state.is_done() => {
                ui.label(format!("still runs {:.1} s after the cancel", at.elapsed().as_secs_f64()));
                ui.ctx().request_repaint_after(Duration::from_millis(100)); // no message moves this clock
            }
            _ => _ = ui.label(&self.result),
        }
    }
}

impl common::Program for App {
    const TITLE: &'static str = "interruptible";
    const SIZE: [f32; 2] = [720.0, 240.0];

    fn new(executor: TaskExecutor<Self>) -> Result<Self, Box<dyn Error>> {
        let mut app = Self { executor, sides: Vec::new() };
        app.start()?;
        Ok(app)
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        common::title(ui, "Interruptible or not", "Cancel both. Which one ends?");
        ui.columns(2, |columns| {
            self.sides.iter_mut().zip(columns).for_each(|(side, ui)| side.show(ui));
        });
        ui.add_space(16.0);
        if common::button(ui, "Start again", self.are_all(TaskState::is_done))
            && let Err(error) = self.start()
        {
            common::say::<Self>(error);
        }
    }

    fn run_headless(&mut self, router: &MessageRouter<Self>) -> Result<(), Box<dyn Error>> {
        router.route_until(self, |app| app.are_all(|state| state == TaskState::Executing), None)?;
        self.sides.iter_mut().for_each(Side::cancel);
        router.route_until(self, |app| app.are_all(TaskState::is_done), None)?;
        self.sides.iter().for_each(|side| println!("{}: {}", side.name, side.result));
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    common::run::<App>()
}
