//! The example `pi_live`: its numbers, its terminal output, and its window on a virtual display.

#![cfg(all(unix, not(target_os = "macos")))]

#[path = "../pi_live/estimates.rs"]
mod estimates;
mod support;

use std::process::Command;

use crate::estimates::{Estimates, History, POINTS_PER_ITEM};
use crate::support::display::{VirtualDisplay, eventually};
use crate::support::example::example;
use crate::support::looks::{count, cut, text, wait_for};
use crate::support::running::Running;

/// Where the buttons are, and the plot.
const START: (i16, i16) = (68, 97);
const STOP: (i16, i16) = (176, 97);
const START_BUTTON: [u32; 4] = [20, 86, 124, 116];
const PLOT: [u32; 4] = [100, 140, 700, 440];
const WHITE: [u8; 3] = [0xff; 3];
/// The line of the estimates.
const BLUE: [u8; 3] = [0x2f, 0x6f, 0xde];

#[test]
fn estimates_come_near_pi_as_their_errors_say() {
    for seed in 1..4 {
        let last = Estimates::new(seed).take(4).last().unwrap();
        assert_eq!(last.points, 4 * POINTS_PER_ITEM);
        // 4·√(p(1-p)/n) with p = π/4.
        assert!((last.standard_error - 1.642 / 2_000.0).abs() < 1e-5, "{last:?}");
        assert!(last.deviation().abs() < 4.0, "{last:?}");
    }
}

#[test]
fn another_seed_throws_other_points() {
    assert_eq!(Estimates::new(1).next(), Estimates::new(1).next());
    assert_ne!(Estimates::new(1).next(), Estimates::new(2).next());
}

#[test]
fn the_history_is_bounded_evenly_spaced_and_knows_the_newest() {
    let mut estimate = Estimates::new(1).next().unwrap();
    let mut history = History::new();
    for n in 1..=100_000 {
        estimate.points = n * POINTS_PER_ITEM;
        history.push(estimate);
        assert!(history.kept().len() <= History::CAPACITY);
        assert_eq!(history.newest(), Some(estimate));
    }
    let points: Vec<u64> = history.kept().iter().map(|kept| kept.points).collect();
    let step = points[0];
    assert!(points.len() > History::CAPACITY / 2, "{points:?}");
    assert!(points.iter().zip(1..).all(|(points, n)| *points == n * step), "{points:?}");
    assert!(points[points.len() - 1] + step > estimate.points, "{points:?}");
}

#[test]
fn without_a_window_it_prints_an_estimate() {
    let headless = Command::new(example("pi_live")).arg("--headless").output().unwrap();
    let no_display = Command::new(example("pi_live"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap();
    for output in [&headless, &no_display] {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let line = text(&output.stdout);
        assert!(line.starts_with("pi is 3.14") && line.contains(" after 20 million points"), "{line}");
    }
    assert_eq!(headless.stdout, no_display.stdout);
}

#[test]
fn the_plot_grows_from_start_to_stop() {
    let display = VirtualDisplay::start();
    let running = Running::start(&mut display.command(example("pi_live")));
    let window = display.find_window("pi_live");
    let plot = || display.screenshot(window).ok().map(|picture| cut(&picture, PLOT));
    let empty = wait_for(&display, window, WHITE, 100_000);
    assert_eq!(count(&empty, PLOT, BLUE), 0);

    display.click(window, START.0, START.1);
    wait_for(&display, window, BLUE, 200);
    let before = plot();
    eventually("another line", || (plot() != before).then_some(()));
    let picture = display.screenshot(window).unwrap().save("pi_live_at_work");
    println!("at work: {}", picture.display());

    display.click(window, STOP.0, STOP.1);
    // The other button looks as before when the task has ended.
    let start = cut(&empty, START_BUTTON);
    eventually("the end", || (cut(&display.screenshot(window).ok()?, START_BUTTON) == start).then_some(()));
    let stopped = plot();
    assert!((0..20).all(|_| plot() == stopped), "it still goes on");

    display.click(window, START.0, START.1);
    eventually("a new line", || (plot() != stopped).then_some(()));
    display.close(window);
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
