//! What can go wrong with an executor.

use std::error::Error;
use std::fmt;
use std::io;

use crate::PipeError;

/// A pool of worker threads cannot be as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// A pool without threads would never run anything.
    ZeroWorkers,
    /// A name of a thread contains a NUL character.
    BadName,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZeroWorkers => "a pool of 0 workers would never run anything; give at least 1",
            Self::BadName => "the name of a thread cannot contain a NUL character; give another one",
        })
    }
}

impl Error for PoolError {}

/// A task could not be submitted. It was not run; [`into_inner`](Self::into_inner) gives it back.
#[non_exhaustive]
pub enum SubmitError<T> {
    /// The executor was stopped.
    NotRunning(T),
    /// The router opened no pipe for it.
    Pipe(T, PipeError),
    /// The system started no worker thread.
    Spawn(T, io::Error),
}

impl<T> SubmitError<T> {
    /// Takes the task back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, tasks::TaskExecutor};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let executor = TaskExecutor::new(&router);
    /// executor.stop().unwrap();
    /// let error = executor.submit_call(|| 7 * 7).unwrap_err();
    /// assert_eq!(error.into_inner()(), 49);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Self::NotRunning(task) | Self::Pipe(task, _) | Self::Spawn(task, _) => task,
        }
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> SubmitError<U> {
        match self {
            Self::NotRunning(task) => SubmitError::NotRunning(change(task)),
            Self::Pipe(task, error) => SubmitError::Pipe(change(task), error),
            Self::Spawn(task, error) => SubmitError::Spawn(change(task), error),
        }
    }
}

impl<T> fmt::Debug for SubmitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning(_) => f.write_str("NotRunning(..)"),
            Self::Pipe(_, error) => f.debug_tuple("Pipe").field(&"..").field(error).finish(),
            Self::Spawn(_, error) => f.debug_tuple("Spawn").field(&"..").field(error).finish(),
        }
    }
}

impl<T> fmt::Display for SubmitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning(_) => {
                f.write_str("the executor was stopped and takes no more tasks; make a new one")
            }
            Self::Pipe(_, error) => write!(f, "no pipe for the task: {error}"),
            Self::Spawn(_, error) => write!(f, "the system started no worker thread: {error}"),
        }
    }
}

impl<T> Error for SubmitError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotRunning(_) => None,
            Self::Pipe(_, error) => Some(error),
            Self::Spawn(_, error) => Some(error),
        }
    }
}

/// The executor was stopped already; see [`TaskExecutor::stop`](super::TaskExecutor::stop).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyStopped;

impl fmt::Display for AlreadyStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the executor was stopped already; to wait for its tasks, call `shutdown`")
    }
}

impl Error for AlreadyStopped {}

/// Tasks still run; see [`TaskExecutor::shutdown`](super::TaskExecutor::shutdown).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownError {
    /// The time was up. The tasks are cancelled, but have not ended; a second call waits on.
    #[non_exhaustive]
    Timeout {
        /// How many tasks have not ended.
        running: usize,
    },
    /// The call was made in a callback of a task that has not ended, and that cannot end before the callback
    /// returns. All others have ended.
    #[non_exhaustive]
    InCallback {
        /// How many tasks have a callback on the stack.
        running: usize,
    },
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { running } => write!(
                f,
                "{running} cancelled {} not ended in time; call again to wait longer, \
                 and let the work look at `is_cancelled`",
                tasks_have(*running)
            ),
            Self::InCallback { running } => write!(
                f,
                "{running} {} a callback that waits for its own task's end; \
                 call `shutdown` outside of the callbacks of tasks that run",
                tasks_have(*running)
            ),
        }
    }
}

impl Error for ShutdownError {}

fn tasks_have(number: usize) -> &'static str {
    if number == 1 { "task has" } else { "tasks have" }
}
