//! The example `fizz_buzz`: its task kind by a router alone, its terminal output, and its window on a virtual display.

#![cfg(all(unix, not(target_os = "macos")))]

#[path = "../fizz_buzz/game.rs"]
mod game;
mod support;

use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use foreground::MessageRouter;
use foreground::tasks::{TaskExecutor, TaskOutcome, TaskState};

use crate::game::{FizzBuzz, FizzBuzzFuture};
use crate::support::display::{VirtualDisplay, eventually};
use crate::support::example::example;
use crate::support::looks::{count, cut, text, wait_for};
use crate::support::running::Running;

/// For what has to happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where the buttons and the first two rows are, and the colours of what was heard.
const START: (i16, i16) = (68, 97);
const CANCEL: (i16, i16) = (176, 97);
const START_BUTTON: [u32; 4] = [20, 86, 124, 116];
const NUMBERS: [u32; 4] = [20, 132, 740, 520];
const FIZZ: [u8; 3] = [0x2f, 0x6f, 0xde];
const BUZZ: [u8; 3] = [0x1f, 0x8a, 0x54];
const FIZZ_BUZZ: [u8; 3] = [0xc8, 0x32, 0x3c];

#[derive(Default)]
struct App {
    heard: Vec<String>,
    outcome: Option<TaskOutcome<(), foreground::tasks::TaskCancelled>>,
}

type Stage = (MessageRouter<App>, TaskExecutor<App>, FizzBuzzFuture<App>);

fn play(up_to: u64, pause: Duration) -> Stage {
    let router = MessageRouter::new(|| {});
    router.start().unwrap();
    let executor = TaskExecutor::new(&router);
    let task = FizzBuzzFuture::submit(&executor, FizzBuzz { up_to, pause }).unwrap();
    task.on_fizz(|app: &mut App, n| app.heard.push(format!("fizz {n}")));
    task.on_buzz(|app, n| app.heard.push(format!("buzz {n}")));
    task.on_fizz_buzz(|app, n| app.heard.push(format!("fizz-buzz {n}")));
    task.on_done(|app, outcome| app.outcome = Some(outcome));
    (router, executor, task)
}

#[test]
fn each_type_of_message_has_its_callback_and_all_are_in_order() {
    let mut app = App::default();
    let (router, _executor, task) = play(15, Duration::ZERO);
    router.route_until(&mut app, |app| app.outcome.is_some(), PATIENCE).unwrap();
    let expected = ["fizz 3", "buzz 5", "fizz 6", "fizz 9", "buzz 10", "fizz 12", "fizz-buzz 15"];
    assert_eq!(app.heard, expected);
    assert_eq!(app.outcome, Some(TaskOutcome::Completed(())));
    assert_eq!(task.state(), TaskState::Completed);
    assert!(!task.cancel());
}

#[test]
fn a_cancel_ends_even_an_endless_sleep() {
    let mut app = App::default();
    let (router, _executor, task) = play(15, Duration::MAX);
    router.route_until(&mut app, |_| task.state() == TaskState::Executing, PATIENCE).unwrap();
    assert!(task.cancel());
    assert_eq!(task.state(), TaskState::Cancelling);
    router.route_until(&mut app, |app| app.outcome.is_some(), PATIENCE).unwrap();
    assert_eq!((app.outcome, task.state()), (Some(TaskOutcome::Cancelled), TaskState::Cancelled));
    assert!(app.heard.is_empty());
}

#[test]
fn dropping_the_future_cancels_the_task() {
    let mut app = App::default();
    let (router, executor, task) = play(15, Duration::MAX);
    drop(task);
    router.route_until(&mut app, |_| executor.running() == 0, PATIENCE).unwrap();
    assert_eq!(app.outcome, Some(TaskOutcome::Cancelled));
}

#[test]
fn a_callback_may_put_another_in_its_place() {
    let mut app = App::default();
    let (router, _executor, task) = play(9, Duration::ZERO);
    let task = Rc::new(task);
    let weak = Rc::downgrade(&task);
    task.on_fizz(move |app, n| {
        app.heard.push(format!("first {n}"));
        if let Some(task) = weak.upgrade() {
            task.on_fizz(|app, n| app.heard.push(format!("second {n}")));
        }
    });
    router.route_until(&mut app, |app| app.outcome.is_some(), PATIENCE).unwrap();
    assert_eq!(app.heard, ["first 3", "buzz 5", "second 6", "second 9"]);
}

#[test]
fn without_a_window_it_prints_what_was_heard() {
    let headless = Command::new(example("fizz_buzz")).arg("--headless").output().unwrap();
    let no_display = Command::new(example("fizz_buzz"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap();
    for output in [headless, no_display] {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let stdout = text(&output.stdout);
        let lines: Vec<_> = stdout.lines().collect();
        assert_eq!(lines[..4], ["3 Fizz", "5 Buzz", "6 Fizz", "9 Fizz"]);
        assert_eq!(lines[13..], ["30 FizzBuzz", "8 Fizz, 4 Buzz, 2 FizzBuzz"]);
    }
}

#[test]
fn the_window_shows_each_kind_in_its_colour_and_cancels_at_once() {
    let display = VirtualDisplay::start();
    let running = Running::start(&mut display.command(example("fizz_buzz")));
    let window = display.find_window("fizz_buzz");
    let fresh = wait_for(&display, window, [0xff; 3], 100_000);
    assert_eq!(count(&fresh, NUMBERS, FIZZ), 0);

    display.click(window, START.0, START.1);
    for color in [FIZZ, BUZZ, FIZZ_BUZZ] {
        wait_for(&display, window, color, 1_000);
    }
    let picture = display.screenshot(window).unwrap().save("fizz_buzz_at_work");
    println!("at work: {}", picture.display());

    display.click(window, CANCEL.0, CANCEL.1);
    // The other button looks as before when the task has ended.
    let start = cut(&fresh, START_BUTTON);
    let cancelled = eventually("the end", || {
        display.screenshot(window).ok().filter(|picture| cut(picture, START_BUTTON) == start)
    });
    // Far from the hundredth.
    assert_eq!(count(&cancelled, [20, 330, 740, 520], FIZZ), 0);

    // A new game begins with nothing heard.
    display.click(window, START.0, START.1);
    eventually("an empty table", || {
        display.screenshot(window).ok().filter(|picture| count(picture, NUMBERS, FIZZ_BUZZ) == 0)
    });
    wait_for(&display, window, FIZZ, 1_000);
    let closed = Instant::now();
    display.close(window);
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(closed.elapsed() < Duration::from_secs(5), "it ran on for {:?}", closed.elapsed());
}
