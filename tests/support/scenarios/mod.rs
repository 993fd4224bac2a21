//! The scenarios, one file each: `child` runs the loop and tells what it saw, `parent` plays the user
//! and judges.

pub mod flood;
pub mod hidden;
pub mod idle;
pub mod leftover;
