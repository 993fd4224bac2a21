//! A process that was started from here.

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use shared_child::SharedChild;

use super::lobby::{Invited, Watched};
use crate::net::Timer;

type OnExit = Box<dyn FnOnce(Option<ExitStatus>) + Send>;

/// A process that [`Command`](super::Command) started.
///
/// A thread waits for its end, so that it leaves no zombie, whatever is done with this handle. Dropped, it asks the process to stop, and
/// kills it if it does not within its grace; [`detach`](Self::detach) lets it live.
#[must_use = "dropping it stops the process; keep it, or `detach` it"]
pub struct Child {
    shared: Arc<Shared>,
    is_detached: bool,
}

struct Shared {
    process: SharedChild,
    grace: Duration,
    /// Those for whose pipes it was given tickets.
    invited: Vec<Weak<dyn Invited>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Its status, if the system told it, once it has ended.
    exited: Option<Option<ExitStatus>>,
    on_exit: Vec<OnExit>,
    /// Kills it after its grace.
    killer: Option<Timer>,
}

impl Child {
    /// Takes a process that was just started into care.
    pub(super) fn watch(
        process: SharedChild,
        grace: Duration,
        invited: Vec<Weak<dyn Invited>>,
    ) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { process, grace, invited, state: Mutex::default(), changed: Condvar::new() });
        for invited in shared.invited.iter().filter_map(Weak::upgrade) {
            invited.started(Arc::clone(&shared) as Arc<dyn Watched>);
        }
        let reaper = Arc::clone(&shared);
        let started = thread::Builder::new().name("foreground-child".into()).spawn(move || reaper.reap());
        if let Err(error) = started {
            // Nobody would wait for it.
            let _ = shared.process.kill();
            shared.reap();
            return Err(error);
        }
        Ok(Self { shared, is_detached: false })
    }

    /// Returns the number by which the system knows the process. It is another's soon after this one has ended.
    pub fn id(&self) -> u32 {
        self.shared.process.id()
    }

    /// Returns how the process ended, if it has.
    ///
    /// # Errors
    /// The system's: nobody can tell how it ended.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.shared.wait_until(Some(Instant::now()))
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    /// The system's: nobody can tell how it ended.
    pub fn wait(&self) -> io::Result<ExitStatus> {
        self.shared.wait_until(None)?.ok_or_else(unknown)
    }

    /// Waits until the process has ended, but no longer than `timeout`.
    ///
    /// # Errors
    /// The system's: nobody can tell how it ended.
    pub fn wait_timeout(&self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        self.shared.wait_until(Instant::now().checked_add(timeout))
    }

    /// Tells the process to stop, and kills it if it has not within its grace. Never blocks.
    ///
    /// A process with a remote sender finds that closed. One that has not connected is sent `SIGTERM`, where there are signals.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Kills the process at once. Never blocks. Nothing happens if it has ended.
    pub fn kill(&self) {
        self.shared.kill();
    }

    /// Lets go of the process: it lives on. It is still waited for in the end.
    pub fn detach(mut self) {
        self.is_detached = true;
    }

    /// Calls back when the process has ended: on the thread that waits for it, or at once.
    pub(super) fn on_exit(&self, callback: impl FnOnce(Option<ExitStatus>) + Send + 'static) {
        self.shared.on_exit(Box::new(callback));
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.is_detached {
            self.shared.stop();
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id())
            .field("exited", &self.shared.state.lock().exited.flatten())
            .finish()
    }
}

fn unknown() -> io::Error {
    io::Error::other("the process has ended, and the system did not tell how")
}

impl Shared {
    /// Waits for the end, and tells everybody.
    fn reap(&self) {
        let status = self.process.wait();
        if let Err(error) = &status {
            log::error!("foreground: nobody can tell how process {} ended: {error}", self.process.id());
        }
        let status = status.ok();
        let mut state = self.state.lock();
        state.exited = Some(status);
        let killer = state.killer.take();
        let on_exit = std::mem::take(&mut state.on_exit);
        self.changed.notify_all();
        drop(state);
        drop(killer);
        for callback in on_exit {
            callback(status);
        }
        for invited in self.invited.iter().filter_map(Weak::upgrade) {
            invited.exited(status);
        }
    }

    /// None if it has not ended by the deadline.
    fn wait_until(&self, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
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

    fn stop(self: &Arc<Self>) {
        let mut told = false;
        for invited in self.invited.iter().filter_map(Weak::upgrade) {
            told |= invited.ask_to_stop();
        }
        if !told {
            self.terminate();
        }
        let mut state = self.state.lock();
        if state.exited.is_some() || state.killer.is_some() {
            return;
        }
        let late = Arc::clone(self);
        let killer = Instant::now()
            .checked_add(self.grace)
            .map(|deadline| Timer::at(deadline, move || late.kill()))
            .transpose();
        match killer {
            Ok(killer) => state.killer = killer,
            Err(_) => {
                drop(state);
                self.kill();
            }
        }
    }

    /// Sends `SIGTERM`, where there are signals.
    fn terminate(&self) {
        #[cfg(unix)]
        {
            use shared_child::unix::SharedChildExt;

            let _ = self.process.send_signal(15);
        }
    }

    fn kill(&self) {
        if let Err(error) = self.process.kill() {
            log::warn!("foreground: process {} cannot be killed: {error}", self.process.id());
        }
    }
}

impl Watched for Shared {
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
