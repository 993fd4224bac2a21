//! The example `egui` in its window, on a virtual display.

mod support;

use crate::support::window::Example;

const EXAMPLE: Example = Example {
    name: "egui",
    title: "foreground in egui",
    bars: [[24, 80, 314, 90], [24, 114, 314, 124]],
    bar: [0x2f, 0x6f, 0xde],
    told: [370, 74, 470, 98],
    cancel: (76, 171),
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
