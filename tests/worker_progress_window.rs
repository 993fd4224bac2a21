//! The example `worker_progress` in a real window on a virtual display, as a person sees and uses it: by
//! screenshot, pointer, keyboard and the window's close button.

#![cfg(all(unix, not(target_os = "macos")))]

mod support;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::process::Output;

use tempfile::TempDir;
use x11rb::protocol::xproto::Window;

use crate::support::display::{VirtualDisplay, eventually, key};
use crate::support::example::example;
use crate::support::running::Running;

const TITLE: &str = "worker_progress";
/// The middle of the button in the window's first size.
const BUTTON: (i16, i16) = (820, 50);
/// The beginning of the overall bar, and its colours while the job runs, when all is done, and when it was
/// cancelled.
const BAR: (u32, u32) = (36, 106);
const BLUE: [u8; 3] = [0x5b, 0x9c, 0xff];
const GREEN: [u8; 3] = [0x4c, 0xc3, 0x8a];
const AMBER: [u8; 3] = [0xe3, 0xb3, 0x41];

/// A folder that takes far longer to hash than a test takes: holes in a file cost no disk.
fn long_job() -> TempDir {
    let folder = quick_job();
    for n in 0..4 {
        let file = File::create(folder.path().join(format!("huge{n}"))).unwrap();
        file.set_len(20_000_000_000).unwrap();
    }
    folder
}

fn quick_job() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..50 {
        fs::write(folder.path().join(format!("small{n}")), vec![n; 1_000]).unwrap();
    }
    folder
}

fn start(display: &VirtualDisplay, arguments: &[&OsStr]) -> Running {
    Running::start(display.command(example("worker_progress")).args(arguments))
}

fn wait_for_color(display: &VirtualDisplay, window: Window, color: [u8; 3]) {
    eventually("the overall bar changes its colour", || {
        (display.pixel(window, BAR.0, BAR.1) == Some(color)).then_some(())
    });
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_button_cancels_and_then_closes() {
    let (display, folder) = (VirtualDisplay::start(), long_job());
    let running = start(&display, &[folder.path().as_os_str()]);
    let window = display.find_window(TITLE);
    wait_for_color(&display, window, BLUE);
    let picture = display.screenshot(window).unwrap().save("worker_progress_at_work");
    println!("at work: {}", picture.display());

    display.click(window, BUTTON.0, BUTTON.1);
    wait_for_color(&display, window, AMBER);
    display.click(window, BUTTON.0, BUTTON.1);
    let output = running.end();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("cancelled"), "{}", stderr(&output));
}

#[test]
fn escape_cancels_and_then_closes() {
    let (display, folder) = (VirtualDisplay::start(), long_job());
    let running = start(&display, &[folder.path().as_os_str()]);
    let window = display.find_window(TITLE);
    wait_for_color(&display, window, BLUE);
    display.focus(window);
    display.press_key(key::ESCAPE);
    wait_for_color(&display, window, AMBER);
    display.press_key(key::ESCAPE);
    assert_eq!(running.end().status.code(), Some(3));
}

#[test]
fn a_finished_job_stays_on_the_screen_until_it_is_closed() {
    let (display, folder) = (VirtualDisplay::start(), quick_job());
    let running = start(&display, &[folder.path().as_os_str()]);
    let window = display.find_window(TITLE);
    wait_for_color(&display, window, GREEN);
    let picture = display.screenshot(window).unwrap().save("worker_progress_done");
    println!("done: {}", picture.display());
    display.close(window);
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("50 files"), "{}", stderr(&output));
}

#[test]
fn closing_the_window_in_the_middle_ends_cleanly() {
    let (display, folder) = (VirtualDisplay::start(), long_job());
    let running = start(&display, &["--workers".as_ref(), "6".as_ref(), folder.path().as_os_str()]);
    let window = display.find_window(TITLE);
    wait_for_color(&display, window, BLUE);
    display.close(window);
    let output = running.end();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let log = stderr(&output);
    assert!(log.contains("cancelled") && !log.contains("does not come back"), "{log}");
}

#[test]
fn with_json_the_window_closes_by_itself_and_says_the_same_as_without_a_window() {
    let (display, folder) = (VirtualDisplay::start(), quick_job());
    let arguments = ["--json".as_ref(), folder.path().as_os_str()];
    let output = start(&display, &arguments).end();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let headless = start(&display, &["--headless".as_ref(), arguments[0], arguments[1]]).end();
    assert_eq!(output.stdout, headless.stdout);
    assert!(output.stdout.starts_with(br#"{"files":50,"bytes":50000,"errors":0,"digest":""#));
}

#[test]
fn the_job_is_done_though_the_display_goes_away() {
    let (display, folder) = (VirtualDisplay::start(), quick_job());
    // Enough that the display goes before the end.
    let file = File::create(folder.path().join("large")).unwrap();
    file.set_len(100_000_000).unwrap();
    let running = start(&display, &["--json".as_ref(), folder.path().as_os_str()]);
    let window = display.find_window(TITLE);
    wait_for_color(&display, window, BLUE);
    drop(display);
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("display"), "{}", stderr(&output));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.starts_with(r#"{"files":51,"bytes":100050000,"errors":0,"digest":""#), "{stdout}");
}

#[test]
fn a_cancelled_job_is_not_done_when_the_display_goes_away() {
    let (display, folder) = (VirtualDisplay::start(), long_job());
    let running = start(&display, &[folder.path().as_os_str()]);
    let window = display.find_window(TITLE);
    wait_for_color(&display, window, BLUE);
    display.click(window, BUTTON.0, BUTTON.1);
    wait_for_color(&display, window, AMBER);
    drop(display);
    let output = running.end();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}

#[test]
fn any_size_and_scale_will_do() {
    let (display, folder) = (VirtualDisplay::start(), long_job());
    for scale in ["1", "2"] {
        let mut command = display.command(example("worker_progress"));
        command.env("WINIT_X11_SCALE_FACTOR", scale).arg(folder.path());
        let running = Running::start(&mut command);
        let window = display.find_window(TITLE);
        for (width, height) in [(300, 200), (1, 1), (1200, 120), (90, 900), (900, 620)] {
            display.resize(window, width, height);
            eventually("the window is drawn in its new size", || {
                let picture = display.screenshot(window).ok()?;
                let corner = picture.pixel(width - 1, height - 1)?;
                (corner != [0, 0, 0]).then_some(())
            });
        }
        display.close(window);
        let output = running.end();
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    }
}
