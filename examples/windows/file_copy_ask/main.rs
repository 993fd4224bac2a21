//! Copies a folder, and asks before it overwrites a file.
//!
//! ```text
//! cargo run -p foreground-windows --example file_copy_ask -- FROM TO
//! cargo run -p foreground-windows --example file_copy_ask -- --headless --overwrite=ask FROM TO
//! cargo run -p foreground-windows --example file_copy_ask                  # a small folder made for it
//! ```
//!
//! What to look for:
//!
//! - `copier.rs` reads like a program without a window: it copies, reports, and in the middle calls
//!   `progress.ask(Overwrite { .. })?`, which returns the answer. Meanwhile the window goes on.
//! - `start` below connects it: progress, questions and the end, each a callback with `&mut App`.
//! - `window.rs` keeps a question with its `Answer` until the user clicks; `terminal.rs` answers from a thread that
//!   reads a line. The copier cannot tell one from the other.
//! - Cancel, and closing the window, end it between two chunks or in the middle of a question. A file is written
//!   beside its target and renamed at the end, so none is ever half there.
//!
//! Links are copied as links, and never followed. See `--help` for options and exit codes.

#[path = "../common/mod.rs"]
mod common;
mod copier;
mod demo;
mod options;
mod problem;
mod terminal;
mod window;

use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use foreground::tasks::{Answer, ProgressFuture, TaskExecutor, TaskOutcome};

use crate::copier::{CopyError, News, Overwrite, Policy, Reply, Status};
use crate::demo::Demo;
use crate::options::{Command, Options};
use crate::problem::Problem;

/// So many problems are kept to be shown; all are counted.
const PROBLEMS_KEPT: usize = 1_000;

struct App {
    executor: TaskExecutor<Self>,
    options: Options,
    from: PathBuf,
    to: PathBuf,
    task: Option<ProgressFuture<News, Status, Self, CopyError>>,
    status: Status,
    problems: Vec<Problem>,
    dialog: Option<Dialog>,
    end: Option<End>,
    /// Kept until the program ends.
    _demo: Option<Demo>,
}

/// A question that waits for its answer.
struct Dialog {
    question: Overwrite,
    answer: Answer<Reply>,
    for_all: bool,
}

/// How it ended.
enum End {
    Done,
    Cancelled,
    Failed(String),
}

impl App {
    fn new(executor: TaskExecutor<Self>) -> Result<Self, Box<dyn Error>> {
        let options = match options::parse(std::env::args_os().skip(1))? {
            Command::Run(options) => options,
            Command::Help => return Err("there is nothing to copy".into()),
        };
        let (from, to, demo) = match &options.folders {
            Some((from, to)) => (from.clone(), to.clone(), None),
            None => {
                let demo = Demo::make()?;
                (demo.from(), demo.to(), Some(demo))
            }
        };
        Ok(Self {
            executor,
            options,
            from,
            to,
            task: None,
            status: Status::default(),
            problems: Vec::new(),
            dialog: None,
            end: None,
            _demo: demo,
        })
    }

    /// Starts the copy; with what to do about files that are there, if the user did not say so.
    fn start(&mut self, default: Policy) {
        let (from, to) = (self.from.clone(), self.to.clone());
        let policy = self.options.policy.unwrap_or(default);
        let task =
            self.executor.submit_try_progress(move |progress| copier::copy(&from, &to, policy, progress));
        match task {
            Ok(task) => {
                task.on_progress(Self::on_news);
                task.on_done(Self::on_done);
                self.task = Some(task);
            }
            Err(error) => self.end = Some(End::Failed(error.to_string())),
        }
    }

    fn cancel(&mut self) {
        // First: a question whose answer is dropped without it would count as unanswered, and the copy go on.
        if let Some(task) = &self.task {
            task.cancel();
        }
        self.dialog = None;
    }

    fn on_news(&mut self, news: News) {
        match news {
            News::Status(status) => self.status = status,
            News::Problem(problem) if self.problems.len() < PROBLEMS_KEPT => self.problems.push(problem),
            News::Problem(_) => {}
        }
    }

    fn on_done(&mut self, outcome: TaskOutcome<Status, CopyError>) {
        self.dialog = None;
        self.end = Some(match outcome {
            TaskOutcome::Completed(status) => {
                self.status = status;
                End::Done
            }
            TaskOutcome::Failed(CopyError::Problem(problem)) => End::Failed(problem.to_string()),
            TaskOutcome::Failed(CopyError::Cancelled) | TaskOutcome::Cancelled => End::Cancelled,
            TaskOutcome::Panicked { message, .. } => End::Failed(format!("this is a bug: {message}")),
            _ => End::Failed("it ended in an unknown way".into()),
        });
    }

    /// The result in one line.
    fn summary(&self) -> String {
        let Status { copied, skipped, failed, bytes, .. } = self.status;
        format!("copied {copied}, skipped {skipped}, failed {failed}, {bytes} bytes")
    }
}

fn main() -> ExitCode {
    let result = match options::parse(std::env::args_os().skip(1)) {
        Ok(Command::Run(_)) => common::run::<App>(),
        Ok(Command::Help) => write!(io::stdout(), "{}", options::HELP).map_err(Into::into),
        Err(error) => {
            say(format_args!("{error}\nTry --help."));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(error);
            ExitCode::FAILURE
        }
    }
}

/// Prints a line to the standard error; `eprintln!` would panic if that was closed.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "file_copy_ask: {line}");
}
