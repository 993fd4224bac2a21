//! The job, as the window's thread sees it: files in a queue, and workers that ask for them.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, Write as _};
use std::mem;
use std::path::{self, Path};
use std::time::Duration;

use foreground::MessageRouter;
use foreground::process::{ProcessError, ProcessExecutor};
use foreground::tasks::{Answer, AskError, IterationFuture, ProgressFuture, TaskOutcome, TaskState};
use sha2::{Digest as _, Sha256};

use crate::options::Options;
use crate::say;
use crate::worker::{Hash, Item, MoreFiles, News, Registered};

/// A worker gets so many files at a time, or so many bytes.
const SHARE_FILES: usize = 64;
const SHARE_BYTES: u64 = 4_000_000;
/// How long workers may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// The router's state: what the callbacks get.
pub(crate) struct App {
    executor: ProcessExecutor<Self>,
    functions: Registered,
    options: Options,
    search: IterationFuture<Result<Item, String>, Self, (), ProcessError>,
    /// How many files were found so far, and their bytes.
    found: (usize, u64),
    /// The files that no worker has.
    queue: VecDeque<Item>,
    pub(crate) workers: Vec<Worker>,
    hashes: Vec<(Item, Hash)>,
    errors: Vec<String>,
    crashed: usize,
}

/// A task, which has a process of its own while it lasts.
pub(crate) struct Worker {
    pub(crate) job: ProgressFuture<News, usize, App, ProcessError<AskError>>,
    pub(crate) process: Option<u32>,
    /// What it is to hash, the file that it reads first.
    files: VecDeque<Item>,
    /// Bytes of its share, of those files in it that are through, and of what it has read of the next.
    bytes: [u64; 3],
    /// It waits for files.
    question: Option<Answer<Vec<Item>>>,
    hashed: usize,
    end: Option<String>,
}

impl App {
    pub(crate) fn new(
        router: &MessageRouter<Self>,
        functions: Registered,
        options: Options,
    ) -> Result<Self, Box<dyn Error>> {
        let executor = ProcessExecutor::builder(router).workers(options.workers).build()?;
        let search = executor.submit_iteration_in_process(&functions.find, options.folder.clone())?;
        search.on_item(Self::on_found);
        search.on_done(Self::on_found_all);
        let mut app = Self {
            executor,
            functions,
            options,
            search,
            found: (0, 0),
            queue: VecDeque::new(),
            workers: Vec::new(),
            hashes: Vec::new(),
            errors: Vec::new(),
            crashed: 0,
        };
        for place in 0..app.options.workers {
            app.workers.push(app.start(place)?);
        }
        Ok(app)
    }

    /// Starts the worker at this place.
    pub(crate) fn start(&self, place: usize) -> Result<Worker, Box<dyn Error>> {
        let job = self.executor.submit_progress_in_process(&self.functions.hash, ())?;
        job.on_progress(move |app: &mut Self, news| app.on_news(place, news));
        job.on_ask(move |app: &mut Self, MoreFiles, answer| {
            app.workers[place].question = Some(answer);
            app.hand_out();
        });
        job.on_done(move |app, outcome| app.on_done(place, outcome));
        let files = VecDeque::new();
        Ok(Worker { job, process: None, files, bytes: [0; 3], question: None, hashed: 0, end: None })
    }

    /// Has a new process take the place of one that crashed.
    pub(crate) fn start_again(&mut self, place: usize) {
        match self.start(place) {
            Ok(worker) => self.workers[place] = worker,
            Err(error) => self.errors.push(error.to_string()),
        }
    }

    fn on_found(&mut self, found: Result<Item, String>) {
        match found {
            Ok(item) => {
                self.found = (self.found.0 + 1, self.found.1 + item.bytes);
                self.queue.push_back(item);
                self.hand_out();
            }
            Err(error) => self.errors.push(error),
        }
    }

    fn on_found_all(&mut self, outcome: TaskOutcome<(), ProcessError>) {
        if let TaskOutcome::Failed(error) = outcome {
            self.errors.push(format!("not all files were found: {error}"));
        }
        self.hand_out();
    }

    fn on_news(&mut self, place: usize, news: News) {
        let worker = &mut self.workers[place];
        match news {
            News::Began { process } => worker.process = Some(process),
            News::Reading { done } => worker.bytes[2] = done,
            News::Hashed(hash) => {
                let Some(item) = worker.files.pop_front() else { return };
                worker.bytes = [worker.bytes[0], worker.bytes[1] + item.bytes, 0];
                worker.hashed += 1;
                match hash {
                    Ok(hash) => self.hashes.push((item, hash)),
                    Err(error) => self.errors.push(format!("{}: {error}", item.path.display())),
                }
                if mem::take(&mut self.options.crash) {
                    self.crash(place);
                }
            }
        }
    }

    fn on_done(&mut self, place: usize, outcome: TaskOutcome<usize, ProcessError<AskError>>) {
        let worker = &mut self.workers[place];
        (worker.process, worker.question, worker.bytes[2]) = (None, None, 0);
        let left = mem::take(&mut worker.files);
        worker.end = Some(match outcome {
            TaskOutcome::Completed(_) => "done".into(),
            // All that it had told has come before. The rest of its files goes back, for the next worker that asks.
            TaskOutcome::Failed(ProcessError::Lost(status)) => {
                self.crashed += 1;
                let status = status.map_or("nobody knows why".into(), |status| status.to_string());
                format!("crashed ({status}), the others take over {}", counted(left.len()))
            }
            other => other.to_string(),
        });
        left.into_iter().rev().for_each(|item| self.queue.push_front(item));
        self.hand_out();
    }

    /// Answers the workers that wait for files. That there are none is said when a crash can bring none back.
    fn hand_out(&mut self) {
        let is_through = self.is_through();
        for worker in &mut self.workers {
            if (is_through || !self.queue.is_empty())
                && let Some(question) = worker.question.take()
            {
                worker.bytes = [0; 3];
                while worker.files.len() < SHARE_FILES
                    && worker.bytes[0] < SHARE_BYTES
                    && let Some(item) = self.queue.pop_front()
                {
                    worker.bytes[0] += item.bytes;
                    worker.files.push_back(item);
                }
                question.reply(worker.files.iter().cloned().collect());
            }
        }
    }

    /// Kills a worker's process: as in a crash, it has no time to say anything.
    pub(crate) fn crash(&self, place: usize) {
        if let Some(process) = self.workers[place].process {
            self.executor.kill_worker(process);
        }
    }

    pub(crate) fn cancel(&self) {
        self.search.cancel();
        self.workers.iter().for_each(|worker| _ = worker.job.cancel());
    }

    /// Whether nothing runs any more.
    pub(crate) fn is_over(&self) -> bool {
        self.search.state().is_done() && self.workers.iter().all(|worker| worker.job.state().is_done())
    }

    /// Whether there is nothing left to be hashed.
    pub(crate) fn is_through(&self) -> bool {
        let nobody_has_files = self.workers.iter().all(|worker| worker.files.is_empty());
        self.search.state().is_done() && self.queue.is_empty() && nobody_has_files
    }

    /// Whether all is hashed that was to be.
    pub(crate) fn is_complete(&self) -> bool {
        self.search.state() == TaskState::Completed
            && self.hashes.len() == self.found.0
            && self.errors.is_empty()
    }

    /// Bytes of what is hashed, and of what is being read.
    fn bytes(&self) -> u64 {
        let hashed: u64 = self.hashes.iter().map(|(item, _)| item.bytes).sum();
        hashed + self.workers.iter().map(|worker| worker.bytes[2]).sum::<u64>()
    }

    pub(crate) fn fraction(&self) -> f32 {
        self.bytes() as f32 / self.found.1.max(1) as f32
    }

    pub(crate) fn status(&self) -> String {
        let [done, all] = [self.bytes(), self.found.1].map(|bytes| bytes as f64 / 1e6);
        let files = counted(self.found.0);
        let mut text = format!("{} of {files}, {done:.1} of {all:.1} MB", self.hashes.len());
        if self.is_over() && !self.is_through() {
            text += ", and no worker is left";
        }
        if let Some(error) = self.errors.last() {
            text += &format!(", {} failed; {error}", self.errors.len());
        }
        text
    }

    /// A file's path below the folder.
    fn name<'a>(&self, item: &'a Item) -> path::Display<'a> {
        let path = Path::new(&item.path);
        path.strip_prefix(&self.options.folder).unwrap_or(path).display()
    }

    /// Ends what still runs, and prints what has come of it.
    pub(crate) fn finish(&mut self) -> Result<(), Box<dyn Error>> {
        self.executor.clone().shutdown(self, GRACE)?;
        self.errors.iter().for_each(say);
        self.hashes.sort_by(|(one, _), (other, _)| one.path.cmp(&other.path));
        let mut digest = Sha256::new();
        for (item, hash) in &self.hashes {
            digest.update(format!("{}  ./{}\n", hex(hash), self.name(item)));
        }
        writeln!(
            io::stdout(),
            r#"{{"files":{},"bytes":{},"errors":{},"crashed":{},"digest":"{}"}}"#,
            self.hashes.len(),
            self.bytes(),
            self.errors.len(),
            self.crashed,
            hex(&digest.finalize())
        )?;
        if self.is_complete() { Ok(()) } else { Err("some files were not hashed".into()) }
    }
}

impl Worker {
    /// How far it is with its share.
    pub(crate) fn fraction(&self) -> f32 {
        if self.end.is_some() {
            return 1.0;
        }
        (self.bytes[1] + self.bytes[2]) as f32 / self.bytes[0].max(1) as f32
    }

    pub(crate) fn status(&self, app: &App) -> String {
        let now = match (&self.end, self.process, self.files.front()) {
            (Some(end), ..) => end.clone(),
            (None, None, _) => "starts".into(),
            (None, Some(process), None) => format!("process {process} waits for files"),
            (None, Some(process), Some(item)) => format!("process {process} reads {}", app.name(item)),
        };
        format!("{} hashed; {now}", counted(self.hashed))
    }
}

fn counted(files: usize) -> String {
    format!("{files} file{}", if files == 1 { "" } else { "s" })
}

/// The hexadecimal digits of a hash.
fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
