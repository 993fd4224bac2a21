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

support::window::window_tests!(EXAMPLE);
