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

support::window::window_tests!(EXAMPLE);
