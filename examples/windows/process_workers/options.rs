//! The command line.

use std::ffi::OsString;

pub(crate) const USAGE: &str = "\
Hashes every file below a folder, in several processes, and shows how they get on.

Usage: process_workers [--headless] [--crash] [--workers N] [FOLDER]

  FOLDER       default: the current folder
  --headless   without a window
  --crash      kills the first worker that has hashed a file
  --workers N  number of processes, 1 to 16; default: 4";

pub(crate) struct Options {
    pub(crate) headless: bool,
    pub(crate) crash: bool,
    pub(crate) workers: usize,
    pub(crate) folder: OsString,
}

/// Reads the arguments; None asks for help.
pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Option<Options>, String> {
    let mut options = Options { headless: false, crash: false, workers: 4, folder: ".".into() };
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(None),
            Some("--headless") => options.headless = true,
            Some("--crash") => options.crash = true,
            Some("--workers") => {
                let number = arguments.next().and_then(|number| number.to_str()?.parse().ok());
                let number = number.filter(|number| (1..=16).contains(number));
                options.workers = number.ok_or("--workers wants a number from 1 to 16")?;
            }
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option {option}; try --help"));
            }
            _ => options.folder = argument,
        }
    }
    Ok(Some(options))
}
