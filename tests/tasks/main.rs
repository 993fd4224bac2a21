//! The behaviours of background tasks, one module a behaviour. No display is needed.

mod common;
mod handle;
mod iterations;
mod panics;
mod progress;
mod states;
