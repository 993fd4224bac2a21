//! The scanner's thread: walks the folders and feeds the workers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use foreground::{SendError, StartedSender};
use walkdir::WalkDir;

use crate::job::CancelFlag;
use crate::listing::{self, Line};

/// What the scanner tells the foreground.
#[derive(Debug)]
pub(crate) enum ScannerMessage {
    /// So much was found so far, in all folders.
    Found { lines: u64, bytes: u64 },
    /// A folder, or something in it, could not be read.
    Unreadable { path: PathBuf, error: String },
    /// A folder was walked to its end.
    Walked { folder: usize, lines: u64 },
    /// All folders were: what was found is all there is.
    Complete,
}

/// Found files are counted for the eye, which does not see more than this.
const INTERVAL: Duration = Duration::from_millis(30);

pub(crate) struct Scanner {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) queue: Sender<Arc<Line>>,
    pub(crate) foreground: StartedSender<ScannerMessage>,
    pub(crate) cancel: CancelFlag,
}

/// Why the scanner ends before its time. Either way nobody waits for more.
enum Ended {
    Cancelled,
    NobodyListens,
}

impl From<SendError<ScannerMessage>> for Ended {
    fn from(_: SendError<ScannerMessage>) -> Self {
        Self::NobodyListens
    }
}

#[derive(Default)]
struct Found {
    lines: u64,
    bytes: u64,
    told: Option<Instant>,
}

impl Scanner {
    /// Runs to the end. Dropping the queue's sender then tells the workers that no more will come, and
    /// dropping the pipe's sender ends the pipe, after its last message.
    pub(crate) fn run(self) {
        let mut found = Found::default();
        for (number, folder) in self.folders.iter().enumerate() {
            match self.walk(number, folder, &mut found) {
                Ok(()) => {}
                Err(Ended::Cancelled | Ended::NobodyListens) => return,
            }
        }
        let _ = self.foreground.send(ScannerMessage::Complete);
    }

    fn walk(&self, number: usize, folder: &Path, found: &mut Found) -> Result<(), Ended> {
        // The argument itself may be a link to a folder. To look at `.` in it takes the same right as to
        // go there: of a folder that cannot be entered, there is no listing, not even that of an empty one.
        let entered = fs::metadata(folder).and_then(|metadata| {
            if metadata.is_dir() {
                fs::metadata(folder.join("."))
            } else {
                Err(std::io::ErrorKind::NotADirectory.into())
            }
        });
        if let Err(error) = entered {
            self.unreadable(folder, &error)?;
            return Ok(());
        }
        let before = found.lines;
        for entry in WalkDir::new(folder) {
            if self.cancel.is_set() {
                return Err(Ended::Cancelled);
            }
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    let length = entry.metadata().map_or(0, |metadata| metadata.len());
                    for line in listing::lines(number, folder, entry.into_path(), length) {
                        found.lines += 1;
                        found.bytes += line.length;
                        // It fails when no worker is left.
                        self.queue.send(Arc::new(line)).map_err(|_| Ended::NobodyListens)?;
                    }
                    self.tell(found)?;
                }
                // Folders are walked; links, FIFOs, sockets and devices are not for hashing.
                Ok(_) => {}
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    match error.io_error() {
                        Some(error) => self.unreadable(&path, error)?,
                        None => self.unreadable(&path, &error)?,
                    }
                }
            }
        }
        self.foreground.send(ScannerMessage::Found { lines: found.lines, bytes: found.bytes })?;
        self.foreground.send(ScannerMessage::Walked { folder: number, lines: found.lines - before })?;
        Ok(())
    }

    fn tell(&self, found: &mut Found) -> Result<(), Ended> {
        if found.told.is_none_or(|told| told.elapsed() >= INTERVAL) {
            found.told = Some(Instant::now());
            self.foreground.send(ScannerMessage::Found { lines: found.lines, bytes: found.bytes })?;
        }
        Ok(())
    }

    fn unreadable(&self, path: &Path, error: &dyn std::error::Error) -> Result<(), Ended> {
        let (path, error) = (path.to_owned(), error.to_string());
        Ok(self.foreground.send(ScannerMessage::Unreadable { path, error })?)
    }
}
