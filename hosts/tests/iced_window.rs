//! The example `iced` in its window, on a virtual display.

mod support;

use crate::support::window::Example;

const EXAMPLE: Example = Example {
    name: "iced",
    title: "foreground in iced",
    bars: [[30, 70, 450, 79], [30, 122, 450, 131]],
    bar: [0x3b, 0x76, 0xe0],
    told: [75, 86, 150, 104],
    cancel: (415, 190),
};

support::window::window_tests!(EXAMPLE);
