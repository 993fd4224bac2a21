//! The example `sdl3` in its window, on a virtual display.

mod support;

use crate::support::window::Example;

const EXAMPLE: Example = Example {
    name: "sdl3",
    title: "foreground in SDL 3",
    bars: [[24, 84, 456, 98], [24, 140, 456, 154]],
    bar: [0x2f, 0x6f, 0xde],
    told: [100, 62, 250, 78],
    cancel: (80, 200),
};

support::window::window_tests!(EXAMPLE);
