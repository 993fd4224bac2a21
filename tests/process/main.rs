//! Pipes whose sender is in another process, which these tests start: this very program, told by its environment what to do.

#![cfg(unix)]

mod alone;
mod behaviours;
mod common;
mod crowd;
mod door;
mod ends;
mod hostile;
mod kinds;
#[path = "../support/peer/mod.rs"]
#[allow(dead_code, reason = "of the peers this one needs the interpreter only")]
mod peer;
mod places;
mod python;
mod raw;
mod senders;
