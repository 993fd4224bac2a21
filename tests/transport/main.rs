//! Transports, whatever the engine: the traits, and the pair within a process.

mod clients;
#[path = "../bus/common.rs"]
#[allow(dead_code)]
mod common;
mod foreground;
mod own;
mod servers;
