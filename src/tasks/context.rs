//! What a running task has of its executor.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use super::ask::{AnyQuestion, AskError, PendingAnswer, Question, asked};
use super::cancel::{CancelToken, TaskCancelled};
use crate::sync::{ThreadId, current};

/// The value of which only the newest counts, on its way to the foreground.
type Latest<M> = Arc<Mutex<Slot<M>>>;

struct Slot<M> {
    value: Option<M>,
    /// How often the value was taken back.
    retakes: u64,
}

/// A place in the order of messages for the newest value; void once the value was taken back.
pub(crate) struct LatestPlace<M> {
    latest: Latest<M>,
    retakes: u64,
}

impl<M> LatestPlace<M> {
    /// Takes the value that has this place, if it has not come to another one.
    pub(crate) fn take(&self) -> Option<M> {
        let mut slot = self.latest.lock();
        if slot.retakes == self.retakes { slot.value.take() } else { None }
    }
}

/// What a running task says.
pub(crate) enum Word<M> {
    Message(M),
    Latest(LatestPlace<M>),
    Question(AnyQuestion),
}

/// Where a task's words go.
pub(crate) trait Outlet<M>: Sync {
    /// Fails if nobody will hear them.
    fn send(&self, word: Word<M>) -> Result<(), TaskCancelled>;
}

/// What a running task has of its executor: it sends messages, asks, and looks whether it was cancelled.
///
/// A task borrows it while it runs, and may lend it to threads of its own, for instance in [`thread::scope`](std::thread::scope). To
/// a task of your own kind it comes in [`Task::run`](super::Task::run), and as [`Progress`](super::Progress) to the
/// closures of [`submit_progress`](super::TaskExecutor::submit_progress).
pub struct TaskContext<'a, M: Send + 'static> {
    outlet: &'a dyn Outlet<M>,
    token: &'a CancelToken,
    foreground: ThreadId,
    latest: OnceLock<Latest<M>>,
    /// Held by a thread that sends the newest value as a message, or a new place for one, so that none is sent behind a later one. The
    /// foreground never waits for it.
    order: Mutex<()>,
}

impl<'a, M: Send + 'static> TaskContext<'a, M> {
    pub(crate) fn new(outlet: &'a dyn Outlet<M>, token: &'a CancelToken, foreground: ThreadId) -> Self {
        Self { outlet, token, foreground, latest: OnceLock::new(), order: Mutex::new(()) }
    }

    /// Sends a message to the future. Never blocks. Messages arrive in the order in which they were sent, before
    /// the task's end; those that have not arrived when the task is cancelled never do.
    ///
    /// # Errors
    /// [`TaskCancelled`] if the task was cancelled; nothing is sent then. Also when the router was stopped.
    ///
    /// # Examples
    ///
    /// See [`Task`](super::Task).
    #[inline]
    pub fn send(&self, message: M) -> Result<(), TaskCancelled> {
        self.token.check()?;
        self.settle_latest()?;
        self.outlet.send(Word::Message(message))
    }

    /// Sends a value of which only the newest counts: if the one before has not arrived yet, this takes its place, so that
    /// a flood of values takes no more memory than one. Never blocks but for the moment in which the foreground takes the value; cheap enough for
    /// each round of a hot loop.
    ///
    /// What has arrived and has no callback waits in the future, as any message does.
    ///
    /// The last value sent always arrives, and before the task's end. Those sent by [`send`](Self::send) after it
    /// come after it. It arrives where the value that it replaced was due, so it may come before what *other* pipes and
    /// tasks were sent in between.
    ///
    /// # Errors
    /// [`TaskCancelled`], as for [`send`](Self::send).
    ///
    /// # Examples
    ///
    /// See [`Progress::report_latest`](TaskContext::report_latest).
    #[inline]
    pub fn send_latest(&self, value: M) -> Result<(), TaskCancelled> {
        self.token.check()?;
        let latest = self.latest.get_or_init(|| Arc::new(Mutex::new(Slot { value: None, retakes: 0 })));
        let mut slot = latest.lock();
        let (replaced, retakes) = (slot.value.replace(value), slot.retakes);
        drop(slot);
        if replaced.is_some() {
            return Ok(());
        }
        let _order = self.order.lock();
        self.outlet.send(Word::Latest(LatestPlace { latest: Arc::clone(latest), retakes }))
    }

    /// Makes a message like any of the newest value if it is still under way: what is sent next must come after it.
    #[inline]
    fn settle_latest(&self) -> Result<(), TaskCancelled> {
        let Some(latest) = self.latest.get() else { return Ok(()) };
        // Until it is sent: the place of a newer value, which another thread may send, must come after it too.
        let _order = self.order.lock();
        let mut slot = latest.lock();
        let Some(value) = slot.value.take() else { return Ok(()) };
        // What is sent later must not come at the place of this one.
        slot.retakes += 1;
        drop(slot);
        self.outlet.send(Word::Message(value))
    }

    /// Asks the foreground, and waits for the answer; only this worker waits. The question comes to the callback of
    /// [`on_ask`](super::TaskFuture::on_ask), after the messages that were sent before it, and may be answered later, when
    /// the user has clicked.
    ///
    /// # Errors
    /// [`AskError`]. It never waits for what cannot come: not after a cancel or a stop, not on the foreground, and
    /// not when the answer was dropped.
    ///
    /// # Examples
    ///
    /// See [`on_ask`](super::TaskFuture::on_ask).
    pub fn ask<Q: Question>(&self, question: Q) -> Result<Q::Answer, AskError> {
        self.send_question(question)?.wait()
    }

    /// Asks the foreground, and returns at once. The answer can be waited for, or awaited by async code.
    ///
    /// # Errors
    /// [`AskError::Cancelled`], [`AskError::OnForeground`].
    ///
    /// # Examples
    ///
    /// See [`PendingAnswer`].
    pub fn send_question<Q: Question>(&self, question: Q) -> Result<PendingAnswer<Q::Answer>, AskError> {
        if current().id() == self.foreground {
            return Err(AskError::OnForeground);
        }
        self.token.check()?;
        self.settle_latest()?;
        let (question, answer) = asked(question, self.token, self.foreground);
        self.outlet.send(Word::Question(question))?;
        Ok(answer)
    }

    /// Returns whether the task was cancelled: one load, for hot loops.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::tasks::Progress;
    /// fn count(progress: &Progress<u64>) -> u64 {
    ///     (0..u64::MAX).take_while(|_| !progress.is_cancelled()).filter(|n| n % 3 == 0).count() as u64
    /// }
    /// ```
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns an error if the task was cancelled, for `?`.
    ///
    /// # Errors
    /// [`TaskCancelled`].
    ///
    /// # Examples
    ///
    /// See [`CancelToken::check`].
    #[inline]
    pub fn check(&self) -> Result<(), TaskCancelled> {
        self.token.check()
    }

    /// Sleeps, or ends early when the task is cancelled.
    ///
    /// # Errors
    /// [`TaskCancelled`].
    ///
    /// # Examples
    ///
    /// See [`CancelToken::sleep`].
    pub fn sleep(&self, duration: Duration) -> Result<(), TaskCancelled> {
        self.token.sleep(duration)
    }

    /// Returns the flag that a cancel sets, to be handed to code that knows nothing of tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::tasks::{CancelToken, Progress, TaskCancelled};
    /// # fn download(token: &CancelToken) -> Result<(), TaskCancelled> { token.check() }
    /// fn work(progress: &Progress<u64>) -> Result<(), TaskCancelled> {
    ///     download(progress.token())
    /// }
    /// ```
    pub fn token(&self) -> &CancelToken {
        self.token
    }
}

impl<M: Send + 'static> fmt::Debug for TaskContext<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskContext").field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}
