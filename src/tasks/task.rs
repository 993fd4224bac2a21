//! Kinds of tasks: the trait, and the three that the crate brings.

use std::convert::Infallible;
use std::ops::ControlFlow;

use super::cancel::TaskCancelled;
use super::context::TaskContext;

/// A kind of background task: what it sends while it runs, and how it ends.
///
/// Calls, iterations and tasks with progress are three kinds, written with this trait. Write your own when a
/// task has several messages to send, or state that deserves a type; [`TaskExecutor::submit`](super::TaskExecutor::submit)
/// takes it.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
/// use foreground::tasks::{Task, TaskCancelled, TaskContext, TaskExecutor, TaskOutcome};
/// use foreground::MessageRouter;
///
/// /// Counts, and says so at every third and every fifth number.
/// struct FizzBuzz { up_to: u64 }
///
/// enum Heard { Fizz(u64), Buzz(u64), FizzBuzz(u64) }
///
/// impl Task for FizzBuzz {
///     type Message = Heard;
///     type Output = ();
///     type Error = TaskCancelled;
///
///     fn run(self, context: &TaskContext<Heard>) -> Result<(), TaskCancelled> {
///         for n in 1..=self.up_to {
///             match (n % 3, n % 5) {
///                 (0, 0) => context.send(Heard::FizzBuzz(n))?,
///                 (0, _) => context.send(Heard::Fizz(n))?,
///                 (_, 0) => context.send(Heard::Buzz(n))?,
///                 _ => context.check()?,
///             }
///         }
///         Ok(())
///     }
/// }
///
/// # use std::time::Duration;
/// let router: MessageRouter<Vec<u64>> = MessageRouter::new(|| {});
/// router.start()?;
/// let executor = TaskExecutor::new(&router);
/// let game = executor.submit(FizzBuzz { up_to: 30 })?;
/// game.on_message(|fizz_buzzes: &mut Vec<u64>, heard| {
///     if let Heard::FizzBuzz(n) = heard {
///         fizz_buzzes.push(n);
///     }
/// });
///
/// let mut seen = Vec::new();
/// router.route_until(&mut seen, |_| game.state().is_done(), Duration::from_secs(10))?;
/// assert_eq!(seen, [15, 30]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Task: Send + 'static {
    /// What it sends while it runs; [`Infallible`] if it sends nothing.
    type Message: Send + 'static;
    /// Its result.
    type Output: Send + 'static;
    /// Why it can fail; [`Infallible`] if it cannot.
    type Error: Send + 'static;

    /// Does the work, on a worker thread. It is told of a cancel by `context`, and should end soon then; what it
    /// returns after a cancel is dropped. A panic is caught and becomes
    /// [`Panicked`](super::TaskOutcome::Panicked).
    ///
    /// # Errors
    /// Its own, which becomes [`Failed`](super::TaskOutcome::Failed).
    fn run(self, context: &TaskContext<'_, Self::Message>) -> Result<Self::Output, Self::Error>;
}

/// An item of an iteration, as its future receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<T>(pub T);

/// A report of a task with progress, as its future receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<P>(pub P);

/// What a task with progress has of its executor: see [`TaskContext`], whose other methods it has too.
///
/// # Examples
///
/// ```
/// use foreground::tasks::{Progress, TaskCancelled};
///
/// fn work(progress: &Progress<f32>) -> Result<(), TaskCancelled> {
///     for i in 0..100 {
///         progress.report(i as f32 / 100.0)?;
///     }
///     Ok(())
/// }
/// ```
pub type Progress<'a, P> = TaskContext<'a, Report<P>>;

impl<P: Send + 'static> TaskContext<'_, Report<P>> {
    /// Reports progress to the callback of [`on_progress`](super::TaskFuture::on_progress). Never blocks. All reports
    /// arrive, in order.
    ///
    /// # Errors
    /// [`TaskCancelled`] if the task was cancelled; nothing is sent then.
    ///
    /// # Examples
    ///
    /// See [`submit_progress`](super::TaskExecutor::submit_progress).
    #[inline]
    pub fn report(&self, progress: P) -> Result<(), TaskCancelled> {
        self.send(Report(progress))
    }

    /// Reports progress of which only the newest counts, as often as you like: a bar sees the newest, and the last
    /// one always arrives before the task's end. See [`send_latest`](Self::send_latest).
    ///
    /// # Errors
    /// [`TaskCancelled`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::TaskExecutor};
    /// # let router: MessageRouter<u64> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let executor = TaskExecutor::new(&router);
    /// let job = executor.submit_progress(|progress| {
    ///     for i in 0..=1_000_000 {
    ///         progress.report_latest(i)?;
    ///     }
    ///     Ok(())
    /// })?;
    /// job.on_progress(|bar: &mut u64, i| *bar = i);
    ///
    /// let mut bar = 0;
    /// router.route_until(&mut bar, |_| job.state().is_done(), Duration::from_secs(10))?;
    /// assert_eq!(bar, 1_000_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn report_latest(&self, progress: P) -> Result<(), TaskCancelled> {
        self.send_latest(Report(progress))
    }
}

/// A call that cannot fail.
pub(super) struct Call<F>(pub(super) F);

impl<F, R> Task for Call<F>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    type Message = Infallible;
    type Output = R;
    type Error = Infallible;

    fn run(self, _: &TaskContext<'_, Infallible>) -> Result<R, Infallible> {
        Ok((self.0)())
    }
}

/// A call that can.
pub(super) struct TryCall<F>(pub(super) F);

impl<F, R, E> Task for TryCall<F>
where
    F: FnOnce() -> Result<R, E> + Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
{
    type Message = Infallible;
    type Output = R;
    type Error = E;

    fn run(self, _: &TaskContext<'_, Infallible>) -> Result<R, E> {
        (self.0)()
    }
}

/// An iteration whose items are all good.
pub(super) struct Iteration<F>(pub(super) F);

impl<F, I> Task for Iteration<F>
where
    F: FnOnce() -> I + Send + 'static,
    I: IntoIterator + 'static,
    I::Item: Send + 'static,
{
    type Message = Item<I::Item>;
    type Output = ();
    type Error = Infallible;

    fn run(self, context: &TaskContext<'_, Self::Message>) -> Result<(), Infallible> {
        let mut items = (self.0)().into_iter();
        // The future does not look at how a cancelled task ends.
        while context.check().is_ok()
            && let Some(item) = items.next()
            && context.send(Item(item)).is_ok()
        {}
        Ok(())
    }
}

/// An iteration that ends at the first error.
pub(super) struct TryIteration<F>(pub(super) F);

impl<F, I, T, E> Task for TryIteration<F>
where
    F: FnOnce() -> I + Send + 'static,
    I: IntoIterator<Item = Result<T, E>> + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    type Message = Item<T>;
    type Output = ();
    type Error = E;

    fn run(self, context: &TaskContext<'_, Self::Message>) -> Result<(), E> {
        let mut items = (self.0)().into_iter();
        while context.check().is_ok()
            && let Some(item) = items.next()
            && context.send(Item(item?)).is_ok()
        {}
        Ok(())
    }
}

/// An iteration that has a result besides its items.
pub(super) struct Steps<F>(pub(super) F);

impl<F, G, T, R> Task for Steps<F>
where
    F: FnOnce() -> G + Send + 'static,
    G: FnMut() -> ControlFlow<R, T> + 'static,
    T: Send + 'static,
    R: Send + 'static,
{
    type Message = Item<T>;
    type Output = R;
    type Error = TaskCancelled;

    fn run(self, context: &TaskContext<'_, Self::Message>) -> Result<R, TaskCancelled> {
        let mut step = (self.0)();
        loop {
            context.check()?;
            match step() {
                ControlFlow::Continue(item) => context.send(Item(item))?,
                ControlFlow::Break(result) => return Ok(result),
            }
        }
    }
}

/// A closure that reports.
pub(super) struct WithProgress<F, P>(pub(super) F, pub(super) std::marker::PhantomData<fn(P)>);

impl<F, P, R, E> Task for WithProgress<F, P>
where
    F: FnOnce(&Progress<'_, P>) -> Result<R, E> + Send + 'static,
    P: Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
{
    type Message = Report<P>;
    type Output = R;
    type Error = E;

    fn run(self, context: &Progress<'_, P>) -> Result<R, E> {
        (self.0)(context)
    }
}
