//! The example `egui` in its window, on a virtual display.

mod support;

use crate::support::display::{Screenshot, VirtualDisplay, eventually};
use crate::support::example::example;
use crate::support::looks::{count, text, wait_for};
use crate::support::running::Running;

const TITLE: &str = "foreground in egui";
/// Where the two bars are, from left to right, and the button.
const BARS: [[u32; 4]; 2] = [[24, 74, 314, 96], [24, 108, 314, 130]];
const CANCEL: (i16, i16) = (76, 171);
/// The colours of a bar.
const WORKING: [u8; 3] = [0x2f, 0x6f, 0xde];
const CANCELLED: [u8; 3] = [0xb2, 0x6a, 0x00];
const DONE: [u8; 3] = [0x1f, 0x8a, 0x54];
/// So many pixels of a bar are a fifth of it.
const PART: usize = 58 * 16;

fn bars(picture: &Screenshot, color: [u8; 3]) -> [usize; 2] {
    BARS.map(|bar| count(picture, bar, color))
}

#[test]
fn the_bars_grow_until_the_work_is_done() {
    let display = VirtualDisplay::start();
    let running = Running::start(&mut display.command(example("egui")));
    let window = display.find_window(TITLE);
    let look = |what: &str, is_so: &dyn Fn([usize; 2]) -> bool| {
        eventually(what, || {
            let picture = display.screenshot(window).ok()?;
            is_so(bars(&picture, WORKING)).then_some(picture)
        })
    };
    look("both bars begin", &|[first, second]| first > PART / 4 && second > PART / 4);
    let picture = look("the second bar is at its half", &|[_, second]| 2 * second > 5 * PART);
    println!("half-way: {}", picture.save("egui_half_way").display());
    wait_for(&display, window, DONE, 9 * PART);
    display.close(window);
    let output = running.end();
    assert_eq!(text(&output.stdout), "2 workers have ended: done; done\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn cancel_ends_the_workers_and_the_window_closes() {
    let display = VirtualDisplay::start();
    let running = Running::start(&mut display.command(example("egui")));
    let window = display.find_window(TITLE);
    wait_for(&display, window, WORKING, PART);
    display.click(window, CANCEL.0, CANCEL.1);
    wait_for(&display, window, CANCELLED, PART);
    display.close(window);
    let output = running.end();
    let told = text(&output.stdout);
    assert!(told.starts_with("2 workers have ended: cancelled at "), "{told}");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn closing_the_window_cancels() {
    let display = VirtualDisplay::start();
    let running = Running::start(&mut display.command(example("egui")));
    let window = display.find_window(TITLE);
    wait_for(&display, window, WORKING, PART);
    display.close(window);
    let output = running.end();
    let told = text(&output.stdout);
    assert!(told.starts_with("2 workers have ended: cancelled at "), "{told}");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
