//! Processes that are started, stopped and lost. Most are this very program, told by its environment what to do.

mod behaviours;
#[path = "../process/common.rs"]
mod common;
mod ends;
#[path = "../support/example.rs"]
mod example;
mod log;
mod many;
mod parent;
mod stderr;
mod stop;
mod streams;
