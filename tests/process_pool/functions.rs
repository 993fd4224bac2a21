//! What the workers can do.

use std::io::Read;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use foreground::process::{CallFunction, Command, Functions, IterationFunction, ProgressFunction};
use foreground::tasks::{AskError, Progress, Question, TaskCancelled};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Overwrite(pub PathBuf);

impl Question for Overwrite {
    type Answer = bool;
}

/// A question that was not announced.
#[derive(Serialize, Deserialize)]
pub struct Stray;

impl Question for Stray {
    type Answer = u8;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum SizeError {
    Cancelled,
    NotFound(String),
}

impl From<TaskCancelled> for SizeError {
    fn from(_: TaskCancelled) -> Self {
        Self::Cancelled
    }
}

/// A number that serde refuses to write if it is 13, to read if it is 14, and over which it panics if it is 15.
#[derive(Clone, Debug, PartialEq)]
pub struct Moody(pub u8);

impl Serialize for Moody {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            13 => Err(serde::ser::Error::custom("never 13")),
            15 => panic!("never 15"),
            n => n.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Moody {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            14 => Err(serde::de::Error::custom("never 14")),
            n => Ok(Self(n)),
        }
    }
}

/// Takes longer to read than to send.
#[derive(Serialize)]
pub struct Tedious;

impl<'de> Deserialize<'de> for Tedious {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        thread::sleep(Duration::from_millis(1));
        <()>::deserialize(deserializer).map(|()| Self)
    }
}

/// Nobody can read it, and who tries to panics.
#[derive(Serialize)]
pub struct Unspeakable;

impl<'de> Deserialize<'de> for Unspeakable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("on purpose")
    }
}

/// Serde refuses to write it, once the function that sent it has ended: the thread of this number waits for its next call.
pub struct Belated(pub u32);

/// One is being written.
static IS_WRITTEN: AtomicBool = AtomicBool::new(false);

impl Serialize for Belated {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 0 {
            return serializer.serialize_u32(0);
        }
        IS_WRITTEN.store(true, Ordering::SeqCst);
        // It does not sleep at once only for a moment.
        let mut looks = 0;
        while looks < 100 {
            looks = if sleeps(self.0) { looks + 1 } else { 0 };
            thread::yield_now();
        }
        Err(serde::ser::Error::custom("it is too late"))
    }
}

/// The number of this thread, where there are such.
fn this_thread() -> u32 {
    let link = std::fs::read_link("/proc/thread-self").ok();
    link.and_then(|link| link.file_name()?.to_str()?.parse().ok()).unwrap_or(1)
}

/// Whether a thread of this process waits for something, or nobody can tell.
fn sleeps(thread: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('S'))
}

impl<'de> Deserialize<'de> for Belated {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self)
    }
}

/// All of them, as both sides have them.
pub struct Table {
    pub functions: Functions,
    pub square: CallFunction<i64, i64>,
    pub divide: CallFunction<(i64, i64), i64, String>,
    pub id: CallFunction<(), u32>,
    /// How often this worker was called.
    pub count: CallFunction<(), u32>,
    /// So many bytes.
    pub zeros: CallFunction<usize, Vec<u8>>,
    pub length: CallFunction<Vec<u8>, usize>,
    /// Ends its process in a way, if it is told one.
    pub crash: CallFunction<Option<String>, u32>,
    pub panics: CallFunction<String, ()>,
    /// Never looks whether it was cancelled.
    pub stubborn: CallFunction<(), ()>,
    pub prints: CallFunction<(), ()>,
    /// The ticket of a pool that a process has which this one starts.
    pub inherited: CallFunction<(), String>,
    /// Returns a number, and sends it before if it is to.
    pub moody: ProgressFunction<(u8, bool, bool), Moody, Moody>,
    pub moody_argument: CallFunction<Moody, u8>,
    pub squares: IterationFunction<u64, u64>,
    pub parse: IterationFunction<String, u32, String>,
    /// Reports up to a number.
    pub count_up: ProgressFunction<u64, u64, u64>,
    pub flood: ProgressFunction<u64, u64, u64>,
    /// The newest values among ordinary ones.
    pub mixed: ProgressFunction<u64, u64, ()>,
    /// Sends without end, if nobody cancels it.
    pub talks: IterationFunction<(), Tedious>,
    /// Sends something, and then neither ends nor looks.
    pub blurts: ProgressFunction<(), Unspeakable, ()>,
    /// Ends while a newest value is being written, which cannot be.
    pub belated: ProgressFunction<(), Belated, ()>,
    pub patient: ProgressFunction<(), u32, ()>,
    pub size: ProgressFunction<String, u32, u64, SizeError>,
    pub copy: ProgressFunction<Vec<String>, String, u32>,
    pub stray: ProgressFunction<(), (), u8>,
    pub asks_twice: ProgressFunction<(), (), (bool, bool)>,
}

impl Table {
    pub fn new() -> Self {
        let mut functions = Functions::new();
        let mut calls = 0;
        Self {
            square: functions.call("square", |n| n * n),
            divide: functions.try_call("divide", |(a, b): (i64, i64)| {
                a.checked_div(b).ok_or_else(|| format!("{a} cannot be divided by {b}"))
            }),
            id: functions.call("id", |()| process::id()),
            count: functions.call("count", move |()| {
                calls += 1;
                calls
            }),
            zeros: functions.call("zeros", |bytes| vec![0; bytes]),
            length: functions.call("length", |bytes: Vec<u8>| bytes.len()),
            crash: functions.call("crash", crash),
            panics: functions.call("panics", |text: String| panic!("{text}")),
            stubborn: functions.call("stubborn", |()| {
                loop {
                    thread::park();
                }
            }),
            prints: functions.call("prints", |()| {
                println!("a function says this, {}", "at length ".repeat(1000));
                eprintln!("and this on its standard error");
            }),
            inherited: functions.call("inherited", |()| {
                let mut command = Command::new("sh");
                command.args(["-c", "echo ${FOREGROUND_POOL_TICKET-none}"]).stdout(process::Stdio::piped());
                let child = command.spawn().unwrap();
                let mut text = String::new();
                child.take_stdout().unwrap().read_to_string(&mut text).unwrap();
                text
            }),
            moody: functions.progress("moody", |progress, (n, before, latest)| {
                match (before, latest) {
                    (true, false) => progress.report(Moody(n))?,
                    (true, true) => progress.report_latest(Moody(n))?,
                    _ => {}
                }
                Ok(Moody(n))
            }),
            moody_argument: functions.call("moody argument", |moody: Moody| moody.0),
            squares: functions.iteration("squares", |up_to| (1..=up_to).map(|n: u64| n * n)),
            parse: functions.try_iteration("parse", |text: String| {
                text.split(' ').map(|word| word.parse().map_err(|_| word.into())).collect::<Vec<_>>()
            }),
            count_up: functions.progress("count up", |progress, up_to| {
                for n in 0..up_to {
                    progress.report(n)?;
                }
                Ok(up_to)
            }),
            flood: functions.progress("flood", |progress, up_to| {
                for n in 0..=up_to {
                    progress.report_latest(n)?;
                }
                Ok(up_to)
            }),
            mixed: functions.progress("mixed", |progress, up_to| {
                for n in 0..up_to {
                    if n % 5 == 4 {
                        progress.report(n)?;
                    } else {
                        progress.report_latest(n)?;
                    }
                }
                Ok(())
            }),
            talks: functions.iteration("talks", |()| std::iter::repeat_with(|| Tedious)),
            blurts: functions.progress("blurts", |progress, ()| {
                progress.report(Unspeakable)?;
                loop {
                    thread::park();
                }
            }),
            belated: functions.progress("belated", |progress, ()| {
                // The second is written by another thread, as the first is under way.
                progress.report_latest(Belated(0))?;
                progress.report_latest(Belated(this_thread()))?;
                while !IS_WRITTEN.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                Ok(())
            }),
            patient: functions.progress("patient", |progress, ()| {
                progress.report(process::id())?;
                progress.sleep(Duration::MAX)?;
                Ok(())
            }),
            size: functions.try_progress("size", |progress: &Progress<u32>, file: String| {
                progress.report(1)?;
                std::fs::metadata(&file).map(|file| file.len()).map_err(|_| SizeError::NotFound(file))
            }),
            copy: functions.progress("copy", copy).asks::<Overwrite>(),
            stray: functions.progress("stray", |progress: &Progress<()>, ()| progress.ask(Stray)),
            asks_twice: functions
                .progress("asks twice", |progress: &Progress<()>, ()| {
                    let first = progress.send_question(Overwrite("first".into()))?;
                    let second = progress.send_question(Overwrite("second".into()))?;
                    Ok((first.wait()?, second.wait()?))
                })
                .asks::<Overwrite>(),
            functions,
        }
    }
}

fn copy(progress: &Progress<String>, files: Vec<String>) -> Result<u32, AskError> {
    let mut copied = 0;
    for file in files {
        if progress.ask(Overwrite(file.clone().into()))? {
            progress.report(file)?;
            copied += 1;
        }
    }
    Ok(copied)
}

fn crash(way: Option<String>) -> u32 {
    match way.as_deref() {
        None => {}
        Some("abort") => process::abort(),
        Some("exit") => process::exit(3),
        Some("overflow") => {
            fn deeper(n: u64) -> u64 {
                let frame = std::hint::black_box([n; 512]);
                if n == u64::MAX { 0 } else { deeper(n + 1) + frame[7] }
            }
            std::hint::black_box(deeper(0));
        }
        Some("kill") => {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
        }
        Some(other) => panic!("no such way: {other}"),
    }
    process::id()
}
