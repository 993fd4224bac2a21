//! Measures the `foreground` crate beside other ways to bring messages to one thread.
//!
//! `benches/run` is the way in. Here, [`app`] is what every peer works for, [`host`] are the event loops, [`peers`]
//! are the ways to bring messages, [`scenarios`] is what is measured, [`harness`] runs it in rounds, and
//! [`report`] shows it.
#![forbid(unsafe_code)]

pub mod adapter;
mod app;
pub mod harness;
pub mod host;
pub mod peers;
pub mod report;
pub mod scenarios;
mod ticks;
