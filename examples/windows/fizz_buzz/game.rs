//! A task kind of its own, as the crate's own kinds are written: a [`Task`], and a future around [`TaskFuture`].

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use foreground::tasks::{
    SubmitError, Task, TaskCancelled, TaskContext, TaskExecutor, TaskFuture, TaskOutcome, TaskState,
};

/// Counts, and speaks up at every third and every fifth number.
pub(crate) struct FizzBuzz {
    pub(crate) up_to: u64,
    /// From one number to the next.
    pub(crate) pause: Duration,
}

/// What it says. Three types of message travel in one, so they stay in order.
pub(crate) enum Said {
    Fizz(u64),
    Buzz(u64),
    FizzBuzz(u64),
}

impl Task for FizzBuzz {
    type Message = Said;
    type Output = ();
    type Error = TaskCancelled;

    fn run(self, context: &TaskContext<'_, Said>) -> Result<(), TaskCancelled> {
        for n in 1..=self.up_to {
            // A cancel ends this sleep at once; `thread::sleep` would not hear of it.
            context.sleep(self.pause)?;
            match (n % 3, n % 5) {
                (0, 0) => context.send(Said::FizzBuzz(n))?,
                (0, _) => context.send(Said::Fizz(n))?,
                (_, 0) => context.send(Said::Buzz(n))?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The foreground's handle of a [`FizzBuzz`]: a callback for each type of message.
#[must_use = "dropping it cancels the task"]
pub(crate) struct FizzBuzzFuture<S: 'static> {
    task: TaskFuture<Said, (), TaskCancelled, S>,
    fizz: Slot<S>,
    buzz: Slot<S>,
    fizz_buzz: Slot<S>,
}

impl<S: 'static> FizzBuzzFuture<S> {
    pub(crate) fn submit(executor: &TaskExecutor<S>, task: FizzBuzz) -> Result<Self, SubmitError<FizzBuzz>> {
        let task = executor.submit(task)?;
        let (fizz, buzz, fizz_buzz) = (Slot::default(), Slot::default(), Slot::default());
        // The task's callback holds the slots and not the future, so dropping the future still cancels.
        let slots = (fizz.clone(), buzz.clone(), fizz_buzz.clone());
        task.on_message(move |state, said| match said {
            Said::Fizz(n) => slots.0.call(state, n),
            Said::Buzz(n) => slots.1.call(state, n),
            Said::FizzBuzz(n) => slots.2.call(state, n),
        });
        Ok(Self { task, fizz, buzz, fizz_buzz })
    }

    pub(crate) fn on_fizz(&self, callback: impl FnMut(&mut S, u64) + 'static) {
        self.fizz.set(callback);
    }

    pub(crate) fn on_buzz(&self, callback: impl FnMut(&mut S, u64) + 'static) {
        self.buzz.set(callback);
    }

    pub(crate) fn on_fizz_buzz(&self, callback: impl FnMut(&mut S, u64) + 'static) {
        self.fizz_buzz.set(callback);
    }

    pub(crate) fn on_done(&self, callback: impl FnOnce(&mut S, TaskOutcome<(), TaskCancelled>) + 'static) {
        self.task.on_done(callback);
    }

    pub(crate) fn cancel(&self) -> bool {
        self.task.cancel()
    }

    pub(crate) fn state(&self) -> TaskState {
        self.task.state()
    }
}

type Callback<S> = Box<dyn FnMut(&mut S, u64)>;

/// A place for a callback, shared by the future and its task's callback.
struct Slot<S>(Rc<Cell<Option<Callback<S>>>>);

impl<S> Slot<S> {
    fn set(&self, callback: impl FnMut(&mut S, u64) + 'static) {
        self.0.set(Some(Box::new(callback)));
    }

    fn call(&self, state: &mut S, n: u64) {
        // Taken out while it runs: it may set another in its place, which then stays.
        if let Some(mut callback) = self.0.take() {
            callback(state, n);
            let newer = self.0.take();
            self.0.set(Some(newer.unwrap_or(callback)));
        }
    }
}

impl<S> Clone for Slot<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S> Default for Slot<S> {
    fn default() -> Self {
        Self(Rc::default())
    }
}
