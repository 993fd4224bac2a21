//! What can go wrong with functions in other processes.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitStatus;

use crate::tasks::PoolError;

/// Why a task in another process failed. `E` is the function's own error. A panic of the function is none of these, but
/// [`TaskOutcome::Panicked`](crate::tasks::TaskOutcome::Panicked).
///
/// # Examples
///
/// ```
/// use foreground::process::ProcessError;
///
/// fn advice(error: ProcessError<String>) -> String {
///     match error {
///         ProcessError::Function(error) => error,
///         ProcessError::Lost(_) => "This file crashes the decoder; skip it?".into(),
///         other => other.to_string(),
///     }
/// }
/// assert_eq!(advice(ProcessError::Function("no such file".into())), "no such file");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessError<E = Infallible> {
    /// The function returned this error.
    Function(E),
    /// The worker process crashed, was killed, called `exit`, or closed its connection while it ran the function. Its exit
    /// status is here if the system told it in time. The next task gets another worker.
    Lost(Option<ExitStatus>),
    /// No worker process could be started, or it did not get ready: the text says why. Of the kind
    /// [`TimedOut`](io::ErrorKind::TimedOut) if it took too long.
    NotStarted(io::Error),
    /// The worker's program has no function of this name.
    UnknownFunction(String),
    /// The worker's program has the function with other types: both signatures.
    #[non_exhaustive]
    Signature {
        /// As it was called.
        here: String,
        /// As it is in the worker.
        there: String,
    },
    /// Arguments, a message or a result cannot be written, or what was written cannot be read.
    Codec(Box<dyn Error + Send + Sync>),
    /// The arguments, a message or the result are above
    /// [`max_message_size`](super::ProcessExecutorBuilder::max_message_size).
    #[non_exhaustive]
    TooLarge {
        /// How many bytes it has.
        bytes: usize,
        /// How many it may have.
        limit: usize,
    },
}

impl<E> ProcessError<E> {
    /// Returns the function's own error, if that is what it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::ProcessError;
    ///
    /// assert_eq!(ProcessError::Function("no such file").into_function_error(), Some("no such file"));
    /// assert_eq!(ProcessError::<&str>::Lost(None).into_function_error(), None);
    /// ```
    pub fn into_function_error(self) -> Option<E> {
        match self {
            Self::Function(error) => Some(error),
            _ => None,
        }
    }

    /// Returns whether the worker process was lost; see [`Lost`](Self::Lost).
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(foreground::process::ProcessError::<()>::Lost(None).is_lost());
    /// ```
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_))
    }
}

impl<E: fmt::Display> fmt::Display for ProcessError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(error) => error.fmt(f),
            Self::Lost(Some(status)) => write!(f, "the worker process was lost ({status})"),
            Self::Lost(None) => f.write_str("the worker process was lost"),
            Self::NotStarted(error) => write!(f, "no worker process: {error}"),
            Self::UnknownFunction(name) => write!(
                f,
                "the worker knows no function {name:?}: register it before `serve_if_worker` is called there"
            ),
            Self::Signature { here, there } => write!(
                f,
                "the function has other types in the worker, so build both programs from the same sources: \
                 it was called as {here}, and is {there}"
            ),
            Self::Codec(error) => error.fmt(f),
            Self::TooLarge { bytes, limit } => write!(
                f,
                "{bytes} bytes are above the limit of {limit}; send less at once, or raise `max_message_size`"
            ),
        }
    }
}

impl<E: Error + 'static> Error for ProcessError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // It speaks for itself.
            Self::Function(error) => error.source(),
            Self::NotStarted(error) => Some(error),
            Self::Codec(error) => error.source(),
            _ => None,
        }
    }
}

/// A process pool cannot be as asked for; see [`ProcessExecutorBuilder::build`](super::ProcessExecutorBuilder::build).
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessPoolError {
    /// The number of workers, or the name of their threads, is no good.
    Pool(PoolError),
    /// The system does not know the file of this program, which was to be run again. Give another one by
    /// [`command`](super::ProcessExecutorBuilder::command).
    Program(io::Error),
    /// This process is itself a worker of a pool, and has not served: its workers would start workers, and so on.
    InWorker,
}

impl fmt::Display for ProcessPoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool(error) => error.fmt(f),
            Self::Program(error) => write!(f, "the file of this program is not known: {error}"),
            Self::InWorker => f.write_str(
                "this process was started as a worker: call `Functions::serve_if_worker` before anything else in `main`",
            ),
        }
    }
}

impl Error for ProcessPoolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Pool(error) => Some(error),
            Self::Program(error) => Some(error),
            Self::InWorker => None,
        }
    }
}

impl From<PoolError> for ProcessPoolError {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}
