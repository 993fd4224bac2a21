//! A task that looks after a call in another process.

use std::pin::Pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::super::wire as pipes;
use super::crew::{Crew, EXIT_TIME, NoWorker, Worker};
use super::error::ProcessError;
use super::function::{Awaited, ProcessFunction, Unanswered};
use super::wire::{self, Failure, Head, kind};
use crate::net::Disconnect;
use crate::tasks::remote::{Caught, panic_here, unparker};
use crate::tasks::{Task, TaskContext};

/// So many frames are heard before other things are looked at.
const HEARD_TOGETHER: usize = 64;

pub(super) struct RemoteTask<A, M: Send + 'static, R, E> {
    pub(super) function: ProcessFunction<A, M, R, E>,
    pub(super) arguments: A,
    pub(super) crew: Arc<Crew>,
}

/// How a call ended.
enum End<R, E> {
    Done(Result<R, ProcessError<E>>),
    Panicked(Caught),
    /// The worker has gone, and the function had not begun.
    NotBegun,
}

impl<A, M, R, E> Task for RemoteTask<A, M, R, E>
where
    A: Send + 'static,
    M: Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
{
    type Message = M;
    type Output = R;
    type Error = ProcessError<E>;

    fn run(self, context: &TaskContext<'_, M>) -> Result<R, ProcessError<E>> {
        // Before a process is started for it in vain.
        let mut frame = Some(self.frame()?);
        loop {
            let worker = match self.crew.take(context.token()) {
                Ok(worker) => worker,
                Err(NoWorker::Error(error)) => return Err(ProcessError::NotStarted(error)),
                // What it is called then is no matter.
                Err(NoWorker::Cancelled) => return Err(ProcessError::Lost(None)),
            };
            let (number, bytes) = match frame.take() {
                Some(frame) => frame,
                None => self.frame()?,
            };
            match (Attendant { task: &self, context, worker, number }.attend(bytes)) {
                End::Done(result) => return result,
                End::Panicked(caught) => panic_here(caught),
                End::NotBegun => {}
            }
        }
    }
}

impl<A, M: Send + 'static, R, E> RemoteTask<A, M, R, E> {
    /// The number of the call, and its frame.
    fn frame(&self) -> Result<(u64, Vec<u8>), ProcessError<E>> {
        let number = self.crew.next_call();
        let function = self.function.name().into();
        let head = Head { number, function, signature: (*self.function.signature).into() };
        let mut bytes = head.begin();
        let before = bytes.len();
        (self.function.write_arguments)(&self.arguments, &mut bytes)
            .map_err(|error| ProcessError::Codec(error.into_source()))?;
        let (length, limit) = (bytes.len() - before, self.crew.terms.max_message_size);
        if length > limit || pipes::end(&mut bytes, usize::MAX).is_err() {
            return Err(ProcessError::TooLarge { bytes: length, limit });
        }
        Ok((number, bytes))
    }
}

/// Looks after one call of one worker, which ends with it if something is wrong.
struct Attendant<'a, A, M: Send + 'static, R, E> {
    task: &'a RemoteTask<A, M, R, E>,
    context: &'a TaskContext<'a, M>,
    worker: Worker,
    number: u64,
}

impl<A, M: Send + 'static, R, E> Attendant<'_, A, M, R, E> {
    fn attend(self, frame: Vec<u8>) -> End<R, E> {
        let waker = unparker();
        let (post, token) = (&self.worker.post, self.context.token());
        post.set_waker(Some(waker.clone()));
        let key = token.register(&waker);
        if let Err(reason) = post.call(frame) {
            // That the worker has gone is found below.
            post.cut_off(reason);
        }
        let end = self.listen(&waker);
        token.unregister(key);
        post.set_waker(None);
        match end {
            Ok(end) => {
                self.task.crew.give_back(self.worker);
                end
            }
            Err(gone) => self.lose(gone),
        }
    }

    /// Hears the function until it has ended.
    fn listen(&self, waker: &Waker) -> Result<End<R, E>, Gone> {
        let post = &self.worker.post;
        let mut questions: Vec<(u32, Awaited)> = Vec::new();
        let mut deadline: Option<Instant> = None;
        let (mut is_cancelled, mut has_exited) = (false, false);
        loop {
            // Looked at before the frames: what came before an end is heard.
            let health = post.health();
            let mut has_heard_all = false;
            // Not until there are no more: a function may talk faster than it is heard, and a cancel has to reach it.
            for _ in 0..HEARD_TOGETHER {
                let Some((kind, payload)) = post.next() else {
                    has_heard_all = true;
                    break;
                };
                if let Some(end) = self.hear(kind, &payload, &mut questions)? {
                    return Ok(end);
                }
            }
            if health.gone.is_some() && has_heard_all {
                return Err(Gone::Lost);
            }
            if health.exited.is_some() && !has_exited {
                // What it had sent is still to be read; that ends soon.
                has_exited = true;
                deadline = Instant::now().checked_add(EXIT_TIME);
            }
            if self.context.is_cancelled() {
                if !is_cancelled {
                    is_cancelled = true;
                    questions.clear();
                    post.send(wire::short(kind::CANCEL, &self.number));
                    let grace = Instant::now().checked_add(self.task.crew.terms.grace);
                    deadline = deadline.or(grace);
                }
            } else {
                self.answer(&mut questions, waker);
            }
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) if has_heard_all || is_cancelled => return Err(Gone::Stubborn),
                _ if !has_heard_all => {}
                None => thread::park(),
                Some(left) => thread::park_timeout(left),
            }
        }
    }

    /// Handles what the function says; returns its end.
    fn hear(
        &self,
        kind: u8,
        payload: &[u8],
        questions: &mut Vec<(u32, Awaited)>,
    ) -> Result<Option<End<R, E>>, Gone> {
        let function = &self.task.function;
        let name = function.name();
        let end = match kind {
            // Nobody hears it, and the end may be far behind it.
            kind::MESSAGE | kind::LATEST if self.context.is_cancelled() => return Ok(None),
            kind::MESSAGE | kind::LATEST => {
                match (function.read_message)(payload) {
                    // If this fails, it was cancelled just now. That the router was stopped is a cancel too.
                    Ok(message) if kind == kind::MESSAGE => {
                        let _ = self.context.send(message);
                    }
                    Ok(message) => {
                        let _ = self.context.send_latest(message);
                        self.worker.post.send(wire::short(kind::CAME, &self.number));
                    }
                    Err(error) => {
                        let text = format!("a message of {name:?} cannot be read: {error}");
                        return Err(Gone::Unreadable(text));
                    }
                }
                return Ok(None);
            }
            kind::QUESTION => {
                let ((id, type_name), question) = wire::split(payload).map_err(Gone::Nonsense)?;
                self.ask(id, type_name, question, questions);
                return Ok(None);
            }
            kind::STRANGE_QUESTION => {
                log::warn!(
                    "foreground: {name:?} asked in a worker what was not announced, and gets no answer; \
                     add `.asks::<..>()` to it where it is registered"
                );
                return Ok(None);
            }
            kind::RETURNED => End::Done((function.read_result)(payload).map_err(|error| {
                ProcessError::Codec(format!("the result of {name:?} cannot be read: {error}").into())
            })),
            kind::RAISED => End::Done(Err(match (function.read_error)(payload) {
                Ok(error) => ProcessError::Function(error),
                Err(error) => {
                    ProcessError::Codec(format!("the error of {name:?} cannot be read: {error}").into())
                }
            })),
            kind::PANICKED => End::Panicked(wire::read_panicked(payload).map_err(Gone::Nonsense)?),
            _ => End::Done(Err(self.failure(Failure::read(payload).map_err(Gone::Nonsense)?))),
        };
        Ok(Some(end))
    }

    fn failure(&self, failure: Failure) -> ProcessError<E> {
        match failure {
            Failure::UnknownFunction => ProcessError::UnknownFunction(self.task.function.name().into()),
            Failure::Signature(there) => {
                ProcessError::Signature { here: (*self.task.function.signature).into(), there }
            }
            Failure::Codec(text) => ProcessError::Codec(text.into()),
            Failure::TooLarge(bytes) => ProcessError::TooLarge {
                bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
                limit: self.task.crew.terms.max_message_size,
            },
            Failure::Cancelled => ProcessError::Lost(None), // nobody sees it
        }
    }

    fn ask(&self, id: u32, type_name: &str, question: &[u8], questions: &mut Vec<(u32, Awaited)>) {
        let function = &self.task.function;
        let known = function.questions.lock().iter().find(|known| known.name == type_name).cloned();
        let Some(known) = known else {
            log::warn!(
                "foreground: {:?} asked a {type_name} in a worker, which this handle of it does not know; \
                 add `.asks::<..>()` to it",
                function.name()
            );
            return self.reply(id, None);
        };
        match (known.ask)(self.context, question) {
            Ok(awaited) => questions.push((id, awaited)),
            Err(unanswered) => self.no_answer(id, type_name, unanswered),
        }
    }

    /// Sends the answers that have come.
    fn answer(&self, questions: &mut Vec<(u32, Awaited)>, waker: &Waker) {
        let mut context = Context::from_waker(waker);
        questions.retain_mut(|(id, awaited)| match Pin::new(awaited).poll(&mut context) {
            Poll::Pending => true,
            Poll::Ready(Ok(answer)) => {
                self.reply(*id, Some(answer));
                false
            }
            Poll::Ready(Err(unanswered)) => {
                self.no_answer(*id, "question", unanswered);
                false
            }
        });
    }

    fn no_answer(&self, id: u32, type_name: &str, unanswered: Unanswered) {
        if let Unanswered::Codec(error) = unanswered {
            log::warn!("foreground: a {type_name} of a worker, or its answer, is not readable: {error}");
        }
        self.reply(id, None);
    }

    fn reply(&self, id: u32, answer: Option<Vec<u8>>) {
        let mut bytes = wire::begin(kind::ANSWER, &(self.number, id, answer.is_some()));
        bytes.extend(answer.unwrap_or_default());
        if pipes::end(&mut bytes, u32::MAX as usize).is_err() {
            log::warn!(
                "foreground: an answer to a question of a worker has more than 4 GiB, and is not sent"
            );
            return self.reply(id, None);
        }
        self.worker.post.send(bytes);
    }

    /// The worker is no good any more; says what became of the call.
    fn lose(self, gone: Gone) -> End<R, E> {
        let Worker { child, post, calls } = &self.worker;
        let mut unreadable = None;
        // Otherwise that the function has begun may be among what was not read.
        let is_heard_out = matches!(gone, Gone::Lost);
        match gone {
            Gone::Lost => {}
            Gone::Nonsense(reason) => {
                post.cut_off(reason);
                child.kill();
            }
            Gone::Unreadable(text) => {
                unreadable = Some(text);
                child.kill();
            }
            Gone::Stubborn => child.kill(),
        }
        // One that has lost its connection and lives on is ended, and how is no news then.
        let status: Option<ExitStatus> = child.wait_timeout(EXIT_TIME).ok().flatten();
        if status.is_none() {
            child.kill();
        }
        if let Some(text) = unreadable {
            return End::Done(Err(ProcessError::Codec(text.into())));
        }
        if is_heard_out && *calls > 0 && !post.has_begun() && !self.context.is_cancelled() {
            return End::NotBegun;
        }
        End::Done(Err(ProcessError::Lost(status)))
    }
}

/// Why a worker is no good any more.
enum Gone {
    Lost,
    /// It sent what cannot be.
    Nonsense(Disconnect),
    /// It sent a message that is of another type.
    Unreadable(String),
    /// Its function does not end after a cancel, or its connection after its process.
    Stubborn,
}
