//! The foreground's handle of a task.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::ask::{Answer, AskError, Question};
use super::core::TaskCore;
use super::outcome::TaskOutcome;
use super::state::TaskState;
use super::task::{Item, Report};

/// The future of a call: see [`TaskExecutor::submit_call`](super::TaskExecutor::submit_call).
pub type CallFuture<R, S = (), E = Infallible> = TaskFuture<Infallible, R, E, S>;

/// The future of an iteration: see [`TaskExecutor::submit_iteration`](super::TaskExecutor::submit_iteration).
pub type IterationFuture<T, S = (), R = (), E = Infallible> = TaskFuture<Item<T>, R, E, S>;

/// The future of a task with progress: see [`TaskExecutor::submit_progress`](super::TaskExecutor::submit_progress).
pub type ProgressFuture<P, R, S = (), E = AskError> = TaskFuture<Report<P>, R, E, S>;

/// A task as the foreground knows it: what it says, how it ends, and the means to cancel it.
///
/// `M` is the type of its messages, `R` of its result, `E` of its error, and `S` of the application's state, which
/// every callback gets as `&mut S`. [`CallFuture`], [`IterationFuture`] and [`ProgressFuture`] are names for the
/// kinds that the crate brings. It stays on the foreground's thread.
///
/// Dropping it cancels the task; [`detach`](Self::detach) lets the task go on without it. Either way the callbacks stay.
///
/// # Callbacks and order
/// Callbacks run on the foreground, from the event loop. Messages come in the order in which the task sent them, and all
/// of them before the end. For each change of the state,
/// [`on_state`](Self::on_state) is called first, then [`on_uncancellable`](Self::on_uncancellable), then
/// [`on_done`](Self::on_done), and [`state`](Self::state) agrees with what they are told. After a cancel no message is
/// delivered. If a callback panics, the task is cancelled, the panic goes on to the caller of `dispatch`, and no other
/// callback of the task is called. Likewise when the router is stopped: the state is then `Cancelled`, and nobody can
/// be told.
///
/// # Polling
/// An immediate-mode GUI may set no callbacks: look at [`state`](Self::state) in each frame, take messages by
/// [`try_recv`](Self::try_recv) and the end by [`try_outcome`](Self::try_outcome).
///
/// # Async
/// A future can be awaited, by any executor on the foreground's thread: the output is its [`TaskOutcome`]. Dropping
/// what awaits it cancels the task.
#[must_use = "dropping a future cancels its task; keep it, or `detach` it"]
pub struct TaskFuture<M: 'static, R: 'static, E: 'static, S: 'static = ()> {
    core: Rc<TaskCore<M, R, E, S>>,
    is_detached: bool,
}

impl<M: 'static, R: 'static, E: 'static, S: 'static> TaskFuture<M, R, E, S> {
    pub(super) fn new(core: Rc<TaskCore<M, R, E, S>>) -> Self {
        Self { core, is_detached: false }
    }

    /// Returns the state of the task, as far as the news has arrived.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, tasks::{TaskExecutor, TaskState}};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// # let executor = TaskExecutor::new(&router);
    /// let call = executor.submit_call(|| 7 * 7).unwrap();
    /// assert_eq!(call.state(), TaskState::Waiting);
    /// call.cancel();
    /// assert_eq!(call.state(), TaskState::Cancelling);
    /// ```
    pub fn state(&self) -> TaskState {
        self.core.state()
    }

    /// Asks the task to end, and says whether that was news: true while it waits or executes, then false. Never an
    /// error, and never blocks.
    ///
    /// The state is [`Cancelling`](TaskState::Cancelling) from then on, and [`Cancelled`](TaskState::Cancelled) once
    /// the task has ended, whatever it returns. What it sent and was not delivered is dropped. If no worker had taken
    /// it, its closure never runs.
    ///
    /// # Examples
    ///
    /// See [`state`](Self::state).
    pub fn cancel(&self) -> bool {
        self.core.cancel()
    }

    /// Sets the callback that receives the messages, in place of the one before, if any. Those that wait, because there
    /// was none, come to it first, on the next dispatch.
    ///
    /// # Examples
    ///
    /// See [`Task`](super::Task).
    pub fn on_message(&self, callback: impl FnMut(&mut S, M) + 'static) {
        self.core.set_on_message(Box::new(callback));
    }

    /// Sets the callback that learns of each change of the state, in place of the one before, if any.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::{TaskExecutor, TaskState}};
    /// # let router: MessageRouter<Vec<TaskState>> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// # let executor = TaskExecutor::new(&router);
    /// let call = executor.submit_call(|| 7 * 7).unwrap();
    /// call.on_state(|seen: &mut Vec<TaskState>, state| seen.push(state));
    ///
    /// let mut seen = Vec::new();
    /// router.route_until(&mut seen, |_| call.state().is_done(), Duration::from_secs(10)).unwrap();
    /// assert_eq!(seen, [TaskState::Executing, TaskState::Completed]);
    /// ```
    pub fn on_state(&self, callback: impl FnMut(&mut S, TaskState) + 'static) {
        self.core.set_on_state(Box::new(callback));
    }

    /// Sets the callback that is called when the task can no longer be cancelled: when it ends, or was cancelled. A
    /// Cancel button turns grey here.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, tasks::TaskExecutor};
    /// # let router: MessageRouter<bool> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// # let executor = TaskExecutor::new(&router);
    /// let call = executor.submit_call(|| 7 * 7).unwrap();
    /// call.on_uncancellable(|button_is_active: &mut bool| *button_is_active = false);
    /// call.cancel();
    ///
    /// let mut button_is_active = true;
    /// router.dispatch(&mut button_is_active);
    /// assert!(!button_is_active);
    /// ```
    pub fn on_uncancellable(&self, callback: impl FnOnce(&mut S) + 'static) {
        self.core.set_on_uncancellable(Box::new(callback));
    }

    /// Sets the callback that learns how the task ended, in place of the one before, if any. It is called once, and
    /// it is the last of the task's callbacks. If the task has ended already and nobody has taken the outcome, it is
    /// called on the next dispatch.
    ///
    /// # Examples
    ///
    /// See [`TaskExecutor`](super::TaskExecutor).
    pub fn on_done(&self, callback: impl FnOnce(&mut S, TaskOutcome<R, E>) + 'static) {
        self.core.set_on_done(Box::new(callback));
    }

    /// Sets the callback for questions of the type `Q`, in place of the one before, if any. It gets the right to answer,
    /// and may keep it until the user has clicked; the task waits meanwhile.
    ///
    /// A question for whose type there is no callback when it arrives is
    /// [`Unanswered`](AskError::Unanswered), so set this right after the submit.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::TaskExecutor};
    /// use foreground::tasks::{Answer, Question};
    ///
    /// struct Overwrite { file: String }
    /// impl Question for Overwrite {
    ///     type Answer = bool;
    /// }
    ///
    /// #[derive(Default)]
    /// struct App { dialog: Option<(String, Answer<bool>)>, copied: u32 }
    ///
    /// # let router: MessageRouter<App> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let executor = TaskExecutor::new(&router);
    /// let job = executor.submit_progress(|progress| {
    ///     for file in ["a.txt", "b.txt"] {
    ///         if progress.ask(Overwrite { file: file.into() })? {
    ///             progress.report(file)?;
    ///         }
    ///     }
    ///     Ok(())
    /// })?;
    /// job.on_ask(|app: &mut App, question: Overwrite, answer| app.dialog = Some((question.file, answer)));
    /// job.on_progress(|app, _file| app.copied += 1);
    ///
    /// let mut app = App::default();
    /// # let wait = Duration::from_secs(10);
    /// // The event loop shows the dialog; then the user clicks Yes, and at the next one No.
    /// # router.route_until(&mut app, |app| app.dialog.is_some(), wait)?;
    /// let (file, answer) = app.dialog.take().unwrap();
    /// assert_eq!(file, "a.txt");
    /// answer.reply(true);
    /// # router.route_until(&mut app, |app| app.dialog.is_some(), wait)?;
    /// app.dialog.take().unwrap().1.reply(false);
    /// # router.route_until(&mut app, |_| job.state().is_done(), wait)?;
    /// assert_eq!(app.copied, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_ask<Q: Question>(&self, callback: impl FnMut(&mut S, Q, Answer<Q::Answer>) + 'static) {
        self.core.set_on_ask(callback);
    }

    /// Takes the oldest message that waits because there is no callback. Never blocks, and looks only at what was
    /// dispatched.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::{Item, TaskExecutor}};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// # let executor = TaskExecutor::new(&router);
    /// let numbers = executor.submit_iteration(|| 1..=2).unwrap();
    /// router.route_until(&mut (), |_| numbers.state().is_done(), Duration::from_secs(10)).unwrap();
    /// assert_eq!(numbers.try_recv(), Some(Item(1)));
    /// assert_eq!(numbers.try_recv(), Some(Item(2)));
    /// assert_eq!(numbers.try_recv(), None);
    /// ```
    pub fn try_recv(&self) -> Option<M> {
        self.core.try_recv()
    }

    /// Takes how the task ended, if it has and nobody has taken it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::{TaskExecutor, TaskOutcome}};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// # let executor = TaskExecutor::new(&router);
    /// let call = executor.submit_call(|| 7 * 7).unwrap();
    /// assert_eq!(call.try_outcome(), None);
    /// router.route_until(&mut (), |_| call.state().is_done(), Duration::from_secs(10)).unwrap();
    /// assert_eq!(call.try_outcome(), Some(TaskOutcome::Completed(49)));
    /// assert_eq!(call.try_outcome(), None);
    /// ```
    pub fn try_outcome(&self) -> Option<TaskOutcome<R, E>> {
        self.core.take_outcome()
    }

    /// Lets go of the handle, and lets the task go on: its callbacks stay. The executor still cancels it when it is
    /// stopped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, tasks::TaskExecutor};
    /// # let router: MessageRouter<u32> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// # let executor = TaskExecutor::new(&router);
    /// let call = executor.submit_call(|| 7 * 7).unwrap();
    /// call.on_done(|result: &mut u32, outcome| *result = outcome.completed().unwrap());
    /// call.detach();
    ///
    /// let mut result = 0;
    /// router.route_until(&mut result, |result| *result == 49, Duration::from_secs(10)).unwrap();
    /// ```
    pub fn detach(mut self) {
        self.is_detached = true;
    }
}

impl<T: 'static, R: 'static, E: 'static, S: 'static> TaskFuture<Item<T>, R, E, S> {
    /// Sets the callback that receives the items, in place of the one before, if any.
    ///
    /// # Examples
    ///
    /// See [`submit_iteration`](super::TaskExecutor::submit_iteration).
    pub fn on_item(&self, mut callback: impl FnMut(&mut S, T) + 'static) {
        self.on_message(move |state, Item(item)| callback(state, item));
    }
}

impl<P: 'static, R: 'static, E: 'static, S: 'static> TaskFuture<Report<P>, R, E, S> {
    /// Sets the callback that receives the reports, in place of the one before, if any.
    ///
    /// # Examples
    ///
    /// See [`submit_progress`](super::TaskExecutor::submit_progress).
    pub fn on_progress(&self, mut callback: impl FnMut(&mut S, P) + 'static) {
        self.on_message(move |state, Report(progress)| callback(state, progress));
    }
}

impl<M: 'static, R: 'static, E: 'static, S: 'static> Drop for TaskFuture<M, R, E, S> {
    fn drop(&mut self) {
        if !self.is_detached {
            self.core.cancel();
        }
    }
}

impl<M: 'static, R: 'static, E: 'static, S: 'static> fmt::Debug for TaskFuture<M, R, E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskFuture").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl<M: 'static, R: 'static, E: 'static, S: 'static> IntoFuture for TaskFuture<M, R, E, S> {
    type Output = TaskOutcome<R, E>;
    type IntoFuture = OutcomeFuture<M, R, E, S>;

    fn into_future(self) -> OutcomeFuture<M, R, E, S> {
        OutcomeFuture { task: self }
    }
}

/// What awaits a task: made by `await` on a [`TaskFuture`].
///
/// It is woken by the dispatch that brings the end, so the router must be driven meanwhile. If the outcome was taken by a
/// callback or by [`try_outcome`](TaskFuture::try_outcome), what is awaited is [`Cancelled`](TaskOutcome::Cancelled).
#[must_use = "futures do nothing unless polled"]
pub struct OutcomeFuture<M: 'static, R: 'static, E: 'static, S: 'static> {
    task: TaskFuture<M, R, E, S>,
}

impl<M: 'static, R: 'static, E: 'static, S: 'static> fmt::Debug for OutcomeFuture<M, R, E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutcomeFuture").field("state", &self.task.state()).finish_non_exhaustive()
    }
}

impl<M: 'static, R: 'static, E: 'static, S: 'static> Future for OutcomeFuture<M, R, E, S> {
    type Output = TaskOutcome<R, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.task.state().is_done() {
            return Poll::Ready(self.task.try_outcome().unwrap_or(TaskOutcome::Cancelled));
        }
        self.task.core.set_waker(context.waker());
        Poll::Pending
    }
}
