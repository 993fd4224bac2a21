//! The executor of functions in other processes.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::command::Command;
use super::crew::{Crew, MakeCommand, Terms};
use super::error::{ProcessError, ProcessPoolError};
use super::function::{CallFunction, IterationFunction, ProcessFunction, ProgressFunction};
use super::task::RemoteTask;
use super::worker;
use crate::MessageRouter;
use crate::tasks::{
    AlreadyStopped, CallFuture, ExecutorState, IterationFuture, ProgressFuture, ShutdownError, SubmitError,
    TaskExecutor, TaskExecutorBuilder, TaskFuture,
};

/// Runs functions in worker processes, and tells the foreground of it: what [`TaskExecutor`] is for threads.
///
/// A crash, a leak or a heavy library in a worker does not take the window down: it fails the task that the worker ran, as
/// [`ProcessError::Lost`], and the next task gets another worker. A cancelled task whose function does not end in its
/// [`grace`](ProcessExecutorBuilder::grace) is ended by force, which nothing can do to a thread. What is submitted is a
/// [`ProcessFunction`] with its arguments; what is returned is the [`TaskFuture`] of any task, with the same callbacks,
/// states and order.
///
/// A worker is started when a task finds none that is free, runs one function at a time, and then waits for another. A cheap
/// handle: clones share one executor. It lives on the router's thread. Dropping the last handle cancels the tasks, and ends the
/// workers; so does [`stop`](Self::stop). If this process dies, its workers find that out and end.
///
/// # Examples
///
/// A whole program is in [`Functions`](super::Functions). With progress:
///
/// ```
/// # use std::time::Duration;
/// # use foreground::MessageRouter;
/// # use foreground::process::{Functions, ProcessExecutor};
/// use foreground::tasks::{AskError, Progress};
///
/// fn sum(progress: &Progress<f32>, up_to: u64) -> Result<u64, AskError> {
///     let mut sum = 0;
///     for n in 1..=up_to {
///         sum += n * n;
///         progress.report(n as f32 / up_to as f32)?; // ends the function once it is cancelled
///     }
///     Ok(sum)
/// }
///
/// # struct App { bar: f32, sum: Option<u64> }
/// # let mut functions = Functions::new();
/// let sum = functions.progress("sum", sum);
/// functions.serve_if_worker();
/// # let router: MessageRouter<App> = MessageRouter::new(|| {});
/// # router.start()?;
/// let executor = ProcessExecutor::builder(&router).workers(4).build()?;
/// let job = executor.submit_progress_in_process(&sum, 100)?;
/// job.on_progress(|app: &mut App, done| app.bar = done);
/// job.on_done(|app, outcome| app.sum = outcome.completed());
///
/// let mut app = App { bar: 0.0, sum: None };
/// router.route_until(&mut app, |_| job.state().is_done(), Duration::from_secs(60))?;
/// assert_eq!((app.bar, app.sum), (1.0, Some(338_350)));
/// executor.shutdown(&mut app, Duration::from_secs(10))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping the last handle of an executor cancels its tasks"]
pub struct ProcessExecutor<S: 'static = ()> {
    tasks: TaskExecutor<S>,
    crew: Rc<Owned>,
}

/// The workers of a program whose file was removed, as by an update, run what their executor runs.
///
/// ```standalone_crate
/// # #[cfg(target_os = "linux")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::time::Duration;
/// # use foreground::MessageRouter;
/// # use foreground::process::{Functions, ProcessExecutor};
/// let mut functions = Functions::new();
/// let square = functions.call("square", |n: i64| n * n);
/// functions.serve_if_worker();
///
/// let router: MessageRouter = MessageRouter::new(|| {});
/// router.start()?;
/// let executor = ProcessExecutor::new(&router)?;
/// std::fs::remove_file(std::env::current_exe()?)?;
/// let call = executor.submit_call_in_process(&square, 7)?;
/// router.route_until(&mut (), |()| call.state().is_done(), Duration::from_secs(60))?;
/// assert_eq!(call.try_outcome().unwrap().completed(), Some(49));
/// # Ok(())
/// # }
/// # #[cfg(not(target_os = "linux"))]
/// # fn main() {}
/// ```
#[cfg(doctest)]
struct RemovedProgram;

/// The crew, as long as there is a handle.
struct Owned(Arc<Crew>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Sets up a [`ProcessExecutor`]; made by [`ProcessExecutor::builder`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct ProcessExecutorBuilder<S: 'static = ()> {
    tasks: TaskExecutorBuilder<S>,
    command: Option<MakeCommand>,
    grace: Duration,
    start_timeout: Duration,
    idle_timeout: Option<Duration>,
    tasks_per_worker: Option<u64>,
    max_message_size: usize,
}

impl<S: 'static> ProcessExecutorBuilder<S> {
    /// Sets how many worker processes there are at most; as many as the machine runs at once if this is not called. One that was
    /// told to end does not count: the next may start before it has.
    pub fn workers(self, workers: usize) -> Self {
        Self { tasks: self.tasks.workers(workers), ..self }
    }

    /// Sets how a worker is started; if this is not called, by [`Command::this_program`], without arguments. It is called on a thread of the executor, once for each worker. Its [`grace`](Command::grace) is set by the executor.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use foreground::{MessageRouter, process::{Command, ProcessExecutor}};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// let executor = ProcessExecutor::builder(&router)
    ///     .command(|| {
    ///         let mut command = Command::new("thumbnailer");
    ///         command.arg("--quiet").env("MALLOC_ARENA_MAX", "1");
    ///         Ok(command)
    ///     })
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn command(self, command: impl Fn() -> io::Result<Command> + Send + Sync + 'static) -> Self {
        Self { command: Some(Box::new(command)), ..self }
    }

    /// Sets how long a function may go on after its task was cancelled, and a worker after it was told to end, before the process is
    /// killed; two seconds if this is not called.
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Sets how long a worker may take from its start until it serves; thirty seconds if this is not called. A task whose worker does not
    /// fails as [`ProcessError::NotStarted`].
    pub fn start_timeout(self, timeout: Duration) -> Self {
        Self { start_timeout: timeout, ..self }
    }

    /// Ends workers that have had nothing to do for so long. If this is not called, they wait for as long as there is the
    /// executor.
    pub fn idle_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { idle_timeout: timeout.into(), ..self }
    }

    /// Has each worker run at most so many functions, and then end: what a library leaks goes with it. Of zero it runs
    /// one.
    pub fn tasks_per_worker(self, tasks: impl Into<Option<u64>>) -> Self {
        Self { tasks_per_worker: tasks.into(), ..self }
    }

    /// Sets how many bytes the arguments of a task, a message of it and its result may have; 128 MiB if this is not called, and
    /// up to 4 GiB. What is above fails the task as [`ProcessError::TooLarge`]. Memory is taken as the bytes come.
    pub fn max_message_size(self, bytes: usize) -> Self {
        Self { max_message_size: bytes, ..self }
    }

    /// Makes the executor. No process is started before the first task.
    ///
    /// # Errors
    /// [`ProcessPoolError`]. In a process that was itself started as a worker, and has not called
    /// [`serve_if_worker`](super::Functions::serve_if_worker), it is [`InWorker`](ProcessPoolError::InWorker).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::{MessageRouter, process::ProcessExecutor};
    ///
    /// let router: MessageRouter = MessageRouter::new(|| {});
    /// let executor = ProcessExecutor::builder(&router)
    ///     .workers(2)
    ///     .idle_timeout(Duration::from_secs(60))
    ///     .tasks_per_worker(1000)
    ///     .build()?;
    /// assert!(ProcessExecutor::builder(&router).workers(0).build().is_err());
    /// # Ok::<(), foreground::process::ProcessPoolError>(())
    /// ```
    pub fn build(self) -> Result<ProcessExecutor<S>, ProcessPoolError> {
        if worker::is_unaware() {
            return Err(ProcessPoolError::InWorker);
        }
        let command = match self.command {
            Some(command) => command,
            None => {
                // Tried now, to be told now. It is looked up for each worker: the file may be replaced while this one runs.
                drop(Command::this_program().map_err(ProcessPoolError::Program)?);
                Box::new(Command::this_program)
            }
        };
        let tasks = self.tasks.build()?;
        let crew = Crew::new(Terms {
            command,
            grace: self.grace,
            start_timeout: self.start_timeout,
            idle_timeout: self.idle_timeout,
            tasks_per_worker: self.tasks_per_worker,
            max_message_size: self.max_message_size,
        });
        Ok(ProcessExecutor { tasks, crew: Rc::new(Owned(crew)) })
    }
}

impl<S: 'static> fmt::Debug for ProcessExecutorBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessExecutorBuilder")
            .field("tasks", &self.tasks)
            .field("grace", &self.grace)
            .field("start_timeout", &self.start_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("tasks_per_worker", &self.tasks_per_worker)
            .field("max_message_size", &self.max_message_size)
            .finish_non_exhaustive()
    }
}

impl<S: 'static> ProcessExecutor<S> {
    /// Makes an executor whose workers run the program of this process, as many as the machine runs at once. None of them is
    /// started before the first task.
    ///
    /// # Errors
    /// As for [`build`](ProcessExecutorBuilder::build).
    ///
    /// # Examples
    ///
    /// See [`Functions`](super::Functions).
    pub fn new(router: &MessageRouter<S>) -> Result<Self, ProcessPoolError> {
        Self::builder(router).build()
    }

    /// Starts to set up an executor.
    pub fn builder(router: &MessageRouter<S>) -> ProcessExecutorBuilder<S> {
        ProcessExecutorBuilder {
            tasks: TaskExecutor::builder(router).thread_name("process"),
            command: None,
            grace: Duration::from_secs(2),
            start_timeout: Duration::from_secs(30),
            idle_timeout: None,
            tasks_per_worker: None,
            max_message_size: 128 << 20,
        }
    }

    /// Runs a function in another process. Its result is the task's; an `Err` of one that can fail is
    /// [`ProcessError::Function`].
    ///
    /// # Errors
    /// [`SubmitError`] gives the arguments back.
    ///
    /// # Examples
    ///
    /// See [`Functions`](super::Functions).
    #[track_caller]
    pub fn submit_call_in_process<A, R, E>(
        &self,
        function: &CallFunction<A, R, E>,
        arguments: A,
    ) -> Result<CallFuture<R, S, ProcessError<E>>, SubmitError<A>>
    where
        A: Send + 'static,
        R: Send + 'static,
        E: Send + 'static,
    {
        self.submit_in_process(function, arguments)
    }

    /// Iterates in another process. The items arrive in order, and a cancel is looked at before each.
    ///
    /// # Errors
    /// [`SubmitError`] gives the arguments back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::MessageRouter;
    /// # use foreground::process::{Functions, ProcessExecutor};
    /// # let mut functions = Functions::new();
    /// let squares = functions.iteration("squares", |up_to: u64| (1..=up_to).map(|n| n * n));
    /// functions.serve_if_worker();
    /// # let router: MessageRouter<Vec<u64>> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let executor = ProcessExecutor::new(&router)?;
    /// let task = executor.submit_iteration_in_process(&squares, 4)?;
    /// task.on_item(|seen: &mut Vec<u64>, square| seen.push(square));
    ///
    /// let mut seen = Vec::new();
    /// router.route_until(&mut seen, |_| task.state().is_done(), Duration::from_secs(60))?;
    /// assert_eq!(seen, [1, 4, 9, 16]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit_iteration_in_process<A, T, E>(
        &self,
        function: &IterationFunction<A, T, E>,
        arguments: A,
    ) -> Result<IterationFuture<T, S, (), ProcessError<E>>, SubmitError<A>>
    where
        A: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.submit_in_process(function, arguments)
    }

    /// Runs a function in another process that reports and asks while it runs.
    ///
    /// # Errors
    /// [`SubmitError`] gives the arguments back.
    ///
    /// # Examples
    ///
    /// See [`ProcessExecutor`].
    #[track_caller]
    pub fn submit_progress_in_process<A, P, R, E>(
        &self,
        function: &ProgressFunction<A, P, R, E>,
        arguments: A,
    ) -> Result<ProgressFuture<P, R, S, ProcessError<E>>, SubmitError<A>>
    where
        A: Send + 'static,
        P: Send + 'static,
        R: Send + 'static,
        E: Send + 'static,
    {
        self.submit_in_process(function, arguments)
    }

    /// Runs a function of any kind in another process, for code that does not care which.
    ///
    /// # Errors
    /// [`SubmitError`] gives the arguments back.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::{ProcessExecutor, ProcessFunction};
    /// use foreground::tasks::SubmitError;
    ///
    /// /// For background work whose end nobody waits for.
    /// fn fire_and_forget<A, M, R, E>(
    ///     executor: &ProcessExecutor,
    ///     function: &ProcessFunction<A, M, R, E>,
    ///     arguments: A,
    /// ) -> Result<(), SubmitError<A>>
    /// where
    ///     A: Send + 'static,
    ///     M: Send + 'static,
    ///     R: Send + 'static,
    ///     E: Send + 'static,
    /// {
    ///     executor.submit_in_process(function, arguments)?.detach();
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn submit_in_process<A, M, R, E>(
        &self,
        function: &ProcessFunction<A, M, R, E>,
        arguments: A,
    ) -> Result<TaskFuture<M, R, ProcessError<E>, S>, SubmitError<A>>
    where
        A: Send + 'static,
        M: Send + 'static,
        R: Send + 'static,
        E: Send + 'static,
    {
        let task = RemoteTask { function: function.clone(), arguments, crew: Arc::clone(&self.crew.0) };
        self.tasks.submit(task).map_err(|error| error.map(|task| task.arguments))
    }

    /// Returns whether the executor takes tasks.
    pub fn state(&self) -> ExecutorState {
        self.tasks.state()
    }

    /// Returns how many tasks have not ended, as far as the news has arrived.
    pub fn running(&self) -> usize {
        self.tasks.running()
    }

    /// Returns the numbers by which the system knows the worker processes that live, those that wait for a task among them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, process::ProcessExecutor};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// let executor = ProcessExecutor::new(&router)?;
    /// assert!(executor.worker_ids().is_empty()); // before the first task
    /// # Ok::<(), foreground::process::ProcessPoolError>(())
    /// ```
    pub fn worker_ids(&self) -> Vec<u32> {
        self.crew.0.ids()
    }

    /// Kills a worker process at once; its task fails as [`ProcessError::Lost`]. Returns false if no worker has this number. A
    /// function learns its own from [`std::process::id`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, process::ProcessExecutor};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// let executor = ProcessExecutor::new(&router)?;
    /// assert!(!executor.kill_worker(std::process::id())); // this process is none of them
    /// # Ok::<(), foreground::process::ProcessPoolError>(())
    /// ```
    pub fn kill_worker(&self, id: u32) -> bool {
        self.crew.0.kill(id)
    }

    /// Sets the callback that learns of each change of the executor's state; see [`TaskExecutor::on_state`].
    pub fn on_state(&self, callback: impl FnMut(&mut S, ExecutorState) + 'static) {
        self.tasks.on_state(callback);
    }

    /// Takes no more tasks, cancels all, and ends the workers: those that wait at once, the others with their tasks. Never blocks;
    /// see [`TaskExecutor::stop`].
    ///
    /// # Errors
    /// [`AlreadyStopped`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, process::ProcessExecutor, tasks::{AlreadyStopped, ExecutorState}};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let executor = ProcessExecutor::new(&router)?;
    /// assert_eq!(executor.stop(), Ok(()));
    /// assert_eq!(executor.state(), ExecutorState::Stopped);
    /// assert_eq!(executor.stop(), Err(AlreadyStopped));
    /// # Ok::<(), foreground::process::ProcessPoolError>(())
    /// ```
    pub fn stop(&self) -> Result<(), AlreadyStopped> {
        self.tasks.stop()?;
        self.crew.0.close();
        Ok(())
    }

    /// Stops the executor, unless that was done, drives the router until all tasks have ended, and waits until all worker
    /// processes have. For the end of a program; see [`TaskExecutor::shutdown`].
    ///
    /// With a timeout that is longer than the [`grace`](ProcessExecutorBuilder::grace), functions that never look whether they
    /// were cancelled are no reason for an error: their processes are killed. Workers that have no task and have not ended
    /// when the time is up are killed too; without a timeout, when their grace is. Those that were killed are waited for one second
    /// more, all together, and then a warning is logged of each that the system has not ended.
    ///
    /// # Errors
    /// [`ShutdownError`].
    ///
    /// # Panics
    /// As [`dispatch`](MessageRouter::dispatch), when a callback does.
    ///
    /// # Examples
    ///
    /// See [`ProcessExecutor`].
    pub fn shutdown(&self, state: &mut S, timeout: impl Into<Option<Duration>>) -> Result<(), ShutdownError> {
        let timeout = timeout.into();
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        // Those that wait end while the tasks do.
        self.crew.0.close();
        self.tasks.shutdown(state, timeout)?;
        self.crew.0.wait(deadline);
        Ok(())
    }
}

impl<S: 'static> Clone for ProcessExecutor<S> {
    fn clone(&self) -> Self {
        Self { tasks: self.tasks.clone(), crew: Rc::clone(&self.crew) }
    }
}

impl<S: 'static> fmt::Debug for ProcessExecutor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessExecutor")
            .field("state", &self.state())
            .field("running", &self.running())
            .field("workers", &self.worker_ids())
            .finish()
    }
}
