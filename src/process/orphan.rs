//! The end of a process whose router or executor has gone.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

/// With what code such a process ends.
const EXIT_CODE: i32 = 1;

/// Logs why, and ends this process, whatever becomes of the log: its standard error may have gone with the other process, and many a
/// logger panics then.
pub(super) fn end_process(why: fmt::Arguments<'_>) -> ! {
    let logged = catch_unwind(AssertUnwindSafe(|| log::error!("foreground: {why}")));
    // The destructor of what it panicked with is the user's too.
    mem::forget(logged);
    process::exit(EXIT_CODE)
}
