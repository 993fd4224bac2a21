//! Questions from a worker to the user, and their answers.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::cancel::{CancelToken, Key, TaskCancelled, unparker};
use crate::sync::{Arc, Mutex, ThreadId, current, park};

/// Something that a task can ask the foreground by [`TaskContext::ask`](super::TaskContext::ask).
///
/// # Examples
///
/// ```
/// use std::path::PathBuf;
/// use foreground::tasks::Question;
///
/// /// May this file be overwritten?
/// struct Overwrite(PathBuf);
///
/// impl Question for Overwrite {
///     type Answer = bool;
/// }
/// ```
pub trait Question: Send + 'static {
    /// What answers it.
    type Answer: Send + 'static;
}

/// Why a question got no answer.
///
/// It becomes an [`io::Error`] of the kind [`Other`](io::ErrorKind::Other) and, as any error does, a `Box<dyn Error>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// The task was cancelled, or the executor or the router was stopped. The task should end now.
    Cancelled,
    /// Nobody answered: the [`Answer`] was dropped, or the future has no
    /// [`on_ask`](super::TaskFuture::on_ask) for questions of this type.
    Unanswered,
    /// It was asked on the foreground's own thread, which would wait for itself for ever.
    OnForeground,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "the task was cancelled; it should end now",
            Self::Unanswered => {
                "nobody answered the question: set `on_ask` for its type before the next dispatch, and reply; \
                 a function in another process announces it by `asks` too"
            }
            Self::OnForeground => {
                "a question cannot wait on the thread that is to answer it; ask from a worker"
            }
        })
    }
}

impl Error for AskError {}

impl From<TaskCancelled> for AskError {
    fn from(_: TaskCancelled) -> Self {
        Self::Cancelled
    }
}

impl From<AskError> for io::Error {
    fn from(error: AskError) -> Self {
        Self::other(error)
    }
}

/// What a worker and the foreground share of a question.
struct Slot<A> {
    state: Mutex<SlotState<A>>,
}

enum SlotState<A> {
    /// With whom to wake.
    Open(Option<Waker>),
    Answered(A),
    /// The answer was dropped, or has been taken.
    Closed,
}

impl<A> Slot<A> {
    fn fill(&self, state: SlotState<A>) {
        let old = std::mem::replace(&mut *self.state.lock(), state);
        if let SlotState::Open(Some(waker)) = old {
            waker.wake();
        }
    }
}

/// The right to answer a [`Question`], now or later, on any thread. Dropping it tells the worker that nobody
/// will.
///
/// A dialog's Cancel button cancels the task first and drops the answer then: the other way around, the worker may
/// find the question [`Unanswered`](AskError::Unanswered), and go on.
///
/// # Examples
///
/// See [`TaskFuture::on_ask`](super::TaskFuture::on_ask).
#[must_use = "dropping it leaves the question unanswered; keep it, or call `reply`"]
pub struct Answer<A> {
    slot: Option<Arc<Slot<A>>>,
    token: CancelToken,
}

impl<A> Answer<A> {
    /// Gives the answer, and lets the worker go on. Never blocks. If the task was cancelled meanwhile, nobody
    /// reads it.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::tasks::{Answer, Question};
    ///
    /// struct Dialog { answer: Answer<bool> }
    ///
    /// fn on_yes_clicked(dialog: Dialog) {
    ///     dialog.answer.reply(true);
    /// }
    /// ```
    pub fn reply(mut self, answer: A) {
        if let Some(slot) = self.slot.take() {
            slot.fill(SlotState::Answered(answer));
        }
    }

    /// Returns whether the worker no longer waits, for its task was cancelled: the dialog can be closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::tasks::Answer;
    ///
    /// fn is_open(dialog: &Option<Answer<bool>>) -> bool {
    ///     dialog.as_ref().is_some_and(|answer| !answer.is_cancelled())
    /// }
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }
}

impl<A> Drop for Answer<A> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.fill(SlotState::Closed);
        }
    }
}

impl<A> fmt::Debug for Answer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("is_cancelled", &self.is_cancelled()).finish()
    }
}

/// A question that was sent and is not answered yet. [`wait`](Self::wait) for the answer in a thread, or `await` it.
#[must_use = "`wait` for the answer, or `await` it"]
pub struct PendingAnswer<A> {
    slot: Arc<Slot<A>>,
    token: CancelToken,
    foreground: ThreadId,
}

impl<A: Send + 'static> PendingAnswer<A> {
    /// Waits for the answer. Blocks the calling thread, and no other.
    ///
    /// # Errors
    /// [`AskError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::tasks::{AskError, Progress, Question};
    /// # struct Overwrite;
    /// # impl Question for Overwrite { type Answer = bool; }
    /// fn copy(progress: &Progress<u32>) -> Result<(), AskError> {
    ///     let answer = progress.send_question(Overwrite)?;
    ///     // ... something useful meanwhile ...
    ///     if answer.wait()? { /* ... */ }
    ///     Ok(())
    /// }
    /// ```
    pub fn wait(self) -> Result<A, AskError> {
        if current().id() == self.foreground {
            return Err(AskError::OnForeground);
        }
        let waker = unparker();
        let mut context = Context::from_waker(&waker);
        let mut future = self.into_future();
        loop {
            if let Poll::Ready(answer) = Pin::new(&mut future).poll(&mut context) {
                return answer;
            }
            park();
        }
    }
}

impl<A> fmt::Debug for PendingAnswer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAnswer").finish_non_exhaustive()
    }
}

impl<A: Send + 'static> IntoFuture for PendingAnswer<A> {
    type Output = Result<A, AskError>;
    type IntoFuture = AnswerFuture<A>;

    fn into_future(self) -> AnswerFuture<A> {
        AnswerFuture { slot: self.slot, token: self.token, registered: None }
    }
}

/// The future of a [`PendingAnswer`]: needs no particular runtime.
#[must_use = "futures do nothing unless polled"]
pub struct AnswerFuture<A> {
    slot: Arc<Slot<A>>,
    token: CancelToken,
    /// Where the token keeps the waker of the last poll.
    registered: Option<Key>,
}

impl<A> fmt::Debug for AnswerFuture<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerFuture").finish_non_exhaustive()
    }
}

impl<A> Future for AnswerFuture<A> {
    type Output = Result<A, AskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // The new waker is registered before the flag is read, so a cancel after the look wakes it.
        let key = self.token.register(context.waker());
        if let Some(old) = self.registered.replace(key) {
            self.token.unregister(old);
        }
        if self.token.is_cancelled() {
            return Poll::Ready(Err(AskError::Cancelled));
        }
        // Cloned before the lock is taken: a waker is the user's.
        let waker = context.waker().clone();
        let mut state = self.slot.state.lock();
        match std::mem::replace(&mut *state, SlotState::Closed) {
            SlotState::Open(old) => {
                *state = SlotState::Open(Some(waker));
                drop(state);
                drop(old);
                Poll::Pending
            }
            SlotState::Answered(answer) => Poll::Ready(Ok(answer)),
            SlotState::Closed => Poll::Ready(Err(AskError::Unanswered)),
        }
    }
}

impl<A> Drop for AnswerFuture<A> {
    fn drop(&mut self) {
        if let Some(key) = self.registered.take() {
            self.token.unregister(key);
        }
    }
}

/// A question on its way, whatever its type: an [`Asked`].
pub(crate) type AnyQuestion = Box<dyn Any + Send>;

/// A question with the right to answer it.
pub(crate) struct Asked<Q: Question> {
    pub(crate) question: Q,
    pub(crate) answer: Answer<Q::Answer>,
}

/// Makes the two ends of a question.
pub(super) fn asked<Q: Question>(
    question: Q,
    token: &CancelToken,
    foreground: ThreadId,
) -> (AnyQuestion, PendingAnswer<Q::Answer>) {
    let (answer, pending) = ends(token, foreground);
    (Box::new(Asked { question, answer }), pending)
}

fn ends<A>(token: &CancelToken, foreground: ThreadId) -> (Answer<A>, PendingAnswer<A>) {
    let slot = Arc::new(Slot { state: Mutex::new(SlotState::Open(None)) });
    let answer = Answer { slot: Some(Arc::clone(&slot)), token: token.clone() };
    (answer, PendingAnswer { slot, token: token.clone(), foreground })
}

/// The two ends of a question, for the models: its answer, which the calling thread is to give, and what a worker has.
#[cfg(loom)]
#[doc(hidden)]
pub fn model_of_a_question<A>(token: &CancelToken) -> (Answer<A>, PendingAnswer<A>) {
    ends(token, current().id())
}
