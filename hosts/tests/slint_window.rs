//! The example `slint` in its window, on a virtual display.

mod support;

use crate::support::window::Example;

const EXAMPLE: Example = Example {
    name: "slint",
    title: "foreground in Slint",
    bars: [[24, 66, 456, 78], [24, 125, 456, 137]],
    bar: [0x3b, 0x76, 0xe0],
    told: [75, 84, 150, 100],
    cancel: (423, 200),
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
