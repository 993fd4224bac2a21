//! Processes that are started, stopped and lost. Most are this very program, told by its environment what to do.

mod behaviours;
#[path = "../support/belongings.rs"]
mod belongings;
#[path = "../process/common.rs"]
mod common;
mod ends;
#[path = "../support/example.rs"]
mod example;
mod log;
mod many;
mod parent;
#[path = "../process/raw.rs"]
#[allow(dead_code)] // others use the rest
mod raw;
mod stderr;
mod stop;
mod streams;
