//! The example `remote_control`: a window on a virtual display, which other programs drive and a user clicks in.

#![cfg(all(unix, not(target_os = "macos")))]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::{TempDir, tempdir};
use x11rb::protocol::xproto::Window;

use crate::support::display::{VirtualDisplay, eventually};
use crate::support::example::example;
use crate::support::looks::{cut, find_button, text, wait_for};
use crate::support::running::Running;

/// The colours of the answers, and of the banner.
const YES: [u8; 3] = [0x1f, 0x8a, 0x54];
const NO: [u8; 3] = [0x6b, 0x72, 0x80];
const BLUE: [u8; 3] = [0x2f, 0x6f, 0xde];
const AMBER: [u8; 3] = [0xb2, 0x6a, 0x00];
/// As much of a colour as only the banner has.
const BANNER: usize = 20_000;
/// Where the list is, and the question's text above its buttons.
const LIST: [u32; 4] = [24, 90, 610, 420];
const QUESTION: [u32; 4] = [100, 200, 540, 350];

/// A window that is driven.
struct Shown {
    display: VirtualDisplay,
    running: Running,
    window: Window,
    folder: TempDir,
}

impl Shown {
    fn start() -> Self {
        let (display, folder) = (VirtualDisplay::start(), tempdir().unwrap());
        let mut command = display.command(example("remote_control"));
        let running = Running::start(command.arg("window").env("XDG_RUNTIME_DIR", folder.path()));
        let window = display.find_window("remote_control");
        let shown = Self { display, running, window, folder };
        shown.wait_for_banner(BLUE);
        shown
    }

    fn remote(&self, arguments: &[&str]) -> Running {
        remote(self.folder.path(), arguments)
    }

    /// Has it done, and returns what is printed.
    fn done(&self, arguments: &[&str]) -> String {
        done(self.remote(arguments))
    }

    fn wait_for_banner(&self, color: [u8; 3]) {
        wait_for(&self.display, self.window, color, BANNER);
    }

    fn list(&self) -> Option<Vec<Option<[u8; 3]>>> {
        Some(cut(&self.display.screenshot(self.window).ok()?, LIST))
    }

    /// Waits for a question, and returns where the button of this colour is.
    fn wait_for_question(&self, button: [u8; 3]) -> (i16, i16) {
        eventually("a question", || find_button(&self.display.screenshot(self.window).ok()?, button))
    }

    fn question(&self) -> Option<Vec<Option<[u8; 3]>>> {
        Some(cut(&self.display.screenshot(self.window).ok()?, QUESTION))
    }

    fn answer(&self, button: [u8; 3]) {
        let (x, y) = self.wait_for_question(button);
        self.display.click(self.window, x, y);
    }

    /// Closes the window as its user would.
    fn close(self) {
        self.display.close(self.window);
        self.end();
    }

    fn end(self) {
        let output = self.running.end();
        assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(0), ""));
        assert_eq!(fs::read_dir(&self.folder).unwrap().count(), 0, "the socket's file is gone");
    }
}

fn remote(folder: &Path, arguments: &[&str]) -> Running {
    let mut command = Command::new(example("remote_control"));
    Running::start(command.args(arguments).env("XDG_RUNTIME_DIR", folder))
}

fn done(running: Running) -> String {
    let output = running.end();
    assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(0), ""));
    text(&output.stdout)
}

/// Why it failed.
fn complaint(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

#[test]
fn another_program_changes_what_is_shown() {
    let shown = Shown::start();
    assert_eq!(shown.done(&["get"]), "title: Remote control\ncolor: #2f6fde\n");
    shown.done(&["set-title", "Shopping"]);
    assert_eq!(shown.display.find_window("Shopping"), shown.window);
    shown.done(&["set-color", "amber"]);
    shown.wait_for_banner(AMBER);
    for item in ["Two pounds of apples", "Bread"] {
        let before = shown.list();
        shown.done(&["add-item", item]);
        eventually("another item", || (shown.list() != before).then_some(()));
    }
    shown.done(&["set-color", "#123456"]);
    shown.wait_for_banner([0x12, 0x34, 0x56]);
    let expected = "title: Shopping\ncolor: #123456\nitem:  Two pounds of apples\nitem:  Bread\n";
    assert_eq!(shown.done(&["get"]), expected);
    shown.done(&["close"]);
    shown.end();
}

#[test]
fn the_user_answers_while_another_program_waits() {
    let shown = Shown::start();
    let asker = shown.remote(&["ask", "Is that all?"]);
    shown.wait_for_question(YES);
    let picture = shown.display.screenshot(shown.window).unwrap().save("remote_control_question");
    println!("the question: {}", picture.display());
    // Nothing waits for the answer but who asked.
    shown.done(&["add-item", "Milk"]);
    shown.answer(YES);
    assert_eq!(done(asker), "yes\n");

    let asker = shown.remote(&["ask", "Really?"]);
    shown.answer(NO);
    assert_eq!(done(asker), "no\n");
    shown.close();
}

#[test]
fn questions_wait_for_their_turn() {
    let shown = Shown::start();
    let first = shown.remote(&["ask", "The first?"]);
    shown.wait_for_question(YES);
    let alone = shown.question();
    let second = shown.remote(&["ask", "The second?"]);
    eventually("it is told that another one waits", || (shown.question() != alone).then_some(()));
    let both = shown.question();
    shown.answer(NO);
    assert_eq!(done(first), "no\n");
    eventually("the second", || (shown.question() != both).then_some(()));
    shown.answer(YES);
    assert_eq!(done(second), "yes\n");
    shown.close();
}

#[test]
fn who_asks_is_told_that_the_window_was_closed() {
    let shown = Shown::start();
    let asker = shown.remote(&["ask", "Is that all?"]);
    shown.wait_for_question(YES);
    shown.close();
    let complaint = complaint(&asker.end(), 1);
    assert!(complaint.contains("the window was closed before the question was answered"), "{complaint}");
}

#[test]
fn who_asks_is_told_that_the_window_was_killed() {
    let Shown { display, running, window, folder } = Shown::start();
    let asker = remote(folder.path(), &["ask", "Is that all?"]);
    eventually("a question", || find_button(&display.screenshot(window).ok()?, YES));
    drop(running);
    let complaint = complaint(&asker.end(), 1);
    assert!(complaint.contains("the window has gone: "), "{complaint}");
}

#[test]
fn the_question_of_a_program_that_was_killed_goes_away() {
    let shown = Shown::start();
    let asker = shown.remote(&["ask", "Is that all?"]);
    shown.wait_for_question(YES);
    // It is killed.
    drop(asker);
    shown.wait_for_banner(BLUE);
    shown.done(&["set-color", "amber"]);
    shown.wait_for_banner(AMBER);
    shown.close();
}

#[test]
fn a_hidden_window_obeys() {
    let shown = Shown::start();
    shown.display.unmap(shown.window);
    shown.display.wait_until_viewable(shown.window, false);
    shown.done(&["set-title", "Hidden"]);
    assert!(shown.done(&["get"]).starts_with("title: Hidden\n"));
    shown.done(&["close"]);
    shown.end();
}

#[test]
fn without_a_window_it_serves_until_it_is_told_to_close() {
    let folder = tempdir().unwrap();
    for told in [true, false] {
        let mut command = Command::new(example("remote_control"));
        command.arg("window");
        if told {
            command.arg("--headless");
        } else {
            command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        }
        let socket = format!("unix:{}/socket-{told}", folder.path().display());
        command.args(["--listen", &socket]);
        let window = Running::start(&mut command);
        eventually("it listens", || folder.path().join(format!("socket-{told}")).exists().then_some(()));
        let remote =
            |arguments: &[&str]| remote(folder.path(), &[&["--connect", &socket], arguments].concat());
        done(remote(&["add-item", "Bread"]));
        assert!(done(remote(&["get"])).ends_with("\nitem:  Bread\n"));
        let complaint = complaint(&remote(&["ask", "Is that all?"]).end(), 1);
        assert!(complaint.contains("there is no window, and so nobody to ask"), "{complaint}");
        done(remote(&["close"]));
        let output = window.end();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout), format!("listening at {socket}\n"));
        assert_eq!(text(&output.stderr).contains("no display"), !told);
    }
}

#[test]
fn the_default_folder_is_the_users_alone() {
    let home = tempdir().unwrap();
    let folder = home.path().join(".cache/foreground");
    let start = |arguments: &[&str]| {
        let mut command = Command::new(example("remote_control"));
        Running::start(command.args(arguments).env("HOME", home.path()).env_remove("XDG_RUNTIME_DIR"))
    };
    let window = start(&["window", "--headless"]);
    eventually("it listens", || folder.join("remote_control.sock").exists().then_some(()));
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let second = complaint(&start(&["window", "--headless"]).end(), 1);
    assert!(second.contains("cannot listen at unix:"), "{second}");
    done(start(&["close"]));
    assert_eq!(window.end().status.code(), Some(0));
}

#[test]
fn a_wrong_command_line_is_told_from_a_window_that_is_not_there() {
    let folder = tempdir().unwrap();
    for (arguments, code, expected) in [
        (&[] as &[&str], 2, "say what to do"),
        (&["dance"], 2, "unknown command \"dance\""),
        (&["set-title"], 2, "wants a text"),
        (&["set-title", "two", "words"], 2, "put it in quotes"),
        (&["set-color", "mauve"], 2, "is no colour"),
        (&["set-color", "#12345"], 2, "is no colour"),
        (&["get", "it"], 2, "wants no \"it\""),
        (&["get", "--headless"], 2, "are for the window"),
        (&["window", "--connect", "h:1"], 2, "a window listens"),
        (&["window", "--listen"], 2, "wants an address"),
        (&["window", "--listen", "here"], 2, "is no address"),
        (&["get"], 1, "there is no window: cannot connect to unix:"),
        (&["ask", "Are you there?"], 1, "Start one by: remote_control window"),
    ] {
        let complaint = complaint(&remote(folder.path(), arguments).end(), code);
        assert!(complaint.contains(expected), "{arguments:?}: {complaint}");
    }
    assert!(done(remote(folder.path(), &["--help"])).starts_with("A window that other programs drive"));
}
