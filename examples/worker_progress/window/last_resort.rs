//! What is left to do when Xlib ends the process.
//!
//! When an X server goes away, it may be Xlib that notices first, inside winit's wait for events. It prints
//! a line and calls C's `exit`, with no way for a caller to object. But `exit` destroys the main thread's
//! thread-local values, and here is one that makes good of it: it does the whole job again, without a window,
//! and ends with the exit code of that. (So it is with glibc. Where `exit` leaves such values alone, Xlib's
//! own line and exit code 1 are all there is.)

use std::cell::RefCell;
use std::ffi::OsString;
use std::process::{self, Command};

use crate::job::CancelFlag;
use crate::say;

thread_local! {
    static ARMED: RefCell<Option<LastResort>> = const { RefCell::new(None) };
}

struct LastResort {
    /// Stops the threads of this process, whose results nobody can receive any more.
    cancel: CancelFlag,
    arguments: Vec<OsString>,
}

/// Runs `body`; if the process is ended in the middle of it, the job is done again without a window.
pub(super) fn guarding<T>(cancel: CancelFlag, body: impl FnOnce() -> T) -> T {
    let arguments = std::env::args_os().skip(1).collect();
    ARMED.set(Some(LastResort { cancel, arguments }));
    let _disarm = Disarm;
    body()
}

/// Lets go of the last resort without using it, also when `body` panics.
struct Disarm;

impl Drop for Disarm {
    fn drop(&mut self) {
        ARMED.with_borrow_mut(|armed| armed.take().map(std::mem::forget));
    }
}

impl Drop for LastResort {
    fn drop(&mut self) {
        if self.cancel.is_set() {
            // The user did not want it done.
            say("the display went away after the job was cancelled");
            process::exit(3);
        }
        self.cancel.set();
        say("the display went away; starting over without a window");
        let again = std::env::current_exe()
            .and_then(|program| Command::new(program).arg("--headless").args(&self.arguments).status());
        process::exit(match again {
            Ok(status) => status.code().unwrap_or(1),
            Err(error) => {
                say(format_args!("cannot start over: {error}"));
                1
            }
        });
    }
}
