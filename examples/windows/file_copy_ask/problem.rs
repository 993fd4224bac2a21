//! What went wrong with which file, and what to do about it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// An error, as a person needs it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    path: PathBuf,
    what: String,
    advice: &'static str,
    /// Whether the path is taken by something else.
    pub(crate) is_occupied: bool,
}

impl Problem {
    pub(crate) fn new(path: &Path, what: impl Into<String>, advice: &'static str) -> Self {
        Self { path: path.to_path_buf(), what: what.into(), advice, is_occupied: false }
    }

    /// From an error of the walk through `root`.
    pub(crate) fn from_walk(root: &Path, error: walkdir::Error) -> Self {
        let path = error.path().unwrap_or(root).to_path_buf();
        at(&path)(error.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path.display(), self.what, self.advice)
    }
}

/// For `map_err`: says at which path it happened.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Problem {
    move |error| Problem {
        path: path.to_path_buf(),
        what: what(&error),
        advice: advice(error.kind()),
        is_occupied: error.kind() == ErrorKind::AlreadyExists,
    }
}

/// Without what wrappers add to it, such as the path, which is said anyway.
fn what(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|inner| inner.source());
    let text = cause.map_or_else(|| error.to_string(), ToString::to_string);
    // "(os error 13)" helps nobody.
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "look whether the path is right, or whether it was moved meanwhile",
        ErrorKind::PermissionDenied => "change its permissions, or copy as its owner",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room there, and copy again",
        ErrorKind::FileTooLarge => "choose a target where files may be as large",
        ErrorKind::ReadOnlyFilesystem => "choose a target that can be written to",
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            "move what is there away, and copy again"
        }
        ErrorKind::InvalidFilename => "give it a name that the target can have",
        _ => "copy again; if it happens once more, look after the disk",
    }
}
