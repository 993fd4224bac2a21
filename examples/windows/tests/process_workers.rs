//! The example `process_workers`: files that processes hash, some of which are killed, without a window and in one on a
//! virtual display.

#![cfg(all(unix, not(target_os = "macos")))]

mod support;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use x11rb::protocol::xproto::Window;

use crate::support::display::{VirtualDisplay, eventually};
use crate::support::example::example;
use crate::support::looks::{count, text};
use crate::support::running::Running;

/// How many there are, if nothing else is said.
const WORKERS: usize = 4;
/// How long large files are: longer than a worker reads while a test goes on, in either profile.
const LONG: u64 = if cfg!(debug_assertions) { 400_000_000 } else { 20_000_000_000 };
/// What is left of one to be read when it was shortened.
const SHORT: u64 = 1_000_000;
/// How many files there are with the large ones.
const FILES: usize = 300 + WORKERS + 1;
/// How long the end may take, of a program whose workers were told to end.
const SOON: Duration = Duration::from_secs(10);
/// The colours of bars: of those that grow, that are done, that crashed, that were cancelled.
const BLUE: [u8; 3] = [0x2f, 0x6f, 0xde];
const GREEN: [u8; 3] = [0x1f, 0x8a, 0x54];
const RED: [u8; 3] = [0xc8, 0x32, 0x3c];
const AMBER: [u8; 3] = [0xb2, 0x6a, 0x00];

/// Files of many lengths, more of them than a worker gets at a time.
fn small_files() -> TempDir {
    let folder = tempdir().unwrap();
    for n in 0..300_usize {
        let folder = folder.path().join(format!("folder {}", n % 7));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("file {n}")), vec![n as u8; n * 100]).unwrap();
    }
    folder
}

/// Files that take a while, one for each worker and one more. Holes cost no room.
fn large_files() -> TempDir {
    let folder = small_files();
    for n in 0..=WORKERS {
        let file = File::create(folder.path().join(format!("a large file {n}"))).unwrap();
        file.set_len(LONG + n as u64).unwrap();
    }
    folder
}

/// What has to be in the summary.
fn digest(folder: &Path) -> String {
    let script = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum | sha256sum";
    let output = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    text(&output.stdout).split(' ').next().unwrap().to_owned()
}

fn headless(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(example("process_workers"));
    Running::start(command.arg("--headless").args(arguments).arg(folder)).end()
}

/// The summary's numbers, after all that was said of the files has been found right.
fn assert_all_right(output: &Output, folder: &Path) -> Value {
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(summary["digest"], digest(folder), "{}", text(&output.stderr));
    assert_eq!(summary["errors"], 0, "{}", text(&output.stderr));
    summary
}

/// The processes that a process has started and that have not ended, zombies included.
fn children(parent: u32) -> Vec<u32> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|process| parent_of(*process) == Some(parent)).collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before it is in brackets, and may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn signal(processes: &[u32], signal: Signal) {
    for process in processes {
        // It has not been waited for, so the number is its own.
        let process = Pid::from_raw(i32::try_from(*process).unwrap()).unwrap();
        kill_process(process, signal).unwrap();
    }
}

/// Whether a process has an end before it.
fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

fn wait_for_the_end_of(processes: &[u32]) {
    assert!(!processes.is_empty());
    eventually("the end of the workers", || {
        (!processes.iter().any(|process| is_alive(*process))).then_some(())
    });
}

/// Which file a worker reads if it is a large one, and how far it is.
fn reads(worker: u32) -> Option<(PathBuf, u64)> {
    fs::read_dir(format!("/proc/{worker}/fd")).ok()?.find_map(|descriptor| {
        let descriptor = descriptor.ok()?;
        let file = fs::read_link(descriptor.path()).ok()?;
        let name = descriptor.file_name().into_string().ok()?;
        let info = fs::read_to_string(format!("/proc/{worker}/fdinfo/{name}")).ok()?;
        let place = info.lines().find_map(|line| line.strip_prefix("pos:"))?.trim().parse().ok()?;
        file.to_string_lossy().contains("a large file").then_some((file, place))
    })
}

/// Waits until this process has its workers, and each of them reads one of the large files.
fn wait_until_all_read(process: u32) -> Vec<u32> {
    eventually("workers at work", || {
        let workers = children(process);
        (workers.len() == WORKERS && workers.iter().all(|worker| reads(*worker).is_some())).then_some(workers)
    })
}

/// Leaves little to be read of each large file. What workers have read of them stays, and the workers are not to go on meanwhile.
fn shorten(folder: &Path, workers: &[u32]) {
    let read: Vec<_> = workers.iter().filter_map(|worker| reads(*worker)).collect();
    assert_eq!(read.len(), workers.len());
    for n in 0..=WORKERS {
        let path = folder.join(format!("a large file {n}"));
        let place = read.iter().find(|(file, _)| *file == path).map_or(0, |(_, place)| *place);
        File::options().write(true).open(&path).unwrap().set_len(place + SHORT + n as u64).unwrap();
    }
}

mod without_a_window {
    use super::*;

    #[test]
    fn every_file_is_hashed_once() {
        let folder = small_files();
        for workers in ["1", "3", "8"] {
            let output = headless(&["--workers", workers], folder.path());
            let summary = assert_all_right(&output, folder.path());
            assert_eq!((&summary["files"], &summary["crashed"]), (&json!(300), &json!(0)));
            assert_eq!(summary["bytes"], 100 * 299 * 300 / 2);
        }
    }

    #[test]
    fn every_file_is_hashed_once_though_a_worker_crashes() {
        let folder = small_files();
        for workers in ["2", "4", "4", "4"] {
            let output = headless(&["--crash", "--workers", workers], folder.path());
            let summary = assert_all_right(&output, folder.path());
            assert_eq!((&summary["files"], &summary["crashed"]), (&json!(300), &json!(1)));
            assert!(
                text(&output.stderr).contains("crashed (signal: 9 (SIGKILL))"),
                "{}",
                text(&output.stderr)
            );
        }
    }

    #[test]
    fn workers_that_others_kill_are_made_up_for() {
        let folder = large_files();
        let mut command = Command::new(example("process_workers"));
        let running = Running::start(command.arg("--headless").arg(folder.path()));
        let workers = wait_until_all_read(running.id());
        signal(&workers[..1], Signal::STOP);
        signal(&workers[1..], Signal::KILL);
        shorten(folder.path(), &workers[..1]);
        signal(&workers[..1], Signal::CONT);
        let summary = assert_all_right(&running.end(), folder.path());
        assert_eq!((&summary["files"], &summary["crashed"]), (&json!(FILES), &json!(WORKERS - 1)));
        wait_for_the_end_of(&workers);
    }

    #[test]
    fn with_its_only_worker_gone_it_says_what_is_missing() {
        let folder = small_files();
        let output = headless(&["--crash", "--workers", "1"], folder.path());
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("some files were not hashed"), "{}", text(&output.stderr));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(summary["files"].as_u64().is_some_and(|files| (1..300).contains(&files)), "{summary}");
    }

    #[test]
    fn without_a_display_it_says_so_and_does_the_job() {
        let folder = small_files();
        let mut command = Command::new(example("process_workers"));
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").arg(folder.path());
        let output = Running::start(&mut command).end();
        assert_all_right(&output, folder.path());
        assert!(text(&output.stderr).contains("no display"), "{}", text(&output.stderr));
    }

    #[test]
    fn a_name_need_not_be_unicode() {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join(OsStr::from_bytes(b"\xff\xfe")), "content").unwrap();
        let output = headless(&[], folder.path());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&summary["files"], &summary["bytes"]), (&json!(1), &json!(7)));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let output = headless(&[], Path::new("/nonexistent"));
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("/nonexistent"), "{}", text(&output.stderr));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&summary["files"], &summary["errors"]), (&json!(0), &json!(1)));
    }

    #[test]
    fn an_empty_folder_is_done_at_once() {
        let folder = tempdir().unwrap();
        assert_eq!(assert_all_right(&headless(&[], folder.path()), folder.path())["files"], 0);
    }

    #[test]
    fn wrong_options_are_told() {
        for (arguments, expected) in
            [(&["--dance"][..], "unknown option --dance"), (&["--workers", "0"], "a number from 1 to 16")]
        {
            let output = Command::new(example("process_workers")).args(arguments).output().unwrap();
            assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(1), ""));
            assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
        }
        let output = Command::new(example("process_workers")).arg("--help").output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("Usage: process_workers"));
    }
}

mod in_a_window {
    use super::*;

    const CANCEL: (i16, i16) = (728, 112);
    /// The overall bar, at its left end.
    const OVERALL: (u32, u32) = (24, 94);

    /// The left end of a worker's bar.
    fn bar(place: u32) -> (u32, u32) {
        (24, 167 + 59 * place)
    }

    /// A worker's button: `Crash it`, and `Start again` when it has crashed.
    fn button(place: i16) -> (i16, i16) {
        (728, 184 + 59 * place)
    }

    /// The example in its window, with all workers at work.
    struct Shown {
        display: VirtualDisplay,
        running: Running,
        window: Window,
        workers: Vec<u32>,
    }

    impl Shown {
        fn start(folder: &Path) -> Self {
            let display = VirtualDisplay::start();
            let running = Running::start(display.command(example("process_workers")).arg(folder));
            let workers = wait_until_all_read(running.id());
            let window = display.find_window("process_workers");
            Self { display, running, window, workers }
        }

        /// The same, and when all bars have begun none of the workers goes on for now.
        fn start_and_stop(folder: &Path) -> Self {
            let shown = Self::start(folder);
            let bars = 0..WORKERS as u32;
            bars.clone().for_each(|place| shown.wait_for_color(bar(place), BLUE));
            signal(&shown.workers, Signal::STOP);
            bars.for_each(|place| shown.wait_for_color(bar(place), BLUE));
            shown
        }

        fn click(&self, (x, y): (i16, i16)) {
            self.display.click(self.window, x, y);
        }

        fn color(&self, (x, y): (u32, u32)) -> Option<[u8; 3]> {
            self.display.pixel(self.window, x, y)
        }

        fn wait_for_color(&self, place: (u32, u32), color: [u8; 3]) {
            eventually(&format!("{color:x?} at {place:?}"), || (self.color(place)? == color).then_some(()));
        }

        fn save(&self, name: &str) {
            let picture = self.display.screenshot(self.window).unwrap();
            println!("{name}: {}", picture.save(name).display());
        }

        /// Closes the window, after which no worker is left, and not for long while they end.
        fn close(self) -> Output {
            let workers = [self.workers, children(self.running.id())].concat();
            let closed = Instant::now();
            self.display.close(self.window);
            let output = self.running.end();
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            assert!(closed.elapsed() < SOON, "it took {:?}", closed.elapsed());
            assert!(!workers.iter().any(|worker| is_alive(*worker)), "a worker is left");
            output
        }
    }

    #[test]
    fn the_bars_grow() {
        let folder = large_files();
        let shown = Shown::start(folder.path());
        let grown = || count(&shown.display.screenshot(shown.window).unwrap(), [20, 150, 664, 400], BLUE);
        let before = grown();
        eventually("bars that grow", || (grown() > before).then_some(()));
        shown.close();
    }

    #[test]
    fn the_bar_of_a_crashed_worker_says_so_and_the_others_take_its_files_over() {
        let folder = large_files();
        let shown = Shown::start_and_stop(folder.path());
        shown.click(button(1));
        shown.wait_for_color(bar(1), RED);
        for place in [0, 2, 3] {
            assert_eq!(shown.color(bar(place)), Some(BLUE), "the bar of another one");
        }
        let others = eventually("one less", || {
            let others = children(shown.running.id());
            (others.len() == WORKERS - 1).then_some(others)
        });
        shorten(folder.path(), &others);
        signal(&others, Signal::CONT);
        for place in [0, 2, 3] {
            shown.wait_for_color(bar(place), GREEN);
        }
        shown.wait_for_color(OVERALL, GREEN);
        assert_eq!(shown.color(bar(1)), Some(RED), "it stays where it was");
        shown.save("process_workers_done");
        let summary = assert_all_right(&shown.close(), folder.path());
        assert_eq!((&summary["files"], &summary["crashed"]), (&json!(FILES), &json!(1)));
    }

    #[test]
    fn one_that_is_started_again_does_the_work_of_all_that_crashed() {
        let folder = large_files();
        let shown = Shown::start_and_stop(folder.path());
        for place in 0..WORKERS as i16 {
            shown.click(button(place));
            shown.wait_for_color(bar(place as u32), RED);
        }
        wait_for_the_end_of(&shown.workers);
        shorten(folder.path(), &[]);
        shown.click(button(2));
        shown.wait_for_color(bar(2), GREEN);
        shown.wait_for_color(OVERALL, GREEN);
        let summary = assert_all_right(&shown.close(), folder.path());
        assert_eq!((&summary["files"], &summary["crashed"]), (&json!(FILES), &json!(WORKERS)));
    }

    #[test]
    fn cancel_ends_all_that_is_at_work() {
        let folder = large_files();
        let shown = Shown::start(folder.path());
        shown.click(CANCEL);
        for place in 0..WORKERS as u32 {
            shown.wait_for_color(bar(place), AMBER);
        }
        let output = shown.close();
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&summary["files"], &summary["crashed"]), (&json!(0), &json!(0)));
    }

    #[test]
    fn closing_the_window_at_work_leaves_no_process() {
        let folder = large_files();
        Shown::start(folder.path()).close();
    }

    #[test]
    fn closing_the_window_leaves_no_process_though_one_does_not_heed_it() {
        let folder = large_files();
        let shown = Shown::start(folder.path());
        signal(&shown.workers[..1], Signal::STOP);
        shown.close();
    }

    #[test]
    fn workers_end_when_the_window_is_killed() {
        let folder = large_files();
        let Shown { running, workers, .. } = Shown::start(folder.path());
        drop(running);
        wait_for_the_end_of(&workers);
    }
}
