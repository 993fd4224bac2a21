//! The executor: it hands tasks to workers, knows which have not ended, and stops them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::{Rc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use slab::Slab;

use super::ask::AskError;
use super::cancel::{CancelToken, TaskCancelled};
use super::core::{Line, Live, Reset, TaskCore, later};
use super::error::{AlreadyStopped, PoolError, ShutdownError, SubmitError};
use super::future::{CallFuture, IterationFuture, ProgressFuture, TaskFuture};
use super::job::Job;
use super::outcome;
use super::pool::WorkerPool;
use super::task::{Call, Iteration, Progress, Steps, Task, TryCall, TryIteration, WithProgress};
use crate::MessageRouter;
use crate::sync::current;

/// Whether an executor takes tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecutorState {
    /// It takes tasks.
    Running,
    /// It was stopped, and waits for tasks to end.
    Stopping,
    /// It was stopped, and all of its tasks have ended.
    Stopped,
}

impl fmt::Display for ExecutorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        })
    }
}

/// The future of a task of the kind `T`.
type FutureOf<T, S> = TaskFuture<<T as Task>::Message, <T as Task>::Output, <T as Task>::Error, S>;

/// An empty table larger than this gives its memory back.
const KEPT_TASKS: usize = 4096;

type OnExecutorState<S> = Box<dyn FnMut(&mut S, ExecutorState)>;

/// Runs work on background threads, and tells the foreground of it.
///
/// A cheap handle: clones share one executor. It lives on the router's thread, and so do the futures that it
/// returns; this does not compile:
///
/// ```compile_fail
/// # let router: foreground::MessageRouter = foreground::MessageRouter::new(|| {});
/// let executor = foreground::tasks::TaskExecutor::new(&router);
/// std::thread::spawn(move || executor.submit_call(|| 1));
/// ```
///
/// Keep it as long as its tasks are wanted: dropping the last handle cancels them all, as [`stop`](Self::stop) does.
/// To end a program cleanly, see [`shutdown`](Self::shutdown).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use foreground::{MessageRouter, tasks::{TaskExecutor, TaskOutcome}};
///
/// #[derive(Default)]
/// struct App { status: String }
///
/// let router = MessageRouter::new(|| { /* wake the event loop */ });
/// router.start()?;
/// let executor = TaskExecutor::new(&router);
/// let call = executor.submit_call(|| 7 * 7)?;
/// call.on_done(|app: &mut App, outcome| app.status = outcome.to_string());
///
/// let mut app = App::default();
/// // In place of an event loop:
/// router.route_until(&mut app, |app| !app.status.is_empty(), Duration::from_secs(10))?;
/// assert_eq!(app.status, "49");
/// executor.shutdown(&mut app, Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping the last handle of an executor cancels its tasks"]
pub struct TaskExecutor<S: 'static = ()> {
    core: Rc<ExecutorCore<S>>,
}

/// Sets up a [`TaskExecutor`]; made by [`TaskExecutor::builder`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct TaskExecutorBuilder<S: 'static = ()> {
    router: MessageRouter<S>,
    workers: usize,
    thread_name: String,
    pool: Option<WorkerPool>,
}

impl<S: 'static> fmt::Debug for TaskExecutorBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskExecutorBuilder")
            .field("workers", &self.workers)
            .field("thread_name", &self.thread_name)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl<S: 'static> TaskExecutorBuilder<S> {
    /// Sets how many worker threads the executor has; as many as the machine runs at once if this is not called.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Names the worker threads: `name-0`, `name-1` and so on; `worker` if this is not called.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// Has the executor use the threads of a pool, which goes on when the executor is stopped. Then the other settings
    /// mean nothing.
    pub fn pool(mut self, pool: &WorkerPool) -> Self {
        self.pool = Some(pool.clone());
        self
    }

    /// Makes the executor. No thread is started before the first task.
    ///
    /// # Errors
    /// [`PoolError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, tasks::TaskExecutor};
    ///
    /// let router: MessageRouter = MessageRouter::new(|| {});
    /// let executor = TaskExecutor::builder(&router).workers(2).thread_name("hash").build()?;
    /// assert!(TaskExecutor::builder(&router).workers(0).build().is_err());
    /// # Ok::<(), foreground::tasks::PoolError>(())
    /// ```
    pub fn build(self) -> Result<TaskExecutor<S>, PoolError> {
        let pool = match self.pool {
            Some(pool) => pool,
            None => WorkerPool::new(self.thread_name, self.workers)?,
        };
        Ok(TaskExecutor::with_pool(self.router, pool))
    }
}

impl<S: 'static> TaskExecutor<S> {
    /// Makes an executor with as many worker threads as the machine runs at once. None of them is started before the
    /// first task.
    pub fn new(router: &MessageRouter<S>) -> Self {
        Self::with_pool(router.clone(), WorkerPool::of_the_machine())
    }

    /// Starts to set up an executor with other threads.
    pub fn builder(router: &MessageRouter<S>) -> TaskExecutorBuilder<S> {
        TaskExecutorBuilder {
            router: router.clone(),
            workers: WorkerPool::default_size(),
            thread_name: WorkerPool::DEFAULT_NAME.into(),
            pool: None,
        }
    }

    fn with_pool(router: MessageRouter<S>, pool: WorkerPool) -> Self {
        Self {
            core: Rc::new(ExecutorCore {
                router,
                pool: RefCell::new(Some(Rc::new(pool))),
                state: Cell::new(ExecutorState::Running),
                live: RefCell::new(Slab::new()),
                in_callbacks: Cell::new(0),
                lost: RefCell::new(Vec::new()),
                news: Rc::new(News::default()),
            }),
        }
    }

    /// Runs `call` in the background. Its result is the task's.
    ///
    /// # Errors
    /// [`SubmitError`] gives the closure back.
    ///
    /// # Examples
    ///
    /// See [`TaskExecutor`].
    #[track_caller]
    pub fn submit_call<F, R>(&self, call: F) -> Result<CallFuture<R, S>, SubmitError<F>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.submit(Call(call)).map_err(|error| error.map(|task| task.0))
    }

    /// Runs a `call` that can fail in the background. An `Err` is the task's failure, with its type.
    ///
    /// # Errors
    /// [`SubmitError`] gives the closure back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::{TaskExecutor, TaskOutcome}};
    /// # let router: MessageRouter<String> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let executor = TaskExecutor::new(&router);
    /// let file = executor.submit_try_call(|| std::fs::read("/no/such/file"))?;
    /// file.on_done(|status: &mut String, outcome| {
    ///     *status = match outcome {
    ///         TaskOutcome::Completed(bytes) => format!("{} bytes", bytes.len()),
    ///         TaskOutcome::Failed(error) => format!("{:?}", error.kind()), // an io::Error
    ///         other => format!("{other:?}"),
    ///     };
    /// });
    ///
    /// let mut status = String::new();
    /// router.route_until(&mut status, |_| file.state().is_done(), Duration::from_secs(10))?;
    /// assert_eq!(status, "NotFound");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit_try_call<F, R, E>(&self, call: F) -> Result<CallFuture<R, S, E>, SubmitError<F>>
    where
        F: FnOnce() -> Result<R, E> + Send + 'static,
        R: Send + 'static,
        E: Send + 'static,
    {
        self.submit(TryCall(call)).map_err(|error| error.map(|task| task.0))
    }

    /// Iterates in the background: `iterate` makes an iterator there, and each of its items arrives, in order. A cancel is
    /// looked at before each item, and the iterator is dropped before the task is done.
    ///
    /// # Errors
    /// [`SubmitError`] gives the closure back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::TaskExecutor};
    /// # let router: MessageRouter<Vec<u64>> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let executor = TaskExecutor::new(&router);
    /// let squares = executor.submit_iteration(|| (1..=4_u64).map(|n| n * n))?;
    /// squares.on_item(|seen: &mut Vec<u64>, square| seen.push(square));
    ///
    /// let mut seen = Vec::new();
    /// router.route_until(&mut seen, |_| squares.state().is_done(), Duration::from_secs(10))?;
    /// assert_eq!(seen, [1, 4, 9, 16]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit_iteration<F, I>(&self, iterate: F) -> Result<IterationFuture<I::Item, S>, SubmitError<F>>
    where
        F: FnOnce() -> I + Send + 'static,
        I: IntoIterator + 'static,
        I::Item: Send + 'static,
    {
        self.submit(Iteration(iterate)).map_err(|error| error.map(|task| task.0))
    }

    /// Iterates in the background over what may be errors. The good items arrive up to the first error, which is
    /// the task's failure.
    ///
    /// # Errors
    /// [`SubmitError`] gives the closure back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::TaskExecutor};
    /// # let router: MessageRouter<Vec<u32>> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let executor = TaskExecutor::new(&router);
    /// let numbers = executor.submit_try_iteration(|| "1 2 x 4".split(' ').map(str::parse::<u32>))?;
    /// numbers.on_item(|seen: &mut Vec<u32>, number| seen.push(number));
    ///
    /// let mut seen = Vec::new();
    /// router.route_until(&mut seen, |_| numbers.state().is_done(), Duration::from_secs(10))?;
    /// assert_eq!(seen, [1, 2]);
    /// assert_eq!(numbers.try_outcome().unwrap().failed().unwrap().to_string(), "invalid digit found in string");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit_try_iteration<F, I, T, E>(
        &self,
        iterate: F,
    ) -> Result<IterationFuture<T, S, (), E>, SubmitError<F>>
    where
        F: FnOnce() -> I + Send + 'static,
        I: IntoIterator<Item = Result<T, E>> + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.submit(TryIteration(iterate)).map_err(|error| error.map(|task| task.0))
    }

    /// Iterates in the background, with a result at the end: `begin` makes a closure there, which is called until it
    /// breaks with the result. Each of the values with which it continues arrives as an item.
    ///
    /// # Errors
    /// [`SubmitError`] gives the closure back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::{TaskExecutor, TaskOutcome}};
    /// use std::ops::ControlFlow::{Break, Continue};
    ///
    /// # let router: MessageRouter<Vec<u64>> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let executor = TaskExecutor::new(&router);
    /// // The Collatz sequence of 6; the result is its length.
    /// let sequence = executor.submit_steps(|| {
    ///     let (mut n, mut length) = (6_u64, 0);
    ///     move || {
    ///         if n == 1 {
    ///             return Break(length);
    ///         }
    ///         n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
    ///         length += 1;
    ///         Continue(n)
    ///     }
    /// })?;
    /// sequence.on_item(|seen: &mut Vec<u64>, n| seen.push(n));
    ///
    /// let mut seen = Vec::new();
    /// router.route_until(&mut seen, |_| sequence.state().is_done(), Duration::from_secs(10))?;
    /// assert_eq!(seen, [3, 10, 5, 16, 8, 4, 2, 1]);
    /// assert_eq!(sequence.try_outcome(), Some(TaskOutcome::Completed(8)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit_steps<F, G, T, R>(
        &self,
        begin: F,
    ) -> Result<IterationFuture<T, S, R, TaskCancelled>, SubmitError<F>>
    where
        F: FnOnce() -> G + Send + 'static,
        G: FnMut() -> ControlFlow<R, T> + 'static,
        T: Send + 'static,
        R: Send + 'static,
    {
        self.submit(Steps(begin)).map_err(|error| error.map(|task| task.0))
    }

    /// Runs `work`, which reports and asks while it runs. Its error is that of a report or a question, for
    /// `?`; for work that fails in ways of its own, see [`submit_try_progress`](Self::submit_try_progress).
    ///
    /// # Errors
    /// [`SubmitError`] gives the closure back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::{TaskExecutor, TaskOutcome}};
    /// # struct App { bar: f32, sum: Option<u64> }
    /// # let router: MessageRouter<App> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let executor = TaskExecutor::new(&router);
    /// let job = executor.submit_progress(|progress| {
    ///     let mut sum = 0;
    ///     for n in 1..=100_u64 {
    ///         sum += n * n;
    ///         progress.report(n as f32 / 100.0)?; // ends the task once it is cancelled
    ///     }
    ///     Ok(sum)
    /// })?;
    /// job.on_progress(|app: &mut App, done| app.bar = done);
    /// job.on_done(|app, outcome| app.sum = outcome.completed());
    ///
    /// let mut app = App { bar: 0.0, sum: None };
    /// router.route_until(&mut app, |app| app.sum.is_some(), Duration::from_secs(10))?;
    /// assert_eq!((app.bar, app.sum), (1.0, Some(338_350)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit_progress<F, P, R>(&self, work: F) -> Result<ProgressFuture<P, R, S>, SubmitError<F>>
    where
        F: FnOnce(&Progress<'_, P>) -> Result<R, AskError> + Send + 'static,
        P: Send + 'static,
        R: Send + 'static,
    {
        self.submit_try_progress(work)
    }

    /// Runs `work`, which reports and asks while it runs, and can fail with an error of any type. For `?` on a report
    /// that type is to be made from a [`TaskCancelled`], and on a question from an [`AskError`], as `io::Error` and
    /// `Box<dyn Error + Send + Sync>` are.
    ///
    /// # Errors
    /// [`SubmitError`] gives the closure back.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{fs, io, path::PathBuf};
    /// use foreground::tasks::Progress;
    ///
    /// /// Reports how many files were read.
    /// fn total_size(files: Vec<PathBuf>, progress: &Progress<usize>) -> io::Result<u64> {
    ///     let mut total = 0;
    ///     for (done, file) in files.iter().enumerate() {
    ///         progress.report(done)?;
    ///         total += fs::metadata(file)?.len();
    ///     }
    ///     Ok(total)
    /// }
    ///
    /// # use foreground::{MessageRouter, tasks::TaskExecutor};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let executor = TaskExecutor::new(&router);
    /// # let files = vec![];
    /// let job = executor.submit_try_progress(|progress| total_size(files, progress))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn submit_try_progress<F, P, R, E>(
        &self,
        work: F,
    ) -> Result<ProgressFuture<P, R, S, E>, SubmitError<F>>
    where
        F: FnOnce(&Progress<'_, P>) -> Result<R, E> + Send + 'static,
        P: Send + 'static,
        R: Send + 'static,
        E: Send + 'static,
    {
        self.submit(WithProgress(work, PhantomData)).map_err(|error| error.map(|task| task.0))
    }

    /// Runs a task of any kind, also one of your own.
    ///
    /// # Errors
    /// [`SubmitError`] gives the task back.
    ///
    /// # Examples
    ///
    /// See [`Task`].
    #[track_caller]
    pub fn submit<T: Task>(&self, task: T) -> Result<FutureOf<T, S>, SubmitError<T>> {
        let executor = &*self.core;
        let pool = executor.pool.borrow().clone();
        let Some(pool) = pool.filter(|_| self.state() == ExecutorState::Running) else {
            return Err(SubmitError::NotRunning(task));
        };
        let (sender, receiver) = match executor.router.pipe() {
            Ok(pipe) => pipe,
            Err(error) => return Err(SubmitError::Pipe(task, error)),
        };
        if let Err(error) = pool.start() {
            return Err(SubmitError::Spawn(task, error));
        }
        outcome::note_places();
        let token = CancelToken::new();
        let core =
            Rc::new(TaskCore::new(executor.router.downgrade(), Rc::downgrade(&self.core), token.clone()));
        let line = Line(Rc::clone(&core));
        receiver.on_message(move |state, notice| line.0.receive(state, notice));
        receiver.detach();
        core.set_key(executor.register(Rc::downgrade(&core) as Weak<dyn Live>));
        pool.push(Box::new(Job::new(task, sender, token, current().id())));
        Ok(TaskFuture::new(core))
    }

    /// Returns whether the executor takes tasks.
    pub fn state(&self) -> ExecutorState {
        self.core.state.get()
    }

    /// Returns how many tasks have not ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, tasks::TaskExecutor};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// # let executor = TaskExecutor::new(&router);
    /// assert_eq!(executor.running(), 0);
    /// let call = executor.submit_call(|| 1).unwrap();
    /// assert_eq!(executor.running(), 1); // until the news of its end arrives
    /// ```
    pub fn running(&self) -> usize {
        self.core.live.borrow().len()
    }

    /// Sets the callback that learns of each change of the executor's state, in place of the one before, if any. It
    /// is called from the event loop, after the change, and dropped after the last one. If it owns a handle of
    /// this executor, that keeps the executor until it was stopped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, tasks::{ExecutorState, TaskExecutor}};
    /// # let router: MessageRouter<Vec<ExecutorState>> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let executor = TaskExecutor::new(&router);
    /// executor.on_state(|seen: &mut Vec<ExecutorState>, state| seen.push(state));
    /// executor.stop().unwrap();
    ///
    /// let mut seen = Vec::new();
    /// router.dispatch(&mut seen);
    /// assert_eq!(seen, [ExecutorState::Stopping, ExecutorState::Stopped]);
    /// ```
    pub fn on_state(&self, callback: impl FnMut(&mut S, ExecutorState) + 'static) {
        if self.state() == ExecutorState::Stopped && self.core.news.untold.borrow().is_empty() {
            return;
        }
        let old = self.core.news.on_state.replace(Some(Box::new(callback)));
        drop(old);
    }

    /// Takes no more tasks, and cancels all: those that wait never run, and those that run are asked to end. Never
    /// blocks. The executor is [`Stopped`](ExecutorState::Stopped) when they have; with nothing running, when this
    /// returns.
    ///
    /// # Errors
    /// [`AlreadyStopped`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, tasks::{AlreadyStopped, ExecutorState, TaskExecutor}};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let executor = TaskExecutor::new(&router);
    /// assert_eq!(executor.stop(), Ok(()));
    /// assert_eq!(executor.state(), ExecutorState::Stopped);
    /// assert_eq!(executor.stop(), Err(AlreadyStopped));
    /// ```
    pub fn stop(&self) -> Result<(), AlreadyStopped> {
        if self.state() != ExecutorState::Running {
            return Err(AlreadyStopped);
        }
        self.core.stop();
        Ok(())
    }

    /// Stops the executor, unless that was done, and drives the router until all tasks have ended. For the end of a
    /// program: it blocks the foreground, runs no event loop, and as after any
    /// [`route_until`](MessageRouter::route_until), the router delivers nothing from the event loop until it was
    /// stopped and started again.
    ///
    /// A task that had started has ended when this returns `Ok`, also one of which no news comes any more because a callback
    /// of it panicked or the router was stopped. No future changes afterwards; a callback that is on the stack, because
    /// this is called in it, is followed by those that it held up. Nothing is done if the executor is stopped. Without a
    /// `timeout` it waits for as long as it takes.
    ///
    /// # Errors
    /// - [`ShutdownError::Timeout`] says how many tasks still run, such as those that never look whether they were
    ///   cancelled. The executor is still [`Stopping`](ExecutorState::Stopping), unless no news comes of those, and a second
    ///   call waits on.
    /// - [`ShutdownError::InCallback`] if it is called in a callback of a task that has not ended, when all others have.
    ///
    /// # Panics
    /// As [`dispatch`](MessageRouter::dispatch), when a callback does.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::{ShutdownError, TaskExecutor}};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let executor = TaskExecutor::new(&router);
    /// let (release, released) = std::sync::mpsc::channel::<()>();
    /// // It never looks whether it was cancelled.
    /// let stubborn = executor.submit_call(move || released.recv()).unwrap();
    /// # router.route_until(&mut (), |_| stubborn.state().to_string() == "executing", Duration::from_secs(10)).unwrap();
    ///
    /// let error = executor.shutdown(&mut (), Duration::from_millis(5)).unwrap_err();
    /// assert!(matches!(error, ShutdownError::Timeout { running: 1, .. }));
    /// drop(release);
    /// executor.shutdown(&mut (), Duration::from_secs(10))?;
    /// # Ok::<(), ShutdownError>(())
    /// ```
    pub fn shutdown(&self, state: &mut S, timeout: impl Into<Option<Duration>>) -> Result<(), ShutdownError> {
        if self.state() == ExecutorState::Running {
            self.core.stop();
        }
        let core = &*self.core;
        let timeout = timeout.into();
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        // A lost task may wait for room in a pipe, so the router is driven for it too. Its end unparks this thread.
        let is_over = || {
            core.news.is_told()
                && core.live.borrow().len() <= core.in_callbacks.get()
                && core.lost.borrow().iter().all(CancelToken::has_ended)
        };
        // Even a wait that is none takes the router from its event loop.
        if !is_over() {
            // It fails when the time is up, or when a callback has stopped the router; the tasks are lost then.
            let _ = core.router.route_until(state, |_| is_over(), timeout);
        }
        let lost = core.wait_for_the_lost(deadline);
        match (core.live.borrow().len() + lost, core.in_callbacks.get()) {
            (0, _) => Ok(()),
            (running, in_callbacks) if running <= in_callbacks => Err(ShutdownError::InCallback { running }),
            (running, _) => Err(ShutdownError::Timeout { running }),
        }
    }
}

impl<S: 'static> Clone for TaskExecutor<S> {
    fn clone(&self) -> Self {
        Self { core: Rc::clone(&self.core) }
    }
}

impl<S: 'static> fmt::Debug for TaskExecutor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskExecutor")
            .field("state", &self.state())
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}

pub(super) struct ExecutorCore<S: 'static> {
    router: MessageRouter<S>,
    /// None once it has stopped, so that threads of its own end.
    pool: RefCell<Option<Rc<WorkerPool>>>,
    state: Cell<ExecutorState>,
    /// The tasks that have not ended. Weak: a task's callbacks may own the executor.
    live: RefCell<Slab<Weak<dyn Live>>>,
    /// How many of them have a callback on the stack.
    in_callbacks: Cell<usize>,
    /// Tasks of which no news will come, for their pipes have gone, and which may still run.
    lost: RefCell<Vec<CancelToken>>,
    news: Rc<News<S>>,
}

/// Apart from the executor, which owns the router: the router owns this while a change is to be told.
struct News<S: 'static> {
    on_state: Cell<Option<OnExecutorState<S>>>,
    /// Changes of the state of which the callback is still to be told.
    untold: RefCell<VecDeque<ExecutorState>>,
    /// The callback is on the stack.
    is_telling: Cell<bool>,
}

impl<S: 'static> Default for News<S> {
    fn default() -> Self {
        Self { on_state: Cell::default(), untold: RefCell::default(), is_telling: Cell::default() }
    }
}

impl<S: 'static> News<S> {
    /// Whether nothing is to be told, but by a callback that is on the stack.
    fn is_told(&self) -> bool {
        self.is_telling.get() || self.untold.borrow().is_empty()
    }

    fn tell(&self, state: &mut S) {
        if self.is_telling.replace(true) {
            // The callback that is on the stack routes; what called it goes on with the news.
            return;
        }
        let _telling = Reset(&self.is_telling);
        loop {
            let next = self.untold.borrow_mut().pop_front();
            let Some(executor_state) = next else { return };
            if let Some(mut callback) = self.on_state.take() {
                callback(state, executor_state);
                let newer = self.on_state.take();
                // After the last change it is dropped, for it may own the executor.
                if executor_state == ExecutorState::Stopped {
                    drop((callback, newer));
                } else {
                    self.on_state.set(Some(newer.unwrap_or(callback)));
                }
            }
        }
    }
}

impl<S: 'static> ExecutorCore<S> {
    pub(super) fn enter_callback(&self) {
        self.in_callbacks.set(self.in_callbacks.get() + 1);
    }

    pub(super) fn leave_callback(&self) {
        self.in_callbacks.set(self.in_callbacks.get() - 1);
    }

    fn register(&self, task: Weak<dyn Live>) -> u32 {
        // There are no more tasks than pipes, of which there are fewer than 2³².
        self.live.borrow_mut().insert(task) as u32
    }

    /// A task has ended.
    pub(super) fn forget(self: &Rc<Self>, key: u32) {
        let mut live = self.live.borrow_mut();
        let task = live.remove(key as usize);
        if live.is_empty() && live.capacity() > KEPT_TASKS {
            *live = Slab::new();
        }
        drop(live);
        drop(task);
        self.stop_if_idle();
    }

    fn stop(self: &Rc<Self>) {
        self.change_to(ExecutorState::Stopping);
        self.cancel_all();
        self.stop_if_idle();
    }

    fn cancel_all(&self) {
        let live: Vec<_> = self.live.borrow().iter().filter_map(|(_, task)| task.upgrade()).collect();
        let mut panicked = None;
        for task in live {
            // It drops messages that were not delivered. If that panics, the other tasks are cancelled too.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| task.cancel())) {
                panicked = Some(panic);
            }
        }
        if let Some(panic) = panicked.filter(|_| !thread::panicking()) {
            resume_unwind(panic);
        }
    }

    /// A task's pipe has gone, and with it all news of the task.
    pub(super) fn lose(&self, token: &CancelToken) {
        // Not with the borrow: a token may own wakers, which are the user's.
        let mut lost = self.lost.take();
        if lost.len().is_power_of_two() {
            lost.retain(|token| !token.has_ended());
        }
        token.watch();
        lost.push(token.clone());
        self.lost.borrow_mut().append(&mut lost);
    }

    /// Waits for the tasks of which no news will come, if the router cannot be driven meanwhile; returns how many of
    /// them still run when the time is up.
    fn wait_for_the_lost(&self, deadline: Option<Instant>) -> usize {
        let mut lost = self.lost.take();
        lost.retain(|token| {
            token.watch();
            !token.wait_for_end(deadline)
        });
        let running = lost.len();
        self.lost.borrow_mut().append(&mut lost);
        running
    }

    fn stop_if_idle(self: &Rc<Self>) {
        if self.state.get() == ExecutorState::Stopping && self.live.borrow().is_empty() {
            self.change_to(ExecutorState::Stopped);
            let pool = self.pool.take();
            drop(pool);
        }
    }

    fn change_to(self: &Rc<Self>, executor_state: ExecutorState) {
        self.state.set(executor_state);
        self.news.untold.borrow_mut().push_back(executor_state);
        let untold = Untold(Rc::clone(&self.news));
        later(&self.router, move |state| untold.0.tell(state));
    }
}

impl<S: 'static> Drop for ExecutorCore<S> {
    fn drop(&mut self) {
        self.cancel_all();
    }
}

/// A change of state on its way to the callback. If it does not get there, the router was stopped, and nobody can be told.
struct Untold<S: 'static>(Rc<News<S>>);

impl<S: 'static> Drop for Untold<S> {
    fn drop(&mut self) {
        if self.0.is_telling.get() {
            return;
        }
        let untold = self.0.untold.take();
        if untold.contains(&ExecutorState::Stopped) {
            let never_called = self.0.on_state.take();
            drop(never_called);
        }
    }
}
