//! The command line.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::thread;

pub(crate) const HELP: &str = "\
Hashes every file below some folders, on several threads, and shows how it gets on.

Usage: worker_progress [--headless] [--json] [--workers N] [FOLDER...]

  FOLDER       default: the sources in Cargo's registry, or else the current folder
  --headless   show the progress in the terminal instead of a window
  --json       print {\"files\":N,\"bytes\":N,\"errors\":N,\"digest\":\"HEX\"} as the last line; with one
               folder, the digest is the SHA-256 of what this prints in it:
               find . -type f | LC_ALL=C sort | tr '\\n' '\\0' | xargs -0 sha256sum
               With several, it is that of their listings in the order given.
               The window then closes by itself when all is done.
  --workers N  number of hashing threads, 1 to 64; default: one for each processor
  --help       print this

Exit codes:
  0  all done
  1  done, but some files or folders could not be read
  2  wrong usage
  3  cancelled or closed before the end
";

const MAX_WORKERS: usize = 64;

pub(crate) enum Command {
    Run(Options),
    Help,
}

pub(crate) struct Options {
    pub(crate) headless: bool,
    pub(crate) json: bool,
    pub(crate) workers: usize,
    pub(crate) folders: Vec<PathBuf>,
}

#[derive(Debug)]
pub(crate) enum UsageError {
    UnknownOption(OsString),
    Workers(OsString),
}

pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut arguments = arguments;
    let mut options =
        Options { headless: false, json: false, workers: default_workers(), folders: Vec::new() };
    let mut only_folders = false;
    while let Some(argument) = arguments.next() {
        // A name that is no UTF-8 is no option; its first byte still tells one from a folder.
        let is_option = argument.as_encoded_bytes().starts_with(b"-") && argument != "-";
        if only_folders || !is_option {
            options.folders.push(argument.into());
            continue;
        }
        match argument.to_str() {
            Some("--") => only_folders = true,
            Some("--help" | "-h") => return Ok(Command::Help),
            Some("--headless") => options.headless = true,
            Some("--json") => options.json = true,
            Some("--workers") => options.workers = workers(&arguments.next().unwrap_or_default())?,
            Some(text) => match text.strip_prefix("--workers=") {
                Some(number) => options.workers = workers(number.as_ref())?,
                None => return Err(UsageError::UnknownOption(argument)),
            },
            None => return Err(UsageError::UnknownOption(argument)),
        }
    }
    if options.folders.is_empty() {
        options.folders.push(default_folder());
    }
    Ok(Command::Run(options))
}

fn workers(number: &OsStr) -> Result<usize, UsageError> {
    number
        .to_str()
        .and_then(|number| number.parse().ok())
        .filter(|number| (1..=MAX_WORKERS).contains(number))
        .ok_or_else(|| UsageError::Workers(number.to_owned()))
}

fn default_workers() -> usize {
    thread::available_parallelism().map_or(2, |number| number.get().min(MAX_WORKERS))
}

/// Cargo's sources are on every machine that can build this, and are many.
fn default_folder() -> PathBuf {
    let cargo_home = std::env::var_os("CARGO_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let sources = cargo_home
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
        .map(|home| home.join("registry").join("src"));
    sources.filter(|path| path.is_dir()).unwrap_or_else(|| PathBuf::from("."))
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOption(option) => write!(f, "unknown option {option:?}"),
            Self::Workers(number) => {
                write!(f, "--workers needs a number from 1 to {MAX_WORKERS}, not {number:?}")
            }
        }
    }
}
