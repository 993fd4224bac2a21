//! A worker's thread: hashes what the scanner found.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use foreground::{SendError, StartedSender};
use sha2::{Digest as _, Sha256};

use crate::job::CancelFlag;
use crate::listing::{Hash, Line, Source};

/// What a worker tells the foreground.
#[derive(Debug)]
pub(crate) enum WorkerMessage {
    /// It is in the middle of a large file. Small ones are not worth a message before the last.
    Reading { line: Arc<Line>, done: u64, length: u64 },
    /// It has hashed a file.
    Hashed { line: Arc<Line>, bytes: u64, hash: Hash },
    /// It could not read a file, and goes on with the next.
    Failed { line: Arc<Line>, error: String },
}

/// How often a large file reports: as often as a screen shows it.
const INTERVAL: Duration = Duration::from_millis(30);

/// How much is read between two looks at the cancel flag.
const CHUNK: usize = 128 * 1024;

pub(crate) struct Hasher {
    pub(crate) queue: Receiver<Arc<Line>>,
    pub(crate) foreground: StartedSender<WorkerMessage>,
    pub(crate) cancel: CancelFlag,
}

/// Why a file was not hashed.
enum Ended {
    Failed(String),
    /// The user cancelled, or nobody listens any more: the thread ends.
    Cancelled,
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl<T> From<SendError<T>> for Ended {
    fn from(_: SendError<T>) -> Self {
        Self::Cancelled
    }
}

impl Hasher {
    /// Runs until the scanner is through and the queue empty, or until the job is cancelled.
    pub(crate) fn run(self) {
        let mut buffer = vec![0; CHUNK];
        for line in &self.queue {
            let message = match self.hash(&line, &mut buffer) {
                Ok((hash, bytes)) => WorkerMessage::Hashed { line, bytes, hash },
                Err(Ended::Failed(error)) => WorkerMessage::Failed { line, error },
                Err(Ended::Cancelled) => return,
            };
            // This waits while the pipe is full, so that the workers never run away from the window. It
            // fails when the router was stopped: there is nobody left to work for.
            if self.foreground.send(message).is_err() {
                return;
            }
        }
    }

    fn hash(&self, line: &Arc<Line>, buffer: &mut [u8]) -> Result<(Hash, u64), Ended> {
        let path = match &line.source {
            Source::File(path) => path,
            Source::EmptyInput => return Ok((Sha256::digest(b"").into(), 0)),
            Source::Nothing(reason) => return Err(Ended::Failed((*reason).to_owned())),
        };
        let (mut file, before) = open(path)?;
        let mut hasher = Sha256::new();
        let mut done = 0;
        let mut told = Instant::now();
        loop {
            if self.cancel.is_set() {
                return Err(Ended::Cancelled);
            }
            let read = match file.read(buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            hasher.update(&buffer[..read]);
            done += read as u64;
            if told.elapsed() >= INTERVAL {
                told = Instant::now();
                let length = before.len().max(done);
                self.foreground.send(WorkerMessage::Reading { line: line.clone(), done, length })?;
            }
        }
        let after = file.metadata()?;
        if after.len() != before.len() || after.modified().ok() != before.modified().ok() {
            return Err(Ended::Failed("changed while it was read".to_owned()));
        }
        Ok((hasher.finalize().into(), done))
    }
}

/// Opens a regular file. Since the scanner looked, it may have become a FIFO, on which `open` would wait,
/// so this looks again; and once more at what was opened, for that may be yet another.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    is_regular(std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    let metadata = is_regular(file.metadata()?)?;
    Ok((file, metadata))
}

fn is_regular(metadata: Metadata) -> io::Result<Metadata> {
    if metadata.is_file() {
        Ok(metadata)
    } else if metadata.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else {
        Err(io::Error::other("not a regular file"))
    }
}
