//! What is to be done when the display cannot be used: fail, and do not panic.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// There is no window, or no longer.
#[derive(Debug)]
pub(crate) struct WindowError(String);

impl WindowError {
    pub(crate) fn new(message: String) -> Self {
        Self(message)
    }
}

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs something of winit's, which panics where one would expect an error: when a library is not
/// installed, or when the display goes away.
///
/// The panic's message becomes the error's, with the place it comes from, so that a mistake of our own is
/// not hidden. Only this thread is kept quiet: a worker's panic is reported as ever.
pub(crate) fn guarded<T>(what: &str, body: impl FnOnce() -> Result<T, String>) -> Result<T, WindowError> {
    let caught = Arc::new(Mutex::new(String::new()));
    let previous = Arc::new(panic::take_hook());
    let here = thread::current().id();
    panic::set_hook(Box::new({
        let (caught, previous) = (caught.clone(), previous.clone());
        move |info| {
            if thread::current().id() == here {
                let payload = info.payload();
                let message = payload.downcast_ref::<&str>().copied();
                let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
                let message = message.unwrap_or("panic");
                let place = info.location().map(|place| {
                    let file = place.file().rsplit(['/', '\\']).next().unwrap_or_default();
                    format!(" ({file}:{})", place.line())
                });
                let place = place.unwrap_or_default();
                *caught.lock().unwrap_or_else(PoisonError::into_inner) = format!("{message}{place}");
            } else {
                previous(info);
            }
        }
    }));
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    panic::set_hook(Box::new(move |info| previous(info)));
    let message = match result {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(message)) => message,
        Err(_) => caught.lock().unwrap_or_else(PoisonError::into_inner).clone(),
    };
    // One line, whatever the system has to say.
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(WindowError(format!("{what}: {message}")))
}
