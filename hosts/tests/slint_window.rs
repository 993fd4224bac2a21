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

support::window::window_tests!(EXAMPLE);
