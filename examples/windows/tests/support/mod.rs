//! What the tests of the windows share with those of the crate: a display, and programs to run on it.

// Each test binary uses its own part of this.
#![allow(dead_code, unused_imports)]

#[path = "../../../../tests/support/display.rs"]
pub mod display;
#[path = "../../../../tests/support/example.rs"]
pub mod example;
#[path = "../../../../tests/support/looks.rs"]
pub mod looks;
#[path = "../../../../tests/support/running.rs"]
pub mod running;
