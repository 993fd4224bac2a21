//! Requests and responses over sockets, one module a behaviour. No display is needed.

#[path = "../support/peer/mod.rs"]
#[cfg(unix)]
mod peer;

mod common;
mod conversion;
mod ends;
mod foreground;
mod limits;
mod many;
mod ours;
#[cfg(unix)]
mod python;
mod raw;
mod stress;
