//! The behaviours of background tasks, one module a behaviour. No display is needed.

mod common;
mod iterations;
mod progress;
mod states;
