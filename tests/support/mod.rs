//! What the tests with a window share: a display, a process a test, and an application to be acted with.

// Each test binary uses its own part of this.
#![allow(dead_code)]
// The items are public for the files beside this one.
#![allow(unreachable_pub)]

pub mod child;
pub mod display;
pub mod example;
pub mod running;
#[cfg(any(feature = "winit-030", feature = "winit-031"))]
pub mod scenarios;
#[cfg(any(feature = "winit-030", feature = "winit-031"))]
pub mod stage;
