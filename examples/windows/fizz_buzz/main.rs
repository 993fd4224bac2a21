//! Plays fizz-buzz as a kind of task of its own: three types of message, and a future with a callback for each.
//!
//! ```text
//! cargo run -p foreground-windows --example fizz_buzz
//! cargo run -p foreground-windows --example fizz_buzz -- --headless
//! ```
//!
//! What to look for:
//!
//! - `game.rs` is the new kind: what runs on the worker, and the future around `TaskFuture`. The crate's own kinds
//!   are written the same way.
//! - `start` below uses it as one uses those: submit, set callbacks, cancel.
//! - Cancel answers at once, though the task sleeps most of the time: it sleeps by its context.

#[path = "../common/mod.rs"]
mod common;
mod game;

use std::error::Error;
use std::io::{self, Write as _};
use std::time::Duration;

use eframe::egui::{self, Align2, Color32, FontId, Sense, vec2};
use foreground::MessageRouter;
use foreground::tasks::{TaskExecutor, TaskOutcome, TaskState};

use crate::game::{FizzBuzz, FizzBuzzFuture};

const UP_TO: u64 = 100;
/// The ink of numbers that were not reached yet.
const LATER: Color32 = Color32::from_rgb(0xa3, 0xaa, 0xb5);
const COLUMNS: u64 = 10;
const PAUSE: Duration = Duration::from_millis(150);
/// Without a window nobody wants to wait.
const HEADLESS_UP_TO: u64 = 30;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Fizz,
    Buzz,
    FizzBuzz,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Fizz => "Fizz",
            Self::Buzz => "Buzz",
            Self::FizzBuzz => "FizzBuzz",
        }
    }

    fn color(self) -> Color32 {
        match self {
            Self::Fizz => common::BLUE,
            Self::Buzz => common::GREEN,
            Self::FizzBuzz => common::RED,
        }
    }
}

struct Game {
    executor: TaskExecutor<Self>,
    task: Option<FizzBuzzFuture<Self>>,
    /// What was heard, by number.
    heard: Vec<(u64, Kind)>,
    trouble: Option<String>,
}

impl Game {
    fn start(&mut self, up_to: u64, pause: Duration) {
        self.heard.clear();
        match FizzBuzzFuture::submit(&self.executor, FizzBuzz { up_to, pause }) {
            Ok(task) => {
                task.on_fizz(|app: &mut Self, n| app.heard.push((n, Kind::Fizz)));
                task.on_buzz(|app, n| app.heard.push((n, Kind::Buzz)));
                task.on_fizz_buzz(|app, n| app.heard.push((n, Kind::FizzBuzz)));
                task.on_done(|app, outcome| {
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
        self.task.as_ref().map(FizzBuzzFuture::state)
    }

    fn is_running(&self) -> bool {
        self.state().is_some_and(|state| !state.is_done())
    }

    fn count(&self, kind: Kind) -> usize {
        self.heard.iter().filter(|(_, heard)| *heard == kind).count()
    }

    fn score(&self) -> String {
        let [fizz, buzz, fizz_buzz] = [Kind::Fizz, Kind::Buzz, Kind::FizzBuzz].map(|kind| self.count(kind));
        format!("{fizz} Fizz, {buzz} Buzz, {fizz_buzz} FizzBuzz")
    }
}

impl common::Program for Game {
    const TITLE: &'static str = "fizz_buzz";
    const SIZE: [f32; 2] = [760.0, 540.0];

    fn new(executor: TaskExecutor<Self>) -> Result<Self, Box<dyn Error>> {
        Ok(Self { executor, task: None, heard: Vec::new(), trouble: None })
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        common::title(ui, "Fizz-buzz", "A kind of task of its own, with three types of message.");
        ui.horizontal(|ui| {
            if common::button(ui, "Start", !self.is_running()) {
                self.start(UP_TO, PAUSE);
            }
            if common::button(ui, "Cancel", self.state().is_some_and(TaskState::is_cancellable))
                && let Some(task) = &self.task
            {
                task.cancel();
            }
            if let Some(state) = self.state() {
                common::state(ui, state);
                ui.label(self.score());
            }
            if let Some(trouble) = &self.trouble {
                ui.colored_label(common::RED, trouble);
            }
        });
        ui.add_space(8.0);
        self.show_numbers(ui);
    }

    fn run_headless(&mut self, router: &MessageRouter<Self>) -> Result<(), Box<dyn Error>> {
        self.start(HEADLESS_UP_TO, Duration::ZERO);
        router.route_until(self, |app| !app.is_running(), None)?;
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble.into());
        }
        let mut stdout = io::stdout().lock();
        for (n, kind) in &self.heard {
            writeln!(stdout, "{n} {}", kind.name())?;
        }
        writeln!(stdout, "{}", self.score())?;
        Ok(())
    }
}

impl Game {
    /// A field for each number: those that were heard in their colour, those that were passed in black.
    fn show_numbers(&self, ui: &mut egui::Ui) {
        let (area, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
        let field = area.size() / vec2(COLUMNS as f32, (UP_TO / COLUMNS) as f32);
        let passed = self.heard.last().map_or(0, |(n, _)| *n);
        let mut heard = self.heard.iter().peekable();
        for n in 1..=UP_TO {
            let (row, column) = ((n - 1) / COLUMNS, (n - 1) % COLUMNS);
            let corner = area.min + field * vec2(column as f32, row as f32);
            let rect = egui::Rect::from_min_size(corner, field).shrink(2.0);
            let (text, ink, paper) = match heard.next_if(|(heard, _)| *heard == n) {
                Some((_, kind)) => (kind.name().to_owned(), Color32::WHITE, kind.color()),
                None if n < passed => (n.to_string(), Color32::BLACK, Color32::WHITE),
                None => (n.to_string(), LATER, Color32::WHITE),
            };
            ui.painter().rect_filled(rect, 4.0, paper);
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, FontId::proportional(14.0), ink);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    common::run::<Game>()
}
