//! A pool of worker processes that run functions by name, on top of the tasks layer.
//!
//! A task of a [`ProcessExecutor`] is one of a [`TaskExecutor`](crate::tasks::TaskExecutor) whose work is to look after a call in another
//! process: `task` does that, on a thread of the executor. `crew` has the processes, `post` is this side of the connection to one
//! of them, and `worker` the other, where `voice` is what a function has in the place of its executor.

mod crew;
mod error;
mod executor;
mod function;
mod functions;
mod post;
mod task;
mod voice;
mod wire;
mod worker;

pub use self::error::{ProcessError, ProcessPoolError};
pub use self::executor::{ProcessExecutor, ProcessExecutorBuilder};
pub use self::function::{CallFunction, IterationFunction, ProcessFunction, ProgressFunction};
pub use self::functions::Functions;

/// The variable of the environment by which an executor hands a worker its ticket, for
/// [`Functions::serve_if_worker`].
pub const POOL_VARIABLE: &str = "FOREGROUND_POOL_TICKET";

/// What both sides call the connection, in the place of the type of a pipe's messages. Its number is the version of `wire`.
const POOL_TYPE: &str = "foreground pool 1";
