//! Tests in two processes: the child runs an event loop, which a process can make only once and may
//! hang; the parent plays the user and the window manager, and has the last word.
//!
//! The child is the test's own binary, told to run that one test and by an environment variable that it
//! is the child. It tells by [`report`] what it saw; the parent may [`tell`](Child::tell) it lines.

use std::any::Any;
use std::io::{BufRead, BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{self, ChildStdin, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fmt};

use foreground::MessageSender;

use super::display::VirtualDisplay;

/// Which test a process is the child of.
const CHILD_OF: &str = "FOREGROUND_WINDOW_TEST";
/// What sets a report apart from what the test harness prints, even on the same line.
const MARK: &str = "[report] ";
/// A child that takes longer is killed.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Runs both sides of the test named `test`: in the child process `child`, and in this one `parent`.
pub fn staged(test: &str, child: impl FnOnce(), parent: impl FnOnce(&VirtualDisplay, &mut Child)) {
    if env::var(CHILD_OF).is_ok_and(|name| name == test) {
        child();
        report("end", "reached");
        return;
    }
    let display = VirtualDisplay::start();
    let mut child = Child::spawn(test, &display);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        parent(&display, &mut child);
        child.finish();
    }));
    if let Err(panic) = outcome {
        explain(test, &display, &mut child);
        resume_unwind(panic);
    }
}

fn explain(test: &str, display: &VirtualDisplay, child: &mut Child) {
    let binary = env::current_exe().ok();
    let binary = binary.as_deref().and_then(|path| path.file_stem()?.to_str()).unwrap_or("window");
    // The display may be what is broken; then there is no picture, and the first panic counts.
    let picture: Result<_, Box<dyn Any + Send>> =
        catch_unwind(AssertUnwindSafe(|| display.screen().save(&format!("{binary}-{test}"))));
    if let Ok(path) = picture {
        eprintln!("the screen as it was: {}", path.display());
    }
    child.kill();
    eprintln!("the child said:\n{}", child.output());
}

/// Child: tells the parent something.
pub fn report(key: &str, value: impl fmt::Display) {
    // One write, so that reports of two threads do not mix; a lone `println` may be cut in pieces.
    let line = format!("{MARK}{key}={value}\n");
    let mut stdout = std::io::stdout().lock();
    let told = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
    if told.is_err() {
        // The parent is gone.
        process::exit(3);
    }
}

/// Child: starts a thread whose failure ends the process, as the loop may never hear of it.
pub fn worker<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> thread::JoinHandle<R> {
    thread::spawn(|| {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            report("worker", "failed");
            process::exit(101)
        })
    })
}

/// Child: starts a thread that sends the lines which the parent tells.
pub fn listen(sender: MessageSender<String>) {
    worker(move || {
        let sender = sender.start();
        for line in std::io::stdin().lines() {
            if sender.send(line.expect("the parent writes text")).is_err() {
                return;
            }
        }
        // Without its parent the child has no purpose; a clean end comes by another way.
        process::exit(3);
    });
}

/// The other process, as its parent sees it. Killed on drop.
pub struct Child {
    process: process::Child,
    stdin: Option<ChildStdin>,
    news: Receiver<(String, String)>,
    /// All reports so far.
    reports: Vec<(String, String)>,
    /// How many of them [`wait_for`](Self::wait_for) has gone past.
    read: usize,
    output: Arc<Mutex<String>>,
    deadline: Instant,
}

impl Child {
    fn spawn(test: &str, display: &VirtualDisplay) -> Self {
        let binary = env::current_exe().expect("the test has a binary");
        let mut process = display
            .command(binary)
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD_OF, test)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the test's binary starts");
        let output = Arc::new(Mutex::new(String::new()));
        let (sender, news) = mpsc::channel();
        let stdout = process.stdout.take().expect("it is piped");
        keep(stdout, &output, move |line| {
            let told = line.split_once(MARK).and_then(|(_, told)| told.split_once('='));
            if let Some((key, value)) = told {
                // Nobody listens after the test's end.
                let _ = sender.send((key.to_owned(), value.to_owned()));
            }
        });
        keep(process.stderr.take().expect("it is piped"), &output, |_| {});
        let stdin = process.stdin.take();
        let deadline = Instant::now() + TIME_LIMIT;
        Self { process, stdin, news, reports: Vec::new(), read: 0, output, deadline }
    }

    /// Waits for the next report about `key`, and returns what it says. Reports before it can be
    /// looked up, but not be waited for any more.
    pub fn wait_for(&mut self, key: &str) -> String {
        loop {
            while let Some((found, value)) = self.reports.get(self.read) {
                self.read += 1;
                if found == key {
                    return value.clone();
                }
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(left) {
                Ok(report) => self.reports.push(report),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("the child did not report {key:?} within {TIME_LIMIT:?}")
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("the child ended without reporting {key:?}")
                }
            }
        }
    }

    /// Waits for a report about `key`, which is a number or the like.
    pub fn wait_for_value<T: FromStr>(&mut self, key: &str) -> T {
        parse(key, &self.wait_for(key))
    }

    /// Writes a line to the child's input.
    pub fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it stays open");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("the child listens");
    }

    /// Waits for the child's end, which has to be a good one.
    fn finish(&mut self) {
        while let Ok(report) = self.news.recv_timeout(self.deadline.saturating_duration_since(Instant::now()))
        {
            self.reports.push(report);
        }
        let status = self.wait();
        let status = status.unwrap_or_else(|| panic!("the child did not end within {TIME_LIMIT:?}"));
        assert!(status.success(), "the child failed: {status}");
        let has_run = self.reports.iter().any(|(key, _)| key == "end");
        assert!(has_run, "the child did not run the test; is its name the function's?");
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        loop {
            if let Some(status) = self.process.try_wait().expect("it is our child") {
                return Some(status);
            }
            if Instant::now() > self.deadline {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn kill(&mut self) {
        // Both fail if the child has ended, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn parse<T: FromStr>(key: &str, value: &str) -> T {
    value.parse().unwrap_or_else(|_| panic!("the child reports {key:?} as {value:?}"))
}

/// Reads the lines of a stream on a thread, and keeps them for the case that the test fails.
fn keep(
    stream: impl Read + Send + 'static,
    output: &Arc<Mutex<String>>,
    mut each: impl FnMut(&str) + Send + 'static,
) {
    let output = Arc::clone(output);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            output.push_str(&line);
            output.push('\n');
            drop(output);
            each(&line);
        }
    });
}
