//! Numbers, times and names for people.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::progress::Progress;

/// `12,345`
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `1.23 MB`
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "";
    for next in units {
        value /= 1000.0;
        unit = next;
        // What would be rounded up to 1000 is 1.00 of the next.
        if value < 999.5 {
            break;
        }
    }
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.decimals$} {unit}")
}

/// `0:07`, `1:02:03`
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// `0.3 s`, and for what takes longer, `0:17`
fn seconds(time: Duration) -> String {
    if time.as_secs() < 10 { format!("{:.1} s", time.as_secs_f64()) } else { duration(time) }
}

/// A path for the eye. A name may hold anything; what a terminal would obey is written out instead.
pub(crate) fn path(path: &Path) -> String {
    path.to_string_lossy().chars().fold(String::new(), |mut text, letter| {
        if letter.is_control() {
            let _ = write!(text, "{}", letter.escape_debug());
        } else {
            text.push(letter);
        }
        text
    })
}

/// Shortens a text in the middle until it `fits`: both ends of a path tell something.
pub(crate) fn elide(text: &str, fits: impl Fn(&str) -> bool) -> String {
    if fits(text) {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let shortened = |kept: usize| {
        // The end, with the file's own name, gets the larger part.
        let (head, tail) = (kept / 3, kept - kept / 3);
        let mut text: String = letters[..head].iter().collect();
        text.push('…');
        text.extend(&letters[letters.len() - tail..]);
        text
    };
    let (mut low, mut high) = (0, letters.len().saturating_sub(1));
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(&shortened(middle)) { low = middle } else { high = middle - 1 }
    }
    shortened(low)
}

/// The last word on a job.
pub(crate) fn summary(progress: &Progress, is_cancelled: bool) -> String {
    let (files, bytes_hashed) = progress.hashed();
    let mut text = match () {
        () if progress.is_complete() => "hashed ",
        () if is_cancelled => "cancelled; hashed ",
        () => "incomplete; hashed ",
    }
    .to_owned();
    text += &counted(files, "file");
    let _ = write!(text, ", {} in {}", bytes(bytes_hashed), seconds(progress.elapsed()));
    if progress.errors() > 0 {
        let _ = write!(text, ", {}", counted(progress.errors(), "error"));
    }
    text
}

/// What the overall bar says: `1,200 of 3,400 files · 12 MB of 34 MB · 210 MB/s · 0:12 left`
pub(crate) fn status(progress: &Progress) -> String {
    let (files, _) = progress.hashed();
    let (found_files, found_bytes) = progress.found();
    if progress.is_over() {
        let (files, bytes_hashed) = progress.hashed();
        return format!(
            "{} · {} · {}/s · {}",
            counted(files, "file"),
            bytes(bytes_hashed),
            bytes(progress.rate() as u64),
            seconds(progress.elapsed()),
        );
    }
    // While the scanner is at work, the totals still grow.
    let plus = if progress.is_found_all() { "" } else { "+" };
    let mut text = format!(
        "{} of {}{plus} files · {} of {}{plus} · {}/s",
        count(files),
        count(found_files),
        bytes(progress.read()),
        bytes(found_bytes),
        bytes(progress.rate() as u64),
    );
    if let Some(left) = progress.left() {
        let _ = write!(text, " · {} left", duration(left));
    }
    text
}
