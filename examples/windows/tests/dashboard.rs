//! The example `dashboard`: several processes publish, and a window on a virtual display plots what they do.

#![cfg(all(unix, not(target_os = "macos")))]

mod support;

use std::process::Command;

use crate::support::display::{VirtualDisplay, eventually};
use crate::support::example::example;
use crate::support::looks::{count, text, wait_for};
use crate::support::running::Running;

/// Where the buttons are, and the plot.
const FIRST: (i16, i16) = (72, 97);
const PLOT: [u32; 4] = [70, 160, 730, 470];
/// The right end of the plot, where what comes now is drawn.
const NOW: [u32; 4] = [650, 160, 731, 470];
/// The colours of the lines.
const COLORS: [[u8; 3]; 3] = [[0x2f, 0x6f, 0xde], [0x1f, 0x8a, 0x54], [0xc8, 0x32, 0x3c]];

#[test]
fn without_a_window_it_says_who_published() {
    let headless = Command::new(example("dashboard")).arg("--headless").output().unwrap();
    let no_display = Command::new(example("dashboard"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap();
    for output in [&headless, &no_display] {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let printed = text(&output.stdout);
        for name in ["alpha", "beta", "gamma"] {
            assert!(
                printed.lines().any(|line| line.starts_with(&format!("{name} has published, now "))),
                "{printed}"
            );
        }
    }
}

#[test]
fn three_processes_are_plotted_one_is_stopped_and_started_again() {
    let display = VirtualDisplay::start();
    let running = Running::start(&mut display.command(example("dashboard")));
    let window = display.find_window("dashboard");
    for color in COLORS {
        wait_for(&display, window, color, 1000);
    }
    let picture = display.screenshot(window).unwrap().save("dashboard_at_work");
    println!("at work: {}", picture.display());

    // Whose line is which depends on who came first; one of them ends at the right no more.
    let at_the_right = || {
        let picture = display.screenshot(window).ok()?;
        assert!(COLORS.iter().any(|color| count(&picture, PLOT, *color) > 0));
        Some(COLORS.iter().filter(|color| count(&picture, NOW, **color) > 0).count())
    };
    eventually("three lines", || (at_the_right()? == 3).then_some(()));
    display.click(window, FIRST.0, FIRST.1);
    eventually("two lines", || (at_the_right()? == 2).then_some(()));
    display.click(window, FIRST.0, FIRST.1);
    eventually("three lines again", || (at_the_right()? == 3).then_some(()));

    display.close(window);
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn what_it_does_not_understand_is_an_error() {
    for arguments in [&["dance"][..], &["publish", "delta", "--at", "nowhere"]] {
        let output = Command::new(example("dashboard")).args(arguments).output().unwrap();
        assert!(!output.status.success());
        assert!(text(&output.stderr).starts_with("dashboard: "), "{}", text(&output.stderr));
    }
}
