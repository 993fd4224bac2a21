#![doc = include_str!("../docs/tasks.md")]

mod ask;
mod cancel;
mod context;
mod core;
mod error;
mod executor;
mod future;
mod job;
mod outcome;
mod pool;
mod state;
mod task;

#[cfg(loom)]
pub use self::ask::model_of_a_question;
pub use self::ask::{Answer, AnswerFuture, AskError, PendingAnswer, Question};
pub use self::cancel::{CancelToken, TaskCancelled};
pub use self::context::TaskContext;
pub use self::error::{AlreadyStopped, PoolError, ShutdownError, SubmitError};
pub use self::executor::{ExecutorState, TaskExecutor, TaskExecutorBuilder};
pub use self::future::{CallFuture, IterationFuture, OutcomeFuture, ProgressFuture, TaskFuture};
pub use self::outcome::{PanicLocation, TaskOutcome};
pub use self::pool::WorkerPool;
pub use self::state::TaskState;
pub use self::task::{Item, Progress, Report, Task};
/// What a worker process needs to run functions as if they were tasks of its own.
#[cfg(feature = "process")]
pub(crate) mod remote {
    pub(crate) use super::ask::{AnyQuestion, Asked};
    pub(crate) use super::cancel::unparker;
    pub(crate) use super::context::{LatestPlace, Outlet, Word};
    pub(crate) use super::job::drop_quietly;
    pub(crate) use super::outcome::{Caught, catch, note_places, panic_here};
}
