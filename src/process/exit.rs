//! How a process ends, for those who wait for it.

use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::lobby::Watched;
use crate::tasks::{CancelToken, TaskCancelled};

type OnExit = Box<dyn FnOnce(Option<ExitStatus>) + Send>;

/// The end of a process. It is there before the process, so that nobody who waits for the end of one that crashes at once
/// comes too early.
#[derive(Default)]
pub(super) struct Exit {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Its status, if the system told it, once it has ended.
    exited: Option<Option<ExitStatus>>,
    on_exit: Vec<OnExit>,
}

/// Tells each of what has become of a process. It may send to a router, whose waker is the user's: one that panics keeps nobody else
/// from the news, and nor does a logger that does.
pub(super) fn tell_each<T>(all: impl IntoIterator<Item = T>, tell: impl Fn(T)) {
    let mut panicked = 0;
    for one in all {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| tell(one))) {
            mem::forget(panic); // its destructor is the user's too
            panicked += 1;
        }
    }
    if panicked > 0 {
        mem::forget(catch_unwind(|| {
            log::error!("foreground: {panicked} that were to learn of the end of a process panicked");
        }));
    }
}

fn unknown() -> io::Error {
    io::Error::other("the process has ended, and the system did not tell how: somebody else waited for it")
}

impl Exit {
    /// Tells everybody.
    pub(super) fn tell(&self, status: Option<ExitStatus>) {
        let mut state = self.state.lock();
        state.exited = Some(status);
        let on_exit = mem::take(&mut state.on_exit);
        self.changed.notify_all();
        drop(state);
        tell_each(on_exit, |callback| callback(status));
    }

    /// The status, if it has ended and that is known.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        self.state.lock().exited.flatten()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.lock().exited.is_some()
    }

    /// Does something to the process, unless it has ended; that cannot be told meanwhile, so that it is no other process
    /// that has got its number.
    pub(super) fn unless_ended(&self, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let state = self.state.lock();
        if state.exited.is_some() { Ok(()) } else { act() }
    }

    /// None if it has not ended by the deadline.
    pub(super) fn wait_until(&self, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
        let mut state = self.state.lock();
        loop {
            if let Some(status) = state.exited {
                return status.map(Some).ok_or_else(unknown);
            }
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() && state.exited.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    pub(super) fn wait(&self) -> io::Result<ExitStatus> {
        self.wait_until(None)?.ok_or_else(unknown)
    }

    /// The inner error if the cancel was first.
    pub(super) fn wait_or_cancel(
        self: &Arc<Self>,
        token: &CancelToken,
    ) -> Result<io::Result<ExitStatus>, TaskCancelled> {
        let key = token.register(&Waker::from(Arc::clone(self)));
        let mut state = self.state.lock();
        let outcome = loop {
            if let Some(status) = state.exited {
                break Ok(status.ok_or_else(unknown));
            }
            if token.is_cancelled() {
                break Err(TaskCancelled);
            }
            self.changed.wait(&mut state);
        };
        drop(state);
        token.unregister(key);
        outcome
    }
}

/// By a cancel, for those who look at its flag.
impl Wake for Exit {
    fn wake(self: Arc<Self>) {
        // With the lock, for those who have looked and are about to wait.
        let _state = self.state.lock();
        self.changed.notify_all();
    }
}

impl Watched for Exit {
    fn on_exit(&self, callback: OnExit) {
        let mut state = self.state.lock();
        match state.exited {
            None => state.on_exit.push(callback),
            Some(status) => {
                drop(state);
                callback(status);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn who_panics_at_the_news_keeps_nobody_else_from_it() {
        let exit = Exit::default();
        let (sender, told) = mpsc::channel();
        exit.on_exit(Box::new(|_| panic!("on purpose")));
        exit.on_exit(Box::new(move |status| sender.send(status).unwrap()));
        exit.tell(None);
        assert_eq!(told.try_recv(), Ok(None));
        assert!(exit.has_ended());
    }
}
