//! Pipes whose sender is in another process, which these tests start: this very program, told by its environment what to do.

#![cfg(unix)]

mod alone;
mod behaviours;
mod common;
mod crowd;
mod door;
mod ends;
mod fake_router;
mod hostile;
#[path = "../support/peer/python.rs"]
#[allow(unreachable_pub)] // for the others who use it
mod interpreter;
mod kinds;
mod places;
mod python;
mod raw;
mod senders;
mod volume;
