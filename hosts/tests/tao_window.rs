//! The example `tao` in its window, on a virtual display.

mod support;

use crate::support::window::Example;

const EXAMPLE: Example = Example {
    name: "tao",
    title: "foreground in tao",
    bars: [[28, 60, 452, 62], [28, 103, 452, 105]],
    bar: [0x35, 0x84, 0xe4],
    told: [85, 69, 150, 94],
    cancel: (417, 199),
};

support::window::window_tests!(EXAMPLE);
