//! The example `fltk` in its window, on a virtual display.

mod support;

use crate::support::window::Example;

const EXAMPLE: Example = Example {
    name: "fltk",
    title: "foreground in FLTK",
    bars: [[24, 82, 456, 96], [24, 138, 456, 152]],
    bar: [0x2f, 0x6f, 0xde],
    told: [75, 60, 200, 78],
    cancel: (80, 200),
};

support::window::window_tests!(EXAMPLE);
