//! Several workers hash every file below some folders, and a window shows how they get on.
//!
//! ```text
//! cargo run --release --example worker_progress -- [--headless] [--json] [--workers N] [FOLDER...]
//! ```
//!
//! What to look for:
//! - `job.rs` opens one pipe for each thread, sets the callbacks, and starts the threads. That is all
//!   that is needed to bring their messages home; nothing else in the program knows of threads.
//! - `scanner.rs` and `hasher.rs` are the threads. Each says what it has to say in an enum of its own.
//! - `progress.rs` is what the callbacks keep: plain data, no lock, no `Rc<RefCell<..>>`.
//! - `window/` draws it. winit drives the router by way of [`Routed`]; see `run_in_window` below.
//! - `headless.rs` shows the same in a terminal. There `route_until` drives the router. When the display
//!   is missing, or goes away in the middle, the same router and the same threads go on that way.
//! - `finish` below is the clean end, whatever came before: tell the threads, route until the last pipe
//!   has ended, join, stop. Closing the window in the middle of the work is nothing special.
//! - `listing.rs` proves that nothing was lost and nothing came twice: every hash arrives as a message,
//!   and together they must have the digest of what `sha256sum` prints.
//!
//! With `--json`, the last line on the standard output is
//! `{"files":N,"bytes":N,"errors":N,"digest":"HEX"}`: the files and bytes that were hashed, the files and
//! folders that could not be read, and the SHA-256 of what this prints in the folder:
//!
//! ```text
//! find . -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum
//! ```
//!
//! With several folders it is that of all their listings, one after the other in the order given; after
//! a cancel, of what was hashed until then. Errors and a summary go to the standard error.
//!
//! Exit codes:
//! - 0: all done
//! - 1: done, but some files or folders could not be read
//! - 2: wrong usage, such as an unknown option
//! - 3: cancelled or closed before the end
//!
//! Without a display, this says so and does the job in the terminal. So it does when the display goes away in
//! the middle; see `window/last_resort.rs` for the hard case. With `--json` the window closes by itself when
//! all is done.

mod app;
mod format;
mod hasher;
mod headless;
mod job;
mod listing;
mod options;
mod progress;
mod scanner;
mod window;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use foreground::event_loop::winit_030::Routed;
use foreground::{MessageRouter, RouteUntilError};

use crate::app::App;
use crate::job::Job;
use crate::options::{Command, Options};
use crate::window::EventLoop;

/// How long threads that were told to stop may take. Only a read that hangs, on a dead network drive,
/// say, takes longer than a moment.
const GRACE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os().skip(1)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Help) => {
            let _ = write!(io::stdout(), "{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            say(format_args!("{error}\nTry --help."));
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(code) => code,
        Err(error) => {
            say(error);
            ExitCode::from(1)
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let event_loop = if options.headless {
        None
    } else {
        window::make_event_loop()
            .map_err(|error| say(format_args!("{error}; going on without a window")))
            .ok()
    };
    let mut app = App::new(options);
    // The one difference between the two is who wakes up when a message comes in.
    let (router, job) = match event_loop {
        Some(event_loop) => {
            let router = MessageRouter::new(event_loop.create_proxy());
            router.start()?;
            let job = Job::start(&router, &mut app, options)?;
            app = run_in_window(event_loop, &router, app);
            (router, job)
        }
        None => {
            // `route_until` waits by itself and needs no waker.
            let router = MessageRouter::new(|| {});
            router.start()?;
            let job = Job::start(&router, &mut app, options)?;
            (router, job)
        }
    };
    finish(&router, job, &mut app)?;
    report(&app, options)
}

/// Shows the window until it is closed, or until the display fails.
fn run_in_window(event_loop: EventLoop, router: &MessageRouter<App>, app: App) -> App {
    // `Routed` dispatches and settles at the right places; `App` need not think of it.
    let mut routed = Routed::new(router.clone(), app);
    let result = window::run(event_loop, &mut routed);
    let (_, mut app) = routed.into_parts();
    if let Err(error) = result.and_then(|()| app.take_window_error().map_or(Ok(()), Err)) {
        say(format_args!("{error}; going on without a window"));
    } else {
        app.cancel();
    }
    app
}

/// Brings the job to its end: by itself, or soon if it was cancelled. Loses nothing on the way.
fn finish(router: &MessageRouter<App>, job: Job, app: &mut App) -> Result<(), RouteUntilError> {
    // From here on the router is driven by hand, whether an event loop drove it before or not.
    if app.is_cancelled() {
        match router.route_until(app, |app| app.progress.is_over(), GRACE) {
            // A thread hangs in the system. Joining it would hang as well; the process ends without it.
            Err(RouteUntilError::Timeout) => say("a thread does not come back; leaving it behind"),
            other => {
                other?;
                job.join();
            }
        }
    } else {
        headless::run(router, app)?;
        job.join();
    }
    // Every pipe has ended, so nothing is discarded here; `stop` would log a warning if it were.
    let _ = router.stop();
    Ok(())
}

fn report(app: &App, options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let progress = &app.progress;
    for error in progress.untold_errors() {
        say(error);
    }
    say(format::summary(progress, app.is_cancelled()));
    if options.json {
        writeln!(io::stdout(), "{}", progress.json())?;
    }
    Ok(ExitCode::from(match () {
        () if progress.is_complete() && progress.errors() == 0 => 0,
        () if app.is_cancelled() && !progress.is_complete() => 3,
        () => 1,
    }))
}

/// Prints a line to the standard error; `eprintln!` would panic if that was closed.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "worker_progress: {line}");
}
