//! Functions that run in other processes, which these tests start: this very program, told by its environment to serve.
#![cfg(unix)]

#[cfg(target_os = "linux")]
#[path = "../support/belongings.rs"]
mod belongings;
mod calls;
mod cancel;
mod common;
mod crashes;
mod functions;
mod hostile;
mod progress;
mod questions;
mod runs;
mod workers;
