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
