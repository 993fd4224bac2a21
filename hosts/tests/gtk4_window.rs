//! The example `gtk4` in its window, on a virtual display.

mod support;

use crate::support::window::Example;

const EXAMPLE: Example = Example {
    name: "gtk4",
    title: "foreground in GTK 4",
    bars: [[28, 64, 452, 68], [28, 106, 452, 110]],
    bar: [0x35, 0x84, 0xe4],
    told: [85, 74, 150, 98],
    cancel: (417, 199),
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
