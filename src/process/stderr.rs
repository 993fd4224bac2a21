//! What a process says on its standard error, line by line in the log.

use std::io::{self, BufRead, BufReader, Read};
use std::process::ChildStderr;
use std::thread;

/// A longer line is cut into several.
const LONGEST: u64 = 8 * 1024;

/// Logs it, on a thread that ends with it.
pub(super) fn log(stderr: ChildStderr, level: log::Level, process: u32) -> io::Result<()> {
    let read = move || {
        let mut stderr = BufReader::new(stderr);
        let mut line = Vec::new();
        // What cannot be read has ended.
        while let Ok(1..) = stderr.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(line.trim_ascii_end());
            log::log!(target: "foreground::process", level, "process {process}: {text}");
            line.clear();
        }
    };
    thread::Builder::new().name("foreground-stderr".into()).spawn(read).map(drop)
}
