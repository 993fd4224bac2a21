//! Runs the plays: each in a process of its own.

use std::io::{self, Write};
use std::process::{self, Command, ExitCode};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use super::Host;
use super::cases::{self, Case};
use super::play::{Opening, Play};
use super::verdict::Faults;
use crate::waker::SwitchedWaker;

/// A play that takes longer has lost a message or a wake.
const TIME_LIMIT: Duration = Duration::from_secs(90);

/// A play, for the host `H`.
struct Entry {
    name: &'static str,
    needs_window: bool,
    run: fn() -> bool,
}

/// The `main` of a test without a harness: runs the plays on the host `H`, and tells which passed.
///
/// It takes the arguments that `cargo test` and `cargo nextest` give to a test: `--list`, and names (parts of names, or
/// whole with `--exact`) of the plays to run, or with `--skip` not to run. Each play is run in a process of its own, by starting the program again;
/// with `--exact` and one name, it is run in this process, on this thread, and prints its figures.
///
/// A play that hangs ends its process after 90 s, and tells what it has found to be wrong so far.
///
/// # Examples
///
/// See the [module](crate::testing::conformance).
pub fn main<H: Host>() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let is_exact = has("--exact");
    let (names, skipped) = names(&arguments);
    let is_wanted = |entry: &Entry| {
        let matches = |name: &&str| if is_exact { entry.name == *name } else { entry.name.contains(name) };
        (H::HAS_WINDOW || !entry.needs_window)
            && !has("--ignored") // none ever is
            && (names.is_empty() || names.iter().any(matches))
            && !skipped.iter().any(matches)
    };
    let wanted: Vec<Entry> = entries::<H>().into_iter().filter(is_wanted).collect();
    match &wanted[..] {
        _ if has("--list") => tell(wanted.iter().map(|entry| format!("{}: test\n", entry.name))),
        [entry] if is_exact => exit_code((entry.run)()),
        _ => run_each::<H>(&wanted),
    }
}

/// Returns the arguments that are neither options nor their values: the names to run, and those to skip.
fn names(arguments: &[String]) -> (Vec<&str>, Vec<&str>) {
    let (mut names, mut skipped) = (Vec::new(), Vec::new());
    let mut option = "";
    for argument in arguments {
        match (option, argument.as_str()) {
            ("--skip", name) => skipped.push(name),
            ("--format" | "--test-threads" | "--color" | "--logfile" | "-Z", _) => {}
            (_, name) if !name.starts_with('-') => names.push(name),
            (_, name) => {
                if let Some(name) = name.strip_prefix("--skip=") {
                    skipped.push(name);
                }
                option = name;
                continue;
            }
        }
        option = "";
    }
    (names, skipped)
}

fn run_each<H: Host>(wanted: &[Entry]) -> ExitCode {
    let mut failed = 0;
    let outcomes = wanted.iter().map(|entry| {
        let has_passed = env::current_exe()
            .and_then(|program| Command::new(program).args([entry.name, "--exact"]).status())
            .is_ok_and(|status| status.success());
        failed += usize::from(!has_passed);
        format!("{}: {} ... {}\n", H::NAME, entry.name, if has_passed { "ok" } else { "FAILED" })
    });
    let told = tell(outcomes);
    if told != ExitCode::SUCCESS {
        return told;
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    // As the usual harness says it.
    tell([format!("test result: {result}. {} passed; {failed} failed\n", wanted.len() - failed)]);
    exit_code(failed == 0)
}

fn exit_code(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// Prints lines, one at a time; fails if nobody reads them.
fn tell(lines: impl IntoIterator<Item = String>) -> ExitCode {
    let mut stdout = io::stdout();
    let told = lines
        .into_iter()
        .try_for_each(|line| stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()));
    exit_code(told.is_ok())
}

fn entries<H: Host>() -> Vec<Entry> {
    fn entry<H: Host, C: Case>() -> Entry {
        Entry { name: C::NAME, needs_window: C::IS_HIDDEN, run: run::<H, C> }
    }
    vec![
        entry::<H, cases::Idle>(),
        entry::<H, cases::Unwoken>(),
        entry::<H, cases::Burst>(),
        entry::<H, cases::Phases>(),
        entry::<H, cases::Flood>(),
        entry::<H, cases::Kept>(),
        entry::<H, cases::Reentrancy>(),
        entry::<H, cases::Order>(),
        entry::<H, cases::Close>(),
        entry::<H, cases::Leftover>(),
        entry::<H, cases::Hidden>(),
    ]
}

/// Runs a play in this process; whether it went well.
fn run<H: Host, C: Case>() -> bool {
    let faults = Faults::default();
    let found = faults.clone();
    // Not joined: it is there for when this thread hangs.
    thread::spawn(move || {
        thread::sleep(TIME_LIMIT);
        found.are_none();
        eprintln!("{}: {} is not over after {TIME_LIMIT:?}: a message or a wake was lost", H::NAME, C::NAME);
        process::exit(101);
    });
    let case = Rc::new(C::default());
    let begun = Rc::clone(&case);
    let opening: Opening<H::State> = Box::new(move |state, router| begun.begin(state, router));
    let play = Play {
        budget: C::budget(),
        ticks: C::TICKS,
        hidden: C::IS_HIDDEN,
        watch: Arc::default(),
        switch: Arc::<SwitchedWaker>::default(),
        faults: faults.clone(),
        opening: Some(Box::new(opening)),
        is_over: false,
        quit: None,
    };
    let (router, mut state) = H::run(play);
    faults.check(state.as_mut().is_over(), "the host left its loop before the play was over");
    case.judge::<H>(&mut state, &router);
    faults.are_none()
}
