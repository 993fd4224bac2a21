//! Pipes whose sender is in another process, which these tests start: this very program, told by its environment what to do.

mod behaviours;
mod common;
mod ends;
mod volume;
