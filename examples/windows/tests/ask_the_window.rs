//! The example `ask_the_window` on a virtual display, with a user who clicks, and without a window.

#![cfg(all(unix, not(target_os = "macos")))]

mod support;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use x11rb::protocol::xproto::Window;

use crate::support::display::{Screenshot, VirtualDisplay, eventually};
use crate::support::example::example;
use crate::support::looks::{count, cut, find_button, text};
use crate::support::running::Running;

/// The first choice's button.
const BLUE: [u8; 3] = [0x2f, 0x6f, 0xde];
/// The dots of questions: answered by the first choice, by the other, and waiting in line.
const GREEN: [u8; 3] = [0x1f, 0x8a, 0x54];
const AMBER: [u8; 3] = [0xb2, 0x6a, 0x00];
const GRAY: [u8; 3] = [0x6b, 0x72, 0x80];
/// Where the dots are: left of all text.
const DOTS: [u32; 4] = [24, 236, 38, 470];
/// The card's text, without its buttons.
const QUESTION: [u32; 4] = [40, 110, 600, 170];
/// From the first choice's button to the other one.
const TO_OTHER: i16 = 122;
/// Pixels of one dot, but for its edge.
const DOT: usize = 50;
/// How long it may take to end.
const SOON: Duration = Duration::from_secs(5);

struct Shown {
    display: VirtualDisplay,
    running: Running,
    window: Window,
}

impl Shown {
    fn start() -> Self {
        let display = VirtualDisplay::start();
        let running = Running::start(&mut display.command(example("ask_the_window")));
        let window = display.find_window("ask_the_window");
        Self { display, running, window }
    }

    fn wait_for<T>(&self, what: &str, look: impl Fn(&Screenshot) -> Option<T>) -> T {
        eventually(what, || look(&self.display.screenshot(self.window).ok()?))
    }

    /// Waits until so many dots have this colour.
    fn wait_for_dots(&self, color: [u8; 3], dots: usize) {
        self.wait_for(&format!("{dots} dots of {color:x?}"), |picture| {
            (count(picture, DOTS, color) >= dots * DOT).then_some(())
        });
    }

    /// Clicks at the button of the first choice, or beside it, and waits until the question has gone.
    fn answer(&self, beside: i16) {
        let ((x, y), before) = self
            .wait_for("a question", |picture| Some((find_button(picture, BLUE)?, cut(picture, QUESTION))));
        self.display.click(self.window, x + beside, y);
        self.wait_for("another question", |picture| (cut(picture, QUESTION) != before).then_some(()));
    }

    /// Closes the window. The program has to end soon and cleanly.
    fn close(self) -> Output {
        let closed_at = Instant::now();
        self.display.close(self.window);
        let output = self.running.end();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(closed_at.elapsed() < SOON, "it took {:?} to end", closed_at.elapsed());
        output
    }
}

#[test]
fn the_others_wait_in_line_and_each_click_answers_one() {
    let shown = Shown::start();
    shown.wait_for_dots(GRAY, 2);
    shown.answer(0);
    shown.answer(TO_OTHER);
    shown.wait_for_dots(GREEN, 1);
    shown.wait_for_dots(AMBER, 1);
    shown.wait_for_dots(GRAY, 2);
    let picture = shown.display.screenshot(shown.window).expect("the window is on the screen");
    println!("ask_the_window: {}", picture.save("ask_the_window").display());
    (0..4).for_each(|_| shown.answer(0));
    shown.wait_for_dots(GREEN, 5);
    let printed = text(&shown.close().stdout);
    assert_eq!(printed.matches("has done its work").count(), 3, "{printed}");
    assert_eq!(printed.lines().count(), 9, "{printed}");
}

#[test]
fn closing_the_window_turns_away_the_workers_that_wait() {
    let shown = Shown::start();
    // One question is shown.
    shown.wait_for_dots(GRAY, 2);
    let printed = text(&shown.close().stdout);
    assert_eq!(printed.matches("ends: there will be no response").count(), 3, "{printed}");
}

#[test]
fn without_a_window_it_answers_by_itself() {
    let output = Running::start(Command::new(example("ask_the_window")).arg("--headless")).end();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let mut lines: Vec<_> = printed.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "Backup has done its work",
            "Backup: The disk is nearly full. May the oldest backup go? Delete.",
            "Backup: The network is slow today. Wait.",
            "Mail has done its work",
            "Mail: Remind Ada of the appointment? Remind.",
            "Mail: “Re: kettle” has no text. Send it? Send.",
            "Photos has done its work",
            "Photos: IMG_0412 is blurred. Shall it go? Delete.",
            "Photos: IMG_0413 and IMG_0414 look alike. Keep one.",
        ]
    );
}
