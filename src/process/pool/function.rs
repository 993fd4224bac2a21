//! A function that runs in another process, as its callers know it.

use std::any::{TypeId, type_name};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::codec::{Codec, CodecError};
use crate::tasks::remote::{AnyQuestion, Asked};
use crate::tasks::{AskError, Item, Question, Report, TaskContext};

/// A function that returns, for [`submit_call_in_process`](super::ProcessExecutor::submit_call_in_process).
pub type CallFunction<A, R, E = Infallible> = ProcessFunction<A, Infallible, R, E>;

/// A function that sends items, for [`submit_iteration_in_process`](super::ProcessExecutor::submit_iteration_in_process).
pub type IterationFunction<A, T, E = Infallible> = ProcessFunction<A, Item<T>, (), E>;

/// A function that reports, for [`submit_progress_in_process`](super::ProcessExecutor::submit_progress_in_process).
pub type ProgressFunction<A, P, R, E = AskError> = ProcessFunction<A, Report<P>, R, E>;

pub(super) type Write<T> = fn(&T, &mut Vec<u8>) -> Result<(), CodecError>;
pub(super) type Read<T> = fn(&[u8]) -> Result<T, CodecError>;

/// The types of questions that a function asks. The caller may add some after the function was registered.
pub(super) type Questions<M> = Arc<Mutex<Vec<Arc<QuestionKind<M>>>>>;

/// A function that runs in a worker process, by its name: what is submitted, with arguments.
///
/// `A` is the type of its arguments (a tuple for several), `M` of what it sends while it runs, `R` of its result and `E` of its error.
/// [`CallFunction`], [`IterationFunction`] and [`ProgressFunction`] are names for the kinds. Returned by [`Functions`](super::Functions),
/// which runs it; or made here, for a function of another program. Cheap to clone, and may be handed to other threads.
pub struct ProcessFunction<A, M: Send + 'static, R, E> {
    name: Arc<str>,
    pub(super) signature: Arc<str>,
    pub(super) write_arguments: Write<A>,
    pub(super) read_message: Read<M>,
    pub(super) read_result: Read<R>,
    pub(super) read_error: Read<E>,
    pub(super) questions: Questions<M>,
}

impl<A: Serialize, M: Send + 'static, R, E> ProcessFunction<A, M, R, E> {
    fn with(
        name: impl Into<Arc<str>>,
        read_message: Read<M>,
        read_result: Read<R>,
        read_error: Read<E>,
    ) -> Self {
        Self {
            name: name.into(),
            signature: type_name::<(A, M, R, E)>().into(),
            write_arguments: write,
            read_message,
            read_result,
            read_error,
            questions: Questions::default(),
        }
    }
}

impl<A: Serialize, R: DeserializeOwned> CallFunction<A, R> {
    /// Names a function of another program, which registered it by [`Functions::call`](super::Functions::call).
    ///
    /// The types are compared by [`std::any::type_name`], which is the same in programs that have them from the same crate.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::CallFunction;
    ///
    /// let thumbnail = CallFunction::<(String, u32), Vec<u8>>::call("thumbnail");
    /// assert_eq!(thumbnail.name(), "thumbnail");
    /// ```
    pub fn call(name: impl Into<Arc<str>>) -> Self {
        Self::with(name, never, read, never)
    }
}

impl<A: Serialize, R: DeserializeOwned, E: DeserializeOwned> CallFunction<A, R, E> {
    /// Names a function of another program, which registered it by [`Functions::try_call`](super::Functions::try_call); see
    /// [`call`](Self::call).
    pub fn try_call(name: impl Into<Arc<str>>) -> Self {
        Self::with(name, never, read, read)
    }
}

impl<A: Serialize, T: DeserializeOwned + Send + 'static> IterationFunction<A, T> {
    /// Names a function of another program, which registered it by [`Functions::iteration`](super::Functions::iteration); see
    /// [`call`](Self::call).
    pub fn iteration(name: impl Into<Arc<str>>) -> Self {
        Self::with(name, |bytes| read(bytes).map(Item), read, never)
    }
}

impl<A: Serialize, T: DeserializeOwned + Send + 'static, E: DeserializeOwned> IterationFunction<A, T, E> {
    /// Names a function of another program, which registered it by [`Functions::try_iteration`](super::Functions::try_iteration);
    /// see [`call`](Self::call).
    pub fn try_iteration(name: impl Into<Arc<str>>) -> Self {
        Self::with(name, |bytes| read(bytes).map(Item), read, read)
    }
}

impl<A: Serialize, P: DeserializeOwned + Send + 'static, R: DeserializeOwned> ProgressFunction<A, P, R> {
    /// Names a function of another program, which registered it by [`Functions::progress`](super::Functions::progress); see
    /// [`call`](Self::call).
    pub fn progress(name: impl Into<Arc<str>>) -> Self {
        Self::with(name, |bytes| read(bytes).map(Report), read, read_ask_error)
    }
}

impl<A: Serialize, P: DeserializeOwned + Send + 'static, R: DeserializeOwned, E: DeserializeOwned>
    ProgressFunction<A, P, R, E>
{
    /// Names a function of another program, which registered it by [`Functions::try_progress`](super::Functions::try_progress); see
    /// [`call`](Self::call).
    pub fn try_progress(name: impl Into<Arc<str>>) -> Self {
        Self::with(name, |bytes| read(bytes).map(Report), read, read)
    }
}

impl<A, M: Send + 'static, R, E> ProcessFunction<A, M, R, E> {
    /// Returns the name by which the worker knows it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<A, M: Send + 'static, R, E> ProcessFunction<A, M, R, E> {
    /// Lets it ask questions of the type `Q`, which then come to [`on_ask`](crate::tasks::TaskFuture::on_ask) as those of a thread do.
    /// To be said before [`serve_if_worker`](super::Functions::serve_if_worker). A question that was not announced is
    /// [`Unanswered`](AskError::Unanswered), and a warning is logged.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Functions;
    /// use foreground::tasks::{AskError, Progress, Question};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Overwrite { file: String }
    /// impl Question for Overwrite {
    ///     type Answer = bool;
    /// }
    ///
    /// fn copy(progress: &Progress<u64>, file: String) -> Result<(), AskError> {
    ///     if progress.ask(Overwrite { file })? { /* ... */ }
    ///     Ok(())
    /// }
    ///
    /// let mut functions = Functions::new();
    /// let copy = functions.progress("copy", copy).asks::<Overwrite>();
    /// ```
    pub fn asks<Q>(self) -> Self
    where
        Q: Question + Serialize + DeserializeOwned,
        Q::Answer: Serialize + DeserializeOwned,
    {
        let kind = Arc::new(QuestionKind::of::<Q>());
        let mut questions = self.questions.lock();
        questions.retain(|known| known.type_id != kind.type_id);
        questions.push(kind);
        drop(questions);
        self
    }
}

impl<A, M: Send + 'static, R, E> Clone for ProcessFunction<A, M, R, E> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            signature: Arc::clone(&self.signature),
            questions: Arc::clone(&self.questions),
            ..*self
        }
    }
}

impl<A, M: Send + 'static, R, E> fmt::Debug for ProcessFunction<A, M, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessFunction")
            .field("name", &self.name)
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

/// A question that the foreground has, and whose answer is awaited as bytes.
pub(super) type Awaited = Pin<Box<dyn Future<Output = Result<Vec<u8>, Unanswered>>>>;

/// Why the worker gets no answer.
pub(super) enum Unanswered {
    /// As the function is told.
    Ask,
    Codec(CodecError),
}

/// Gives an answer to the function that waits for it. Dropped, it tells that there is none.
pub(super) type Reply = Box<dyn FnOnce(&[u8]) -> Result<(), CodecError> + Send>;

/// A type of questions, on both sides. `M` is what the function sends.
pub(super) struct QuestionKind<M: Send + 'static> {
    /// Of an `Asked<Q>`.
    pub(super) type_id: TypeId,
    pub(super) name: &'static str,
    /// In the worker: writes it.
    pub(super) write: fn(AnyQuestion, &mut Vec<u8>) -> Result<Option<Reply>, CodecError>,
    /// At the executor: reads it, and asks. `None` if it cannot be asked any more.
    pub(super) ask: Ask<M>,
}

type Ask<M> = fn(&TaskContext<'_, M>, &[u8]) -> Result<Awaited, Unanswered>;

impl<M: Send + 'static> QuestionKind<M> {
    fn of<Q>() -> Self
    where
        Q: Question + Serialize + DeserializeOwned,
        Q::Answer: Serialize + DeserializeOwned,
    {
        Self {
            type_id: TypeId::of::<Asked<Q>>(),
            name: type_name::<Q>(),
            write: write_question::<Q>,
            ask: ask::<Q, M>,
        }
    }
}

fn write_question<Q>(question: AnyQuestion, bytes: &mut Vec<u8>) -> Result<Option<Reply>, CodecError>
where
    Q: Question + Serialize,
    Q::Answer: DeserializeOwned,
{
    let Ok(asked) = question.downcast::<Asked<Q>>() else { return Ok(None) };
    let Asked { question, answer } = *asked;
    write(&question, bytes)?;
    Ok(Some(Box::new(move |bytes| {
        answer.reply(read(bytes)?);
        Ok(())
    })))
}

fn ask<Q, M>(context: &TaskContext<'_, M>, bytes: &[u8]) -> Result<Awaited, Unanswered>
where
    Q: Question + DeserializeOwned,
    Q::Answer: Serialize,
    M: Send + 'static,
{
    let question: Q = read(bytes).map_err(Unanswered::Codec)?;
    let pending = context.send_question(question).map_err(|_| Unanswered::Ask)?;
    Ok(Box::pin(async {
        let answer = pending.await.map_err(|_| Unanswered::Ask)?;
        let mut bytes = Vec::new();
        write(&answer, &mut bytes).map_err(Unanswered::Codec)?;
        Ok(bytes)
    }))
}

pub(super) fn write<T: Serialize>(value: &T, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
    Codec::Postcard.write(value, bytes)
}

pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    Codec::Postcard.read(bytes)
}

/// Reads what nobody can send.
fn never<T>(_: &[u8]) -> Result<T, CodecError> {
    Err(CodecError::new("something of a type without values was sent"))
}

pub(super) fn write_ask_error(error: &AskError, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
    let code = match error {
        AskError::Cancelled => 0_u8,
        AskError::Unanswered => 1,
        AskError::OnForeground => 2,
    };
    write(&code, bytes)
}

fn read_ask_error(bytes: &[u8]) -> Result<AskError, CodecError> {
    match bytes {
        [0] => Ok(AskError::Cancelled),
        [1] => Ok(AskError::Unanswered),
        [2] => Ok(AskError::OnForeground),
        _ => Err(CodecError::new("an error of a question that is none")),
    }
}
