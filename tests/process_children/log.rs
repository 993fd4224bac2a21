//! What is logged, for the tests to look at.

use std::sync::Once;

use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::{Condvar, Mutex};

use crate::common::WAIT;

struct Kept {
    lines: Mutex<Vec<(Level, String)>>,
    changed: Condvar,
}

static KEPT: Kept = Kept { lines: Mutex::new(Vec::new()), changed: Condvar::new() };

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.target().starts_with("foreground") {
            self.lines.lock().push((record.level(), record.args().to_string()));
            self.changed.notify_all();
        }
    }

    fn flush(&self) {}
}

/// Keeps what is logged from now on.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&KEPT).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
}

/// What a process has said so far, by its lines in the log.
pub fn said(process: u32) -> Vec<(Level, String)> {
    let prefix = format!("process {process}: ");
    let lines = KEPT.lines.lock();
    let said =
        lines.iter().filter_map(|(level, line)| Some((*level, line.strip_prefix(&prefix)?.to_owned())));
    said.collect()
}

/// Waits until a process has said a line.
pub fn wait_for(process: u32, line: &str) {
    let line = format!("process {process}: {line}");
    let mut lines = KEPT.lines.lock();
    while !lines.iter().any(|(_, said)| *said == line) {
        let late = KEPT.changed.wait_for(&mut lines, WAIT).timed_out();
        assert!(!late, "{line:?} is not in the log");
    }
}
