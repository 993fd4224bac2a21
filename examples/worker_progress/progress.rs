//! How far the job is: what the callbacks keep, for the window or the terminal to show.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foreground::PipeEnd;

use crate::format;
use crate::hasher::WorkerMessage;
use crate::listing::{Hash, Line, Listing};
use crate::scanner::ScannerMessage;

/// How many lines of the log are kept.
const LOG_LINES: usize = 2_000;

/// Opening a file costs about as much as reading this many bytes: so folders of empty files have a bar too.
const FILE_COST: u64 = 16 * 1024;

/// How far the rate looks back.
const RATE_SPAN: Duration = Duration::from_secs(3);

pub(crate) struct Progress {
    folders: Vec<PathBuf>,
    workers: Vec<Worker>,
    started: Instant,
    ended: Option<Instant>,
    open_pipes: usize,
    found: (u64, u64),
    /// The scanner has found all there is.
    is_found_all: bool,
    hashed: (u64, u64),
    /// Bytes of the files that are through, whether hashed or not, as the scanner counted them.
    through: u64,
    failed_lines: u64,
    errors: u64,
    untold_errors: Vec<String>,
    log: VecDeque<Entry>,
    dropped: usize,
    listing: Listing,
    samples: VecDeque<(Instant, u64)>,
    revision: u64,
}

/// What a worker is on.
#[derive(Clone, Default)]
pub(crate) struct Worker {
    pub(crate) line: Option<Arc<Line>>,
    pub(crate) done: u64,
    pub(crate) length: u64,
    /// Files that it has hashed.
    pub(crate) files: u64,
    pub(crate) is_reading: bool,
}

/// A line of the log.
pub(crate) enum Entry {
    Hashed { line: Arc<Line>, bytes: u64, hash: Hash },
    Error(String),
}

impl Progress {
    pub(crate) fn new(folders: &[PathBuf], workers: usize) -> Self {
        Self {
            folders: folders.to_vec(),
            workers: vec![Worker::default(); workers],
            started: Instant::now(),
            ended: None,
            open_pipes: 0,
            found: (0, 0),
            is_found_all: false,
            hashed: (0, 0),
            through: 0,
            failed_lines: 0,
            errors: 0,
            untold_errors: Vec::new(),
            log: VecDeque::new(),
            dropped: 0,
            listing: Listing::new(folders.len()),
            samples: VecDeque::new(),
            revision: 0,
        }
    }

    // What the callbacks call.

    pub(crate) fn pipe_opened(&mut self) {
        self.open_pipes += 1;
    }

    pub(crate) fn pipe_ended(&mut self, who: &str, end: PipeEnd) {
        match end {
            PipeEnd::Stopped => {}
            PipeEnd::Panicked => self.error(format!("{who} panicked; its file is missing")),
            PipeEnd::NeverStarted => self.error(format!("{who} could not be started")),
            _ => self.error(format!("{who} ended: {end:?}")),
        }
        self.open_pipes -= 1;
        if self.is_over() {
            self.ended = Some(Instant::now());
        }
        self.touch();
    }

    pub(crate) fn scanner_says(&mut self, message: ScannerMessage) {
        match message {
            ScannerMessage::Found { lines, bytes } => self.found = (lines, bytes),
            ScannerMessage::Unreadable { path, error } => {
                self.error(format!("{}: {error}", format::path(&path)));
            }
            ScannerMessage::Walked { folder, lines } => self.listing.set_found(folder, lines),
            ScannerMessage::Complete => self.is_found_all = true,
        }
        self.touch();
    }

    pub(crate) fn worker_says(&mut self, number: usize, message: WorkerMessage) {
        let Some(worker) = self.workers.get_mut(number) else { return };
        match message {
            WorkerMessage::Reading { line, done, length } => {
                *worker = Worker { line: Some(line), done, length, is_reading: true, ..*worker };
            }
            WorkerMessage::Hashed { line, bytes, hash } => {
                let files = worker.files + 1;
                let line_shown = Some(line.clone());
                *worker = Worker { line: line_shown, done: bytes, length: bytes, files, is_reading: false };
                self.hashed = (self.hashed.0 + 1, self.hashed.1 + bytes);
                self.through += line.length;
                self.listing.insert(line.clone(), hash);
                self.log(Entry::Hashed { line, bytes, hash });
            }
            WorkerMessage::Failed { line, error } => {
                worker.is_reading = false;
                self.through += line.length;
                self.failed_lines += 1;
                self.error(format!("{}: {error}", self.name(&line)));
            }
        }
        self.touch();
    }

    fn error(&mut self, error: String) {
        self.errors += 1;
        self.untold_errors.push(error.clone());
        self.log(Entry::Error(error));
    }

    fn log(&mut self, entry: Entry) {
        if self.log.len() == LOG_LINES {
            self.log.pop_front();
            self.dropped += 1;
        }
        self.log.push_back(entry);
    }

    /// Notes that what is shown is out of date.
    pub(crate) fn touch(&mut self) {
        self.revision += 1;
    }

    // What is shown.

    /// Changes whenever something that is shown has.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    pub(crate) fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// Files that were found so far, and their bytes.
    pub(crate) fn found(&self) -> (u64, u64) {
        self.found
    }

    /// Whether `found` is all there is.
    pub(crate) fn is_found_all(&self) -> bool {
        self.is_found_all
    }

    /// Files that were hashed, and their bytes.
    pub(crate) fn hashed(&self) -> (u64, u64) {
        self.hashed
    }

    pub(crate) fn errors(&self) -> u64 {
        self.errors
    }

    /// Bytes that were read, those of unfinished files included.
    pub(crate) fn read(&self) -> u64 {
        self.hashed.1 + self.in_progress()
    }

    fn in_progress(&self) -> u64 {
        self.workers.iter().filter(|worker| worker.is_reading).map(|worker| worker.done).sum()
    }

    /// How much is done, from 0 to 1, as far as is known.
    pub(crate) fn fraction(&self) -> f32 {
        if self.is_complete() {
            return 1.0;
        }
        let cost = |lines: u64, bytes: u64| lines as f64 * FILE_COST as f64 + bytes as f64;
        let all = cost(self.found.0, self.found.1);
        let done = cost(self.hashed.0 + self.failed_lines, self.through + self.in_progress());
        if all > 0.0 { (done / all).clamp(0.0, 1.0) as f32 } else { 0.0 }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.ended.unwrap_or_else(Instant::now).saturating_duration_since(self.started)
    }

    /// Bytes a second, of late, or of the whole once it is over.
    pub(crate) fn rate(&self) -> f64 {
        let (since, bytes) = match self.samples.front() {
            Some((at, bytes)) if !self.is_over() => (at.elapsed(), self.read().saturating_sub(*bytes)),
            _ => (self.elapsed(), self.hashed.1),
        };
        bytes as f64 / since.as_secs_f64().max(0.001)
    }

    /// Time left, once it can be known.
    pub(crate) fn left(&self) -> Option<Duration> {
        let fraction = f64::from(self.fraction());
        let elapsed = self.elapsed();
        if !self.is_found_all || self.is_over() || fraction < 0.01 || elapsed < Duration::from_millis(500) {
            return None;
        }
        Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 - fraction) / fraction).ok()
    }

    /// Takes a sample for the rate. To be called a few times a second.
    pub(crate) fn sample(&mut self) {
        let now = Instant::now();
        while self.samples.len() > 1 && self.samples.front().is_some_and(|(at, _)| now - *at > RATE_SPAN) {
            self.samples.pop_front();
        }
        self.samples.push_back((now, self.read()));
        self.touch();
    }

    pub(crate) fn log_lines(&self) -> &VecDeque<Entry> {
        &self.log
    }

    /// How many lines the log has forgotten: the number of its first one.
    pub(crate) fn log_dropped(&self) -> usize {
        self.dropped
    }

    /// The name of a line as it is shown: a path that can be found, below the folder that was given.
    pub(crate) fn name(&self, line: &Line) -> String {
        let text = String::from_utf8_lossy(&line.text);
        let text = text.strip_prefix("./").unwrap_or(&text);
        match &self.folders[..] {
            [_] => format::path(Path::new(text)),
            folders => {
                format::path(&folders.get(line.folder).map_or(text.into(), |folder| folder.join(text)))
            }
        }
    }

    /// Whether every pipe has ended: nothing will change any more.
    pub(crate) fn is_over(&self) -> bool {
        self.open_pipes == 0
    }

    /// Whether everything that was asked for was tried.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_over() && self.is_found_all && self.hashed.0 + self.failed_lines == self.found.0
    }

    // What is told.

    pub(crate) fn untold_errors(&self) -> &[String] {
        &self.untold_errors
    }

    pub(crate) fn take_untold_errors(&mut self) -> Vec<String> {
        std::mem::take(&mut self.untold_errors)
    }

    pub(crate) fn json(&self) -> String {
        let (files, bytes) = self.hashed;
        let (errors, digest) = (self.errors, self.listing.digest());
        format!(r#"{{"files":{files},"bytes":{bytes},"errors":{errors},"digest":"{digest}"}}"#)
    }
}
