//! How a task ended.

use std::any::Any;
use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

/// How a task ended. Given to [`TaskFuture::on_done`](super::TaskFuture::on_done), once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskOutcome<R, E = Infallible> {
    /// It returned its result.
    Completed(R),
    /// It returned an error.
    Failed(E),
    /// It panicked. The worker that ran it goes on.
    #[non_exhaustive]
    Panicked {
        /// What the panic said, or that it said nothing that is text.
        message: String,
        /// Where it happened; unknown if the program has put a panic hook of its own in the place of the one
        /// that the executor set, without calling it.
        location: Option<PanicLocation>,
    },
    /// It was cancelled before it ended, or before it began; whatever it returned after that is dropped.
    Cancelled,
}

impl<R, E> TaskOutcome<R, E> {
    /// Returns the result of a task that completed.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::tasks::TaskOutcome;
    ///
    /// let outcome: TaskOutcome<u32> = TaskOutcome::Completed(49);
    /// assert_eq!(outcome.completed(), Some(49));
    /// ```
    pub fn completed(self) -> Option<R> {
        match self {
            Self::Completed(result) => Some(result),
            _ => None,
        }
    }

    /// Returns the error of a task that returned one.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::tasks::TaskOutcome;
    ///
    /// let outcome: TaskOutcome<u32, &str> = TaskOutcome::Failed("no such file");
    /// assert_eq!(outcome.failed(), Some("no such file"));
    /// ```
    pub fn failed(self) -> Option<E> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Returns whether the task was cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(foreground::tasks::TaskOutcome::<u32>::Cancelled.is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}

impl<R: fmt::Display, E: fmt::Display> fmt::Display for TaskOutcome<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed(result) => result.fmt(f),
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Panicked { message, location: Some(location) } => {
                write!(f, "panicked at {location}: {message}")
            }
            Self::Panicked { message, location: None } => write!(f, "panicked: {message}"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// Where in the sources a panic happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PanicLocation {
    /// The source file, as the compiler was given it.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1.
    pub column: u32,
}

impl fmt::Display for PanicLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// How a task ended, on its way to the foreground.
pub(super) enum Ending<R, E> {
    Returned(R),
    Raised(E),
    Panicked(Box<Caught>),
    /// Made by the foreground, in the place of what came after a cancel.
    Cancelled,
}

impl<R, E> Ending<R, E> {
    pub(super) fn is_return(&self) -> bool {
        matches!(self, Self::Returned(_))
    }

    pub(super) fn into_outcome(self) -> TaskOutcome<R, E> {
        match self {
            Self::Returned(result) => TaskOutcome::Completed(result),
            Self::Raised(error) => TaskOutcome::Failed(error),
            Self::Panicked(caught) => {
                TaskOutcome::Panicked { message: caught.message, location: caught.location }
            }
            Self::Cancelled => TaskOutcome::Cancelled,
        }
    }
}

/// A panic that was caught.
pub(crate) struct Caught {
    pub(crate) message: String,
    pub(crate) location: Option<PanicLocation>,
}

thread_local! {
    /// `Some` while this thread runs a task: the place of its last panic.
    static PLACE: RefCell<Option<Option<PanicLocation>>> = const { RefCell::new(None) };
}

/// Has the places of panics in tasks noted, from now on. What the panic hook did before, it still does.
pub(crate) fn note_places() {
    static ONCE: Once = Once::new();
    // A panicking thread may not touch the hook; then a later submit does it.
    if thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // The panic may be that of a destructor of thread-local data, when there is no such data any more.
            let _ = PLACE.try_with(|place| {
                if let Ok(mut place) = place.try_borrow_mut()
                    && place.is_some()
                {
                    *place = Some(info.location().map(|at| PanicLocation {
                        file: at.file().into(),
                        line: at.line(),
                        column: at.column(),
                    }));
                }
            });
            previous(info);
        }));
    });
}

/// Runs what may panic.
pub(crate) fn catch<R>(run: impl FnOnce() -> R) -> Result<R, Box<Caught>> {
    // A task may run inside another one, if a closure that runs tasks is one.
    let outer = PLACE.replace(Some(None));
    // The closure is consumed: nobody sees what it left half-done but those to whom it lent it, who must look out
    // as they must with threads that panic.
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    let location = PLACE.replace(outer).flatten();
    result.map_err(|payload| match payload.downcast::<Elsewhere>() {
        Ok(elsewhere) => Box::new(elsewhere.0),
        Err(payload) => Box::new(Caught { message: text_of(payload), location }),
    })
}

/// A panic that was caught in another process, on its way to the outcome of its task.
#[cfg_attr(not(feature = "process"), allow(dead_code))]
struct Elsewhere(Caught);

/// Ends the task that runs on this thread as one that panicked, for what it stands for has. The panic hook told of it there.
#[cfg(feature = "process")]
pub(crate) fn panic_here(caught: Caught) -> ! {
    panic::resume_unwind(Box::new(Elsewhere(caught)))
}

/// What a panic said.
fn text_of(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(text) => return *text,
        Err(payload) => payload,
    };
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return (*text).into();
    }
    // Its destructor is the user's, and may panic as well. What that panic carries is leaked: its destructor may too.
    if let Err(another) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
    "a panic whose payload is not text".into()
}
