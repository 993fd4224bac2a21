//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::copier::Policy;

pub(crate) const HELP: &str = "\
Copies a folder, and asks before it overwrites a file.

Usage: file_copy_ask [--headless] [--overwrite=ask|all|none] [FROM TO]

  FROM, TO     folders; what is in FROM is copied into TO. Without them, a small folder made for a demonstration
  --headless   without a window; prints a line of what was copied, skipped and failed, and the bytes
  --overwrite  what to do with files that are there already: ask (in the terminal, if there is no window),
               overwrite all, or none. Default: ask in the window, none without one

Links are copied as links, and never followed. Permissions and times of modification are kept.

Exit codes:
  0  all done, or the window was closed
  1  something could not be copied, or it was cancelled in the terminal by Ctrl-C
  2  wrong usage
";

#[derive(Debug)]
pub(crate) struct Options {
    /// None: the demonstration.
    pub(crate) folders: Option<(PathBuf, PathBuf)>,
    pub(crate) policy: Option<Policy>,
}

pub(crate) enum Command {
    Run(Options),
    Help,
}

/// Reads the arguments; the error says what is wrong with them.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let (mut folders, mut policy) = (Vec::new(), None);
    let mut only_folders = false;
    for argument in arguments {
        // A name that is no UTF-8 is no option; its first byte still tells one from a folder.
        if only_folders || !argument.as_encoded_bytes().starts_with(b"-") {
            folders.push(PathBuf::from(argument));
            continue;
        }
        match argument.to_str() {
            Some("--") => only_folders = true,
            Some("--help" | "-h") => return Ok(Command::Help),
            Some("--headless") => {} // the helper looks for it
            Some("--overwrite=ask") => policy = Some(Policy::Ask),
            Some("--overwrite=all") => policy = Some(Policy::All),
            Some("--overwrite=none") => policy = Some(Policy::None),
            _ => return Err(format!("unknown option {argument:?}")),
        }
    }
    let mut folders = folders.into_iter();
    let folders = match (folders.next(), folders.next(), folders.next()) {
        (None, ..) => None,
        (Some(from), Some(to), None) => Some((from, to)),
        _ => return Err("give two folders: which one to copy, and into which one".into()),
    };
    Ok(Command::Run(Options { folders, policy }))
}
