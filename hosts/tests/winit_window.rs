//! The example `winit` in its window, on a virtual display.

mod support;

use crate::support::window::Example;

const EXAMPLE: Example = Example {
    name: "winit",
    title: "foreground in winit",
    bars: [[24, 84, 456, 98], [24, 140, 456, 154]],
    bar: [0x2f, 0x6f, 0xde],
    told: [75, 64, 200, 80],
    cancel: (80, 200),
};

#[test]
fn the_bars_grow_until_the_work_is_done() {
    EXAMPLE.is_run_to_its_end();
}

#[test]
fn cancel_stops_the_workers() {
    EXAMPLE.is_cancelled();
}

#[test]
fn closing_the_window_stops_the_workers() {
    EXAMPLE.is_closed_at_work();
}
