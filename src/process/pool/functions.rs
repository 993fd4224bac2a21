//! The functions of a program that its workers run.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::process;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::codec::CodecError;
use super::function::{
    CallFunction, IterationFunction, ProcessFunction, ProgressFunction, Questions, Read, Write, read, write,
    write_ask_error,
};
use super::voice::Voice;
use super::wire::{self, Failure, kind};
use super::worker::{Call, Serving, Start};
use crate::tasks::remote::{catch, note_places};
use crate::tasks::{AskError, Item, Progress, Report, TaskContext};

/// The functions that a program's workers run for its executor, by name.
///
/// Register them at the very beginning of `main`, in the executor's process and in its workers alike, which run the same program: then
/// [`serve_if_worker`](Self::serve_if_worker). What is returned for each is submitted to a
/// [`ProcessExecutor`](super::ProcessExecutor). If a name is registered twice, the later function is called.
///
/// A function's closure stays in a worker from one call to the next, and may keep something there, such as a library that is set up
/// once; other workers have a closure of their own. What a function prints goes where the executor's process prints, and its standard error to that
/// process's log.
///
/// # Examples
///
/// A whole program:
///
/// ```
/// use std::time::Duration;
/// use foreground::MessageRouter;
/// use foreground::process::{Functions, ProcessExecutor};
///
/// fn square(n: i64) -> i64 {
///     n * n
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let mut functions = Functions::new();
///     let square = functions.call("square", square);
///     functions.serve_if_worker(); // in a worker this never returns
///
///     let router: MessageRouter<Option<i64>> = MessageRouter::new(|| { /* wake the event loop */ });
///     router.start()?;
///     let executor = ProcessExecutor::new(&router)?;
///     let call = executor.submit_call_in_process(&square, 7)?;
///     call.on_done(|result, outcome| *result = outcome.completed());
///
///     let mut result = None;
///     // In place of an event loop:
///     router.route_until(&mut result, |_| call.state().is_done(), Duration::from_secs(60))?;
///     assert_eq!(result, Some(49));
///     executor.shutdown(&mut result, Duration::from_secs(10))?;
///     Ok(())
/// }
/// ```
#[derive(Default)]
pub struct Functions {
    table: HashMap<Arc<str>, Box<dyn Registered>>,
}

impl Functions {
    /// Begins with no functions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a function that cannot fail.
    ///
    /// # Examples
    ///
    /// See [`Functions`].
    pub fn call<A, R>(
        &mut self,
        name: impl Into<Arc<str>>,
        mut function: impl FnMut(A) -> R + 'static,
    ) -> CallFunction<A, R>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        let function = move |_: &TaskContext<'_, Infallible>, arguments| Ok(function(arguments));
        self.register(CallFunction::call(name), function, never, never)
    }

    /// Registers a function that can fail. Its error is one that serde can write, which [`std::io::Error`] is not.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Functions;
    ///
    /// let mut functions = Functions::new();
    /// let size = functions.try_call("size", |file: String| {
    ///     std::fs::metadata(&file).map(|file| file.len()).map_err(|error| error.to_string())
    /// });
    /// ```
    pub fn try_call<A, R, E>(
        &mut self,
        name: impl Into<Arc<str>>,
        mut function: impl FnMut(A) -> Result<R, E> + 'static,
    ) -> CallFunction<A, R, E>
    where
        A: Serialize + DeserializeOwned + 'static,
        R: Serialize + DeserializeOwned + 'static,
        E: Serialize + DeserializeOwned + 'static,
    {
        let function = move |_: &TaskContext<'_, Infallible>, arguments| function(arguments);
        self.register(CallFunction::try_call(name), function, never, write)
    }

    /// Registers a function that makes an iterator, whose items are sent one by one. A cancel is looked at before each.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Functions;
    ///
    /// let mut functions = Functions::new();
    /// let squares = functions.iteration("squares", |up_to: u64| (1..=up_to).map(|n| n * n));
    /// ```
    pub fn iteration<A, I>(
        &mut self,
        name: impl Into<Arc<str>>,
        mut function: impl FnMut(A) -> I + 'static,
    ) -> IterationFunction<A, I::Item>
    where
        A: Serialize + DeserializeOwned + 'static,
        I: IntoIterator + 'static,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
    {
        let function = move |context: &TaskContext<'_, Item<I::Item>>, arguments| {
            let mut items = function(arguments).into_iter();
            // The future does not look at how a cancelled task ends.
            while context.check().is_ok()
                && let Some(item) = items.next()
                && context.send(Item(item)).is_ok()
            {}
            Ok(())
        };
        let handle = IterationFunction::iteration(name);
        self.register(handle, function, |Item(item), bytes| write(item, bytes), never)
    }

    /// Registers a function that makes an iterator over what may be errors. The items are sent up to the first error, which is that of the
    /// task.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Functions;
    ///
    /// let mut functions = Functions::new();
    /// let numbers = functions.try_iteration("numbers", |text: String| {
    ///     let words: Vec<_> = text.split(' ').map(|word| word.parse::<u32>().map_err(|_| word.to_owned())).collect();
    ///     words
    /// });
    /// ```
    pub fn try_iteration<A, I, T, E>(
        &mut self,
        name: impl Into<Arc<str>>,
        mut function: impl FnMut(A) -> I + 'static,
    ) -> IterationFunction<A, T, E>
    where
        A: Serialize + DeserializeOwned + 'static,
        I: IntoIterator<Item = Result<T, E>> + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Serialize + DeserializeOwned + 'static,
    {
        let function = move |context: &TaskContext<'_, Item<T>>, arguments| {
            let mut items = function(arguments).into_iter();
            while context.check().is_ok()
                && let Some(item) = items.next()
                && context.send(Item(item?)).is_ok()
            {}
            Ok(())
        };
        let handle = IterationFunction::try_iteration(name);
        self.register(handle, function, |Item(item), bytes| write(item, bytes), write)
    }

    /// Registers a function that reports and asks while it runs. Its error is that of a report or a question, for `?`; for one
    /// that fails in ways of its own, see [`try_progress`](Self::try_progress). It is the very function that
    /// [`submit_progress`](crate::tasks::TaskExecutor::submit_progress) runs in a thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Functions;
    /// use foreground::tasks::{AskError, Progress};
    ///
    /// fn sum(progress: &Progress<f32>, up_to: u64) -> Result<u64, AskError> {
    ///     let mut sum = 0;
    ///     for n in 1..=up_to {
    ///         sum += n * n;
    ///         progress.report_latest(n as f32 / up_to as f32)?; // ends the function once it is cancelled
    ///     }
    ///     Ok(sum)
    /// }
    ///
    /// let mut functions = Functions::new();
    /// let sum = functions.progress("sum", sum);
    /// ```
    pub fn progress<A, P, R>(
        &mut self,
        name: impl Into<Arc<str>>,
        mut function: impl FnMut(&Progress<'_, P>, A) -> Result<R, AskError> + 'static,
    ) -> ProgressFunction<A, P, R>
    where
        A: Serialize + DeserializeOwned + 'static,
        P: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + 'static,
    {
        let function = move |progress: &Progress<'_, P>, arguments| function(progress, arguments);
        let handle = ProgressFunction::progress(name);
        self.register(handle, function, |Report(report), bytes| write(report, bytes), write_ask_error)
    }

    /// Registers a function that reports and asks while it runs, and can fail with an error of any type that serde can write. For `?` on a
    /// report that type is to be made from a [`TaskCancelled`](crate::tasks::TaskCancelled), and on a question from an [`AskError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Functions;
    /// use foreground::tasks::{Progress, TaskCancelled};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// enum HashError { Cancelled, Io(String) }
    ///
    /// impl From<TaskCancelled> for HashError {
    ///     fn from(_: TaskCancelled) -> Self {
    ///         Self::Cancelled
    ///     }
    /// }
    ///
    /// fn total_size(progress: &Progress<usize>, files: Vec<String>) -> Result<u64, HashError> {
    ///     let mut total = 0;
    ///     for (done, file) in files.iter().enumerate() {
    ///         progress.report(done)?;
    ///         total += std::fs::metadata(file).map_err(|error| HashError::Io(error.to_string()))?.len();
    ///     }
    ///     Ok(total)
    /// }
    ///
    /// let mut functions = Functions::new();
    /// let total_size = functions.try_progress("total size", total_size);
    /// ```
    pub fn try_progress<A, P, R, E>(
        &mut self,
        name: impl Into<Arc<str>>,
        mut function: impl FnMut(&Progress<'_, P>, A) -> Result<R, E> + 'static,
    ) -> ProgressFunction<A, P, R, E>
    where
        A: Serialize + DeserializeOwned + 'static,
        P: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + 'static,
        E: Serialize + DeserializeOwned + 'static,
    {
        let function = move |progress: &Progress<'_, P>, arguments| function(progress, arguments);
        let handle = ProgressFunction::try_progress(name);
        self.register(handle, function, |Report(report), bytes| write(report, bytes), write)
    }

    /// In a process that an executor started as a worker, runs functions until the executor wants no more, or its process is
    /// gone, and ends the process. In any other process this does nothing.
    ///
    /// Call it at the beginning of `main`: what comes before, the workers do as well. The functions run on the calling thread, one
    /// at a time.
    ///
    /// A program that a function starts, and that calls this too or builds an executor, must not take itself for the worker: [`Command`](crate::process::Command)
    /// leaves it no ticket. If a function starts one by other means, remove the variable
    /// [`POOL_VARIABLE`](super::POOL_VARIABLE) (`FOREGROUND_POOL_TICKET`) from its environment.
    ///
    /// # Examples
    ///
    /// See [`Functions`].
    pub fn serve_if_worker(mut self) {
        let serving = match Serving::start() {
            Start::Serving(serving) => serving,
            Start::NoWorker => return,
            Start::Failed(error) => {
                // Its standard error is in the executor's log.
                eprintln!("foreground: this worker cannot serve: {error}");
                process::exit(1);
            }
        };
        note_places();
        while let Some(call) = serving.next_call() {
            self.run(call, &serving);
        }
        process::exit(0);
    }

    fn run(&mut self, call: Call, serving: &Arc<Serving>) {
        let failure = match self.table.get_mut(&*call.head.function) {
            _ if call.token.is_cancelled() => Failure::Cancelled,
            None => Failure::UnknownFunction,
            Some(registered) if *registered.signature() != call.head.signature => {
                Failure::Signature(registered.signature().into())
            }
            Some(registered) => return registered.run(&call, serving),
        };
        serving.end_call(&call, failure.to_frame());
    }

    fn register<A, M, R, E>(
        &mut self,
        handle: ProcessFunction<A, M, R, E>,
        function: impl FnMut(&TaskContext<'_, M>, A) -> Result<R, E> + 'static,
        write_message: Write<M>,
        write_error: Write<E>,
    ) -> ProcessFunction<A, M, R, E>
    where
        A: DeserializeOwned + 'static,
        M: Send + 'static,
        R: Serialize + 'static,
        E: 'static,
    {
        let entry = Entry {
            signature: Arc::clone(&handle.signature),
            function: Box::new(function),
            read_arguments: read,
            write_message,
            write_result: write,
            write_error,
            questions: Arc::clone(&handle.questions),
        };
        self.table.insert(handle.name().into(), Box::new(entry));
        handle
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.table.keys()).finish()
    }
}

/// Writes what there is none of.
fn never(never: &Infallible, _: &mut Vec<u8>) -> Result<(), CodecError> {
    match *never {}
}

/// A function, whatever its types.
trait Registered {
    fn signature(&self) -> &str;
    /// Runs it, and sends how it ended.
    fn run(&mut self, call: &Call, serving: &Arc<Serving>);
}

type Function<A, M, R, E> = Box<dyn FnMut(&TaskContext<'_, M>, A) -> Result<R, E>>;

struct Entry<A, M: Send + 'static, R, E> {
    signature: Arc<str>,
    function: Function<A, M, R, E>,
    read_arguments: Read<A>,
    write_message: Write<M>,
    write_result: Write<R>,
    write_error: Write<E>,
    questions: Questions<M>,
}

impl<A, M: Send + 'static, R, E> Entry<A, M, R, E> {
    /// Runs it, and writes what it returns.
    fn end(&mut self, call: &Call, serving: &Serving, voice: &Voice<M>) -> Result<Vec<u8>, Failure> {
        let arguments = (self.read_arguments)(call.arguments()).map_err(|error| {
            Failure::Codec(format!(
                "the arguments of {:?} cannot be read in the worker: {error}",
                call.head.function
            ))
        })?;
        let context = TaskContext::new(voice, &call.token, serving.foreground());
        let returned = (self.function)(&context, arguments);
        drop(context);
        let mut bytes;
        let written = match &returned {
            Ok(result) => {
                bytes = wire::open(kind::RETURNED);
                (self.write_result)(result, &mut bytes)
            }
            Err(error) => {
                bytes = wire::open(kind::RAISED);
                (self.write_error)(error, &mut bytes)
            }
        };
        written.map_err(|error| {
            Failure::Codec(format!("the result of {:?} cannot be written: {error}", call.head.function))
        })?;
        serving.close_frame(bytes)
    }
}

impl<A, M: Send + 'static, R, E> Registered for Entry<A, M, R, E> {
    fn signature(&self) -> &str {
        &self.signature
    }

    fn run(&mut self, call: &Call, serving: &Arc<Serving>) {
        let questions = self.questions.lock().clone();
        let voice = Arc::new(Voice::new(Arc::clone(serving), call, self.write_message, questions));
        serving.set_voice(call, Arc::clone(&voice) as _);
        let end = match catch(|| self.end(call, serving, &voice)) {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(failure)) => failure.to_frame(),
            Err(caught) => wire::panicked(&caught),
        };
        voice.finish(call, end);
    }
}
