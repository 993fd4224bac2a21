//! Publish and subscribe: against libzmq (pyzmq) in both directions, against shellbot's own publisher, against peers that write
//! what they like, and against itself.

#![cfg(unix)]

mod common;
#[path = "../support/peer/mod.rs"]
mod peer;

mod bad_input;
mod curve;
mod ends;
mod foreground;
mod forwarder;
mod libzmq;
mod marks;
mod patterns;
mod raw;
mod restarts;
mod shellbot;
#[path = "../support/tokio_first.rs"]
mod tokio_first;
mod wire;
