//! A task on its way to a worker, and on it.

use std::panic::{self, AssertUnwindSafe};

use super::cancel::{CancelToken, TaskCancelled};
use super::context::{Outlet, TaskContext, Word};
use super::outcome::{self, Ending};
use super::task::Task;
use crate::sync::ThreadId;
use crate::{MessageSender, StartedSender};

/// What the background tells a future.
pub(super) enum Notice<M, R, E> {
    Started,
    Said(Word<M>),
    Ended(Ending<R, E>),
    /// The task was dropped without being run.
    Abandoned,
}

/// The notices of a task of the kind `T`.
pub(super) type NoticeOf<T> = Notice<<T as Task>::Message, <T as Task>::Output, <T as Task>::Error>;

/// A task, whatever its kind, as a worker takes it.
pub(super) trait Run: Send {
    /// Runs it, unless it was cancelled. Never panics.
    fn run(self: Box<Self>);
}

/// A task that waits for a worker. Whatever becomes of it, its future is told.
pub(super) struct Job<T: Task> {
    /// None once it runs.
    work: Option<Work<T>>,
}

struct Work<T: Task> {
    task: T,
    sender: MessageSender<NoticeOf<T>>,
    token: CancelToken,
    foreground: ThreadId,
}

impl<T: Task> Job<T> {
    pub(super) fn new(
        task: T,
        sender: MessageSender<NoticeOf<T>>,
        token: CancelToken,
        foreground: ThreadId,
    ) -> Self {
        Self { work: Some(Work { task, sender, token, foreground }) }
    }
}

impl<T: Task> Run for Job<T> {
    fn run(mut self: Box<Self>) {
        let Some(Work { task, sender, token, foreground }) = self.work.take() else { return };
        let token = EndsWith(token);
        let sender = sender.start();
        // The send fails if nobody listens any more; then there is nothing to run for.
        if token.0.is_cancelled() || sender.send(Notice::Started).is_err() {
            return abandon(task, &sender);
        }
        let context = TaskContext::new(&sender, &token.0, foreground);
        let ending = match outcome::catch(|| task.run(&context)) {
            // Also if the task cancelled itself, by its own token.
            Ok(result) if token.0.is_cancelled() => {
                drop_quietly(result);
                Ending::Cancelled
            }
            Ok(Ok(result)) => Ending::Returned(result),
            Ok(Err(error)) => Ending::Raised(error),
            Err(caught) => Ending::Panicked(caught),
        };
        // It may hold a value that the foreground has not taken.
        drop_quietly(context);
        // What nobody listens to is dropped here, and that may panic.
        if let Err(unheard) = sender.send(Notice::Ended(ending)) {
            drop_quietly(unheard);
        }
    }
}

impl<T: Task> Drop for Job<T> {
    fn drop(&mut self) {
        if let Some(Work { task, sender, token, .. }) = self.work.take() {
            let _token = EndsWith(token);
            abandon(task, &sender.start());
        }
    }
}

/// A task's token, which is told when the task has ended.
struct EndsWith(CancelToken);

impl Drop for EndsWith {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Drops a task that never ran, and then tells.
fn abandon<T: Task>(task: T, sender: &StartedSender<NoticeOf<T>>) {
    drop_quietly(task);
    // Nobody is there to be told if this fails.
    let _ = sender.send(Notice::Abandoned);
}

/// Drops what is the user's, on a worker that must survive it. The panic hook has told of a panic.
pub(crate) fn drop_quietly<V>(value: V) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // It is the user's too.
        std::mem::forget(payload);
    }
}

impl<M: Send + 'static, R: Send + 'static, E: Send + 'static> Outlet<M> for StartedSender<Notice<M, R, E>> {
    fn send(&self, word: Word<M>) -> Result<(), TaskCancelled> {
        StartedSender::send(self, Notice::Said(word)).map_err(|_| TaskCancelled)
    }
}
