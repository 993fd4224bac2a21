//! The examples of tasks, in real windows on a virtual display as a person sees and uses them, and without one.

#![cfg(all(unix, not(target_os = "macos")))]

mod support;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::display::{VirtualDisplay, Window, eventually, key};
use crate::support::example::example;
use crate::support::running::Running;

/// What `common::state_color` says of a task: the colour of its dot, or of its bar.
const EXECUTING: [u8; 3] = [0x2f, 0x6f, 0xde];
const COMPLETED: [u8; 3] = [0x1f, 0x8a, 0x54];
const FAILED: [u8; 3] = [0xc8, 0x32, 0x3c];
const CANCELLING: [u8; 3] = [0xe6, 0xa8, 0x17];
const CANCELLED: [u8; 3] = [0xb2, 0x6a, 0x00];
const WAITING: [u8; 3] = [0x6b, 0x72, 0x80];

/// An example in its window.
struct Shown {
    display: VirtualDisplay,
    running: Running,
    window: Window,
}

impl Shown {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let display = VirtualDisplay::start();
        let running = Running::start(display.command(example(name)).args(arguments));
        let window = display.find_window(name);
        Self { display, running, window }
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

    /// What a part of the window shows.
    fn part(&self, (left, top): (u32, u32), (right, bottom): (u32, u32)) -> Vec<[u8; 3]> {
        let picture = self.display.screenshot(self.window).expect("the window is on the screen");
        let places = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        places.map(|(x, y)| picture.pixel(x, y).expect("the place is in the window")).collect()
    }

    fn save(&self, name: &str) {
        let picture = self.display.screenshot(self.window).expect("the window is on the screen");
        println!("{name}: {}", picture.save(name).display());
    }

    /// Closes the window. The program has to end well within `limit`, and without a complaint.
    fn close(self, limit: Duration) {
        let closed_at = Instant::now();
        self.display.close(self.window);
        let output = self.running.end();
        let took = closed_at.elapsed();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(!stderr(&output).contains("not ended in time"), "{}", stderr(&output));
        assert!(took < limit, "it took {took:?} to end");
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs an example without a window, once because it is told to and once because there is no display. Returns what
/// it prints in either case.
fn without_a_window(name: &str, arguments: &[&str]) -> [String; 2] {
    let told = || {
        let mut command = Command::new(example(name));
        command.arg("--headless").env("DISPLAY", ":no-such-display");
        command
    };
    let without_display = || {
        let mut command = Command::new(example(name));
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        command
    };
    [(told(), false), (without_display(), true)].map(|(mut command, says_so)| {
        let output = Running::start(command.args(arguments)).end();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stderr(&output).contains("no display"), says_so, "{}", stderr(&output));
        String::from_utf8(output.stdout).expect("the output is text")
    })
}

#[test]
fn a_display_that_cannot_be_reached_is_done_without() {
    let mut command = Command::new(example("prime_counting"));
    command.arg("1000").env("DISPLAY", ":no-such-display").env_remove("WAYLAND_DISPLAY");
    let output = Running::start(&mut command).end();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("going on without a window"), "{}", stderr(&output));
    assert!(
        output.stdout.starts_with(b"168 primes below 1000 "),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

mod slow_squares {
    use super::*;

    const SUBMIT: (i16, i16) = (244, 101);
    const CANCEL_ALL: (i16, i16) = (360, 101);
    const FIELD: (i16, i16) = (150, 101);

    /// The state's dot in a row.
    fn dot(row: u32) -> (u32, u32) {
        (138, 153 + 38 * row)
    }

    fn cancel_button(row: i16) -> (i16, i16) {
        (788, 153 + 38 * row)
    }

    #[test]
    fn each_row_shows_its_state_and_is_cancelled_alone() {
        let shown = Shown::start("slow_squares", &[]);
        // Two threads are busy with others.
        shown.wait_for_color(dot(6), WAITING);
        shown.click(cancel_button(6));
        shown.wait_for_color(dot(6), CANCELLED);
        shown.wait_for_color(dot(2), FAILED);
        shown.save("slow_squares");
        for (row, color) in
            [COMPLETED, FAILED, FAILED, COMPLETED, COMPLETED, COMPLETED].into_iter().enumerate()
        {
            shown.wait_for_color(dot(row as u32), color);
        }
        assert_eq!(shown.color(dot(6)), Some(CANCELLED), "it never ran");
        shown.close(Duration::from_secs(5));
    }

    #[test]
    fn a_number_in_the_field_is_submitted_and_what_is_none_is_refused() {
        let shown = Shown::start("slow_squares", &[]);
        shown.wait_for_color(dot(6), WAITING);
        let result = || shown.part((250, 153 + 7 * 38 - 12), (640, 153 + 7 * 38 + 12));
        let complaint = || shown.part((430, 90), (780, 112));
        let (empty_row, no_complaint) = (result(), complaint());
        // It holds a number already.
        shown.click(SUBMIT);
        shown.wait_for_color(dot(7), COMPLETED);
        assert_ne!(result(), empty_row, "the square is shown");
        assert_eq!(complaint(), no_complaint);

        shown.display.focus(shown.window);
        // One thing a frame, as with people.
        let (frame, text) = (|| shown.part((20, 84), (180, 88)), || shown.part((49, 90), (178, 112)));
        let (old_frame, old_text) = (frame(), text());
        shown.click(FIELD);
        eventually("the field has the keyboard", || (frame() != old_frame).then_some(()));
        shown.display.press_key(u32::from('x'));
        eventually("the field shows what is typed", || (text() != old_text).then_some(()));
        shown.display.press_key(key::RETURN);
        eventually("a complaint", || (complaint() != no_complaint).then_some(()));
        assert_eq!(shown.color(dot(8)), shown.color(dot(9)), "no row came of it");
        shown.close(Duration::from_secs(5));
    }

    #[test]
    fn cancel_all_spares_those_that_are_done() {
        let shown = Shown::start("slow_squares", &[]);
        shown.wait_for_color(dot(0), COMPLETED);
        shown.click(CANCEL_ALL);
        shown.wait_for_color(dot(6), CANCELLED);
        assert_eq!(shown.color(dot(0)), Some(COMPLETED));
        shown.close(Duration::from_secs(5));
    }

    #[test]
    fn closing_the_window_in_the_middle_ends_cleanly() {
        let shown = Shown::start("slow_squares", &[]);
        shown.wait_for_color(dot(6), WAITING);
        shown.close(Duration::from_secs(5));
    }

    #[test]
    fn without_a_window_all_results_are_printed() {
        for printed in without_a_window("slow_squares", &[]) {
            let lines: Vec<&str> = printed.lines().collect();
            assert_eq!(lines[0], "7: completed: 49");
            assert_eq!(lines[1], "4294967296: failed: the square of 4294967296 needs more than 64 bits");
            assert!(
                lines[2].starts_with("13: failed: panicked at examples/windows/slow_squares.rs:"),
                "{printed}"
            );
            assert!(lines[2].ends_with(": 13 is unlucky"), "{printed}");
            let rest =
                ["12: completed: 144", "100: completed: 10000", "9: completed: 81", "21: completed: 441"];
            assert_eq!(lines[3..], rest);
        }
    }
}

mod prime_counting {
    use super::*;

    /// More than can be counted while a test runs.
    const LONG: &str = "3000000000";
    const CANCEL: (i16, i16) = (72, 183);
    const AGAIN: (i16, i16) = (190, 183);
    const BAR_BEGIN: (u32, u32) = (22, 94);
    const BAR_END: (u32, u32) = (617, 94);
    const DOT: (u32, u32) = (262, 183);

    #[test]
    fn the_numbers_move_while_it_counts_and_cancel_ends_it() {
        let shown = Shown::start("prime_counting", &[LONG]);
        shown.wait_for_color(DOT, EXECUTING);
        let numbers = || shown.part((20, 106), (620, 155));
        let before = numbers();
        eventually("the numbers move", || (numbers() != before).then_some(()));
        shown.click(CANCEL);
        shown.wait_for_color(DOT, CANCELLED);
        shown.click(AGAIN);
        shown.wait_for_color(DOT, EXECUTING);
        shown.close(Duration::from_secs(4));
    }

    #[test]
    fn the_bar_is_full_at_the_end() {
        let shown = Shown::start("prime_counting", &["300000"]);
        shown.wait_for_color(BAR_END, COMPLETED);
        assert_eq!(shown.color(BAR_BEGIN), Some(COMPLETED));
        shown.close(Duration::from_secs(4));
    }

    #[test]
    fn without_a_window_the_number_of_primes_is_printed() {
        for printed in without_a_window("prime_counting", &["100000"]) {
            assert!(printed.starts_with("9592 primes below 100000 in "), "{printed}");
        }
    }

    #[test]
    fn what_is_no_limit_is_an_error() {
        let mut command = Command::new(example("prime_counting"));
        let output = Running::start(command.args(["--headless", "many"])).end();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("InvalidDigit"), "{}", stderr(&output));
    }
}

mod interruptible {
    use super::*;

    const CANCEL: [(i16, i16); 2] = [(72, 128), (418, 128)];
    const DOTS: [(u32, u32); 2] = [(142, 128), (488, 128)];
    const AGAIN: (i16, i16) = (72, 206);

    #[test]
    fn what_looks_ends_at_once_and_what_does_not_look_runs_on() {
        let shown = Shown::start("interruptible", &[]);
        DOTS.iter().for_each(|&dot| shown.wait_for_color(dot, EXECUTING));
        shown.click(CANCEL[0]);
        shown.wait_for_color(DOTS[0], CANCELLING);
        shown.click(CANCEL[1]);
        shown.wait_for_color(DOTS[1], CANCELLED);
        assert_eq!(shown.color(DOTS[0]), Some(CANCELLING));
        let clock = || shown.part((20, 150), (350, 175));
        let before = clock();
        eventually("the time since the cancel goes on", || (clock() != before).then_some(()));
        shown.wait_for_color(DOTS[0], CANCELLED);
        shown.save("interruptible");
        shown.click(AGAIN);
        DOTS.iter().for_each(|&dot| shown.wait_for_color(dot, EXECUTING));
        // One of the two does not look, and takes its four seconds.
        shown.close(Duration::from_secs(8));
    }

    #[test]
    fn without_a_window_the_times_are_printed() {
        for printed in without_a_window("interruptible", &[]) {
            let seconds = |name: &str| -> f64 {
                let line = printed.lines().find(|line| line.starts_with(name)).expect("a line each");
                let told = line.split_once(": ended ").and_then(|(_, rest)| rest.split_once(" s after"));
                told.and_then(|(seconds, _)| seconds.parse().ok()).unwrap_or_else(|| panic!("{printed}"))
            };
            assert!(seconds("looks") < seconds("never"), "{printed}");
        }
    }
}
