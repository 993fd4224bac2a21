//! Hashes the files below a folder in several processes, each of which you can crash: its bar says so, the others go
//! on, and they take its files over.
//!
//! ```text
//! cargo run --release -p foreground-windows --features process --example process_workers -- [FOLDER]
//! cargo run --release -p foreground-windows --features process --example process_workers -- --headless --crash [FOLDER]
//! ```
//!
//! What to look for:
//!
//! - `worker.rs` has the functions that run in other processes. They report and ask as they would in threads.
//! - `main` below registers them. `serve_if_worker` makes the same program a worker, where it was started as one.
//! - `start` in `job.rs` submits one, with the callbacks that a task in a thread has. A crash is one arm in `on_done`: all
//!   that the worker had told has come by then, so no file is lost, and none is counted twice.
//! - A worker asks for files. Its question is kept, with the `Answer`, while a crash may still bring files back.
//!
//! At the end it prints `{"files":N,"bytes":N,"errors":N,"crashed":N,"digest":"HEX"}`. The digest is what this prints in the
//! folder, if the names in it are plain: `find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`

#[allow(unused)]
#[path = "../common/mod.rs"]
mod common;
mod job;
mod options;
mod window;
mod worker;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use foreground::MessageRouter;
use foreground::process::Functions;

use crate::job::App;
use crate::options::{Options, USAGE};
use crate::worker::{MoreFiles, Registered};

fn main() -> ExitCode {
    let mut functions = Functions::new();
    let find = functions.iteration("find", worker::find);
    let hash = functions.progress("hash", worker::hash).asks::<MoreFiles>();
    // In a worker's process, this does not return.
    functions.serve_if_worker();

    match run(Registered { find, hash }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(error);
            ExitCode::FAILURE
        }
    }
}

fn run(functions: Registered) -> Result<(), Box<dyn Error>> {
    let options = match options::parse(std::env::args_os().skip(1))? {
        Some(options) => options,
        None => return Ok(writeln!(io::stdout(), "{USAGE}")?),
    };
    if options.headless {
        return run_headless(functions, options);
    }
    if !common::has_display() {
        say("there is no display; going on without a window");
        return run_headless(functions, options);
    }
    window::run(functions, options)
}

fn run_headless(functions: Registered, options: Options) -> Result<(), Box<dyn Error>> {
    // `route_until` waits by itself and needs no waker.
    let router = MessageRouter::new(|| {});
    router.start()?;
    let mut app = App::new(&router, functions, options)?;
    router.route_until(&mut app, |app| app.is_over(), None)?;
    app.workers.iter().for_each(|worker| say(worker.status(&app)));
    app.finish()
}

/// Prints a line to the standard error; `eprintln!` would panic if that was closed.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "process_workers: {line}");
}
