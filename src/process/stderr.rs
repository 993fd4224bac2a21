//! What a process says on its standard error, line by line in the log.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// A longer line is cut into several.
const LONGEST: usize = 8 * 1024;

/// Logs it, on a thread that ends with it: when the process has ended, and all others that have it too. Cutting them off would
/// kill those that write to it once more. The channel ends with the thread.
pub(super) fn log(
    stderr: impl Read + Send + 'static,
    level: log::Level,
    process: u32,
) -> io::Result<Receiver<()>> {
    let (running, ended) = mpsc::channel();
    let read = move || {
        let _running = running;
        each_line(stderr, |line| {
            log::log!(target: "foreground::process", level, "process {process}: {line}");
        });
    };
    thread::Builder::new().name("foreground-stderr".into()).spawn(read)?;
    Ok(ended)
}

/// Calls back with each line, and with the pieces of long ones. What is no UTF-8 is replaced.
fn each_line(bytes: impl Read, mut tell: impl FnMut(&str)) {
    let mut bytes = BufReader::new(bytes);
    let mut line = Vec::new();
    let mut is_continued = false;
    loop {
        let room = LONGEST - line.len();
        match bytes.by_ref().take(room as u64).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            Ok(0) | Err(_) => break, // what cannot be read has ended
        }
        let is_whole = line.last() == Some(&b'\n');
        let (piece, rest) = line.split_at(if is_whole { line.len() } else { boundary(&line) });
        let text = if is_whole { piece.trim_ascii_end() } else { piece };
        // The end of a line that was cut just before it is not one more.
        if !(is_continued && text.is_empty()) {
            tell(&String::from_utf8_lossy(text));
        }
        is_continued = !is_whole;
        line = rest.to_vec();
    }
    if !line.is_empty() {
        tell(&String::from_utf8_lossy(&line));
    }
}

/// Where to cut a line, so that no character is. Not before its second half.
fn boundary(line: &[u8]) -> usize {
    let is_inside = |at: &usize| line.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    // A character has four bytes at most, and where they end is not known of the last one.
    let last = line.len().saturating_sub(1);
    let start = (last.saturating_sub(3)..=last).rev().find(|at| !is_inside(at)).unwrap_or(last);
    let length = match line.get(start) {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    if start + length > line.len() && start > 0 { start } else { line.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        each_line(bytes, |line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_are_told_without_their_ends() {
        assert_eq!(lines(b"one\ntwo\r\n\nthree"), ["one", "two", "", "three"]);
        assert_eq!(lines(b""), [""; 0]);
        assert_eq!(lines(b"caf\xe9\xff\n"), ["caf\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn a_line_of_the_limit_is_one_and_a_longer_one_is_cut_between_characters() {
        for spare in 0..5 {
            let text = "x".repeat(LONGEST - spare);
            assert_eq!(lines(format!("{text}\nnext\n").as_bytes()), [&*text, "next"]);
        }
        for (letter, offset) in
            ["é", "€", "🦀"].into_iter().flat_map(|letter| (0..4).map(move |n| (letter, n)))
        {
            let text = "x".repeat(offset) + &letter.repeat(LONGEST);
            let cut = lines(text.as_bytes());
            assert_eq!(cut.concat(), text);
            assert!(
                cut.iter()
                    .all(|piece| (LONGEST - 4..=LONGEST).contains(&piece.len())
                        || piece == cut.last().unwrap())
            );
        }
    }

    #[test]
    fn what_looks_like_a_cut_character_for_ever_is_told_all_the_same() {
        let bytes = [0xff; 3 * LONGEST];
        assert_eq!(lines(&bytes).concat(), "\u{fffd}".repeat(3 * LONGEST));
    }
}
