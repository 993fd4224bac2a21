//! Pipes whose sender is in another process, which these tests start: this very program, told by its environment what to do.

mod alone;
mod behaviours;
mod common;
mod crowd;
mod door;
mod ends;
mod hostile;
mod kinds;
mod places;
mod raw;
mod senders;
