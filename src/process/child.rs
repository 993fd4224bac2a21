//! A process that was started from here.

use std::fmt;
use std::io;
use std::process::{ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use shared_child::SharedChild;

use super::exit::{Exit, tell_each};
use super::lobby::{Asked, Invited, Watched};
use crate::net::Timer;
use crate::tasks::CancelToken;
use crate::{MessageRouter, PipeError};

/// After the end of a process, what it said last is waited for so long. Only another process that has its standard
/// error too, one that it started, makes it take so long.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A process that [`Command`](super::Command) started.
///
/// A thread waits for its end, so that it leaves no zombie, whatever is done with this handle. Dropped, it [stops](Self::stop) the
/// process; [`detach`](Self::detach) lets that live. Only the process itself is stopped or killed, and none that it started.
///
/// The process may be waited for, stopped and killed by several threads at once. Once it has ended, nothing that is done here
/// reaches another process that has got its number.
///
/// When this process ends, a child with a remote sender ends too, unless it is to
/// [survive](super::RemoteSenderBuilder::survive); others live on.
///
/// # Examples
///
/// ```
/// use foreground::process::Command;
///
/// # if cfg!(unix) {
/// let child = Command::new("sh").args(["-c", "exit 7"]).spawn()?;
/// assert_eq!(child.wait()?.code(), Some(7));
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "dropping it stops the process; keep it, or `detach` it"]
pub struct Child {
    shared: Arc<Shared>,
    pipes: Mutex<Pipes>,
    is_detached: bool,
}

/// Those of its standard streams that were asked for, and were not taken yet.
#[derive(Debug, Default)]
pub(super) struct Pipes {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
}

struct Shared {
    process: SharedChild,
    grace: Duration,
    /// Those for whose pipes it was given tickets.
    invited: Vec<Weak<dyn Invited>>,
    exit: Arc<Exit>,
    stopping: Mutex<Stopping>,
}

#[derive(Default)]
struct Stopping {
    /// It was asked to stop, which is done once.
    asked: bool,
    /// They make it stop after its grace.
    timers: Vec<Timer>,
}

impl Child {
    /// Takes a process that was just started into care. `last_words` ends when all that it said has been logged.
    pub(super) fn watch(
        process: SharedChild,
        exit: Arc<Exit>,
        grace: Duration,
        invited: Vec<Weak<dyn Invited>>,
        pipes: Pipes,
        last_words: Option<Receiver<()>>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared { process, grace, invited, exit, stopping: Mutex::default() });
        let reaper = Arc::clone(&shared);
        let reap = move || reaper.reap(last_words);
        let started = thread::Builder::new().name("foreground-child".into()).spawn(reap);
        if let Err(error) = started {
            // Nobody would wait for it.
            shared.kill();
            shared.reap(None);
            return Err(error);
        }
        Ok(Self { shared, pipes: Mutex::new(pipes), is_detached: false })
    }

    /// Returns the number by which the system knows the process. It may be another's soon after this one has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Command;
    ///
    /// # if cfg!(unix) {
    /// let child = Command::new("sleep").arg("1000").spawn()?;
    /// println!("started process {}", child.id());
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn id(&self) -> u32 {
        self.shared.process.id()
    }

    /// Takes the writing end of the process's standard input, if [`Command::stdin`](super::Command::stdin) made it a pipe.
    /// One that is not taken is closed when the process is waited for, or let go.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::process::Stdio;
    /// use foreground::process::Command;
    ///
    /// # if cfg!(unix) {
    /// let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    /// let (mut stdin, mut stdout) = (child.take_stdin().unwrap(), child.take_stdout().unwrap());
    /// stdin.write_all(b"hello")?;
    /// drop(stdin); // its end, for which cat waits
    /// let mut text = String::new();
    /// stdout.read_to_string(&mut text)?;
    /// assert_eq!(text, "hello");
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn take_stdin(&self) -> Option<ChildStdin> {
        self.pipes.lock().stdin.take()
    }

    /// Takes the reading end of the process's standard output, if [`Command::stdout`](super::Command::stdout) made it a
    /// pipe. Read it: a process that writes into a full pipe waits.
    ///
    /// # Examples
    ///
    /// See [`take_stdin`](Self::take_stdin).
    pub fn take_stdout(&self) -> Option<ChildStdout> {
        self.pipes.lock().stdout.take()
    }

    /// Takes the reading end of the process's standard error, if [`Command::stderr`](super::Command::stderr) made it a
    /// pipe; there is none if that is logged.
    ///
    /// # Examples
    ///
    /// See [`take_stdin`](Self::take_stdin).
    pub fn take_stderr(&self) -> Option<ChildStderr> {
        self.pipes.lock().stderr.take()
    }

    /// Returns how the process ended, if it has. Never blocks.
    ///
    /// # Errors
    /// The system's: nobody can tell how it ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Command;
    ///
    /// # if cfg!(unix) {
    /// let child = Command::new("sleep").arg("1000").spawn()?;
    /// assert_eq!(child.try_wait()?, None);
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.shared.exit.wait_until(Some(Instant::now()))
    }

    /// Waits until the process has ended, and what it said on its standard error is in the log. Not for the foreground's
    /// thread, which has [`on_exit`](Self::on_exit).
    ///
    /// Closes the standard input of the process, if that is a pipe that nobody has taken: the process may wait for its end.
    ///
    /// # Errors
    /// The system's: nobody can tell how it ended. That is so if this process ignores `SIGCHLD`.
    ///
    /// # Examples
    ///
    /// See [`Child`].
    pub fn wait(&self) -> io::Result<ExitStatus> {
        drop(self.take_stdin());
        self.shared.exit.wait()
    }

    /// Waits as [`wait`](Self::wait) does, but no longer than `timeout`; any timeout is allowed.
    ///
    /// # Errors
    /// The system's: nobody can tell how it ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::process::Command;
    ///
    /// # if cfg!(unix) {
    /// let child = Command::new("sleep").arg("1000").spawn()?;
    /// assert!(child.wait_timeout(Duration::from_millis(1))?.is_none());
    /// child.kill();
    /// assert!(child.wait_timeout(Duration::MAX)?.is_some());
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        drop(self.take_stdin());
        self.shared.exit.wait_until(Instant::now().checked_add(timeout))
    }

    /// Waits as [`wait`](Self::wait) does, for a task that runs a process. When the task is cancelled, the process is
    /// [stopped](Self::stop), and waited for: when this returns, it is gone.
    ///
    /// # Errors
    /// After a cancel, an error whose source is [`TaskCancelled`](crate::tasks::TaskCancelled), however the process ended.
    /// Otherwise the system's: nobody can tell how it ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, process::Command};
    /// use foreground::tasks::{Progress, TaskExecutor, TaskOutcome};
    ///
    /// # if cfg!(unix) {
    /// # let router: MessageRouter<Option<TaskOutcome<bool, std::io::Error>>> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let executor = TaskExecutor::new(&router);
    /// let job = executor.submit_try_progress(|progress: &Progress<u8>| {
    ///     let child = Command::new("sleep").arg("1000").spawn()?;
    ///     let status = child.wait_or_cancel(progress.token())?;
    ///     Ok::<_, std::io::Error>(status.success())
    /// })?;
    /// job.cancel();
    /// # job.on_done(|outcome, done| *outcome = Some(done));
    /// # let mut outcome = None;
    /// # router.route_until(&mut outcome, |outcome| outcome.is_some(), None)?;
    /// # assert!(matches!(outcome, Some(TaskOutcome::Cancelled)));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_or_cancel(&self, token: &CancelToken) -> io::Result<ExitStatus> {
        drop(self.take_stdin());
        self.shared.exit.wait_or_cancel(token).unwrap_or_else(|cancelled| {
            self.stop();
            let _ = self.shared.exit.wait();
            Err(cancelled.into())
        })
    }

    /// Calls back in the foreground when the process has ended, with its status if the system told it; soon, if it has
    /// ended already.
    ///
    /// This may come before the last messages of a pipe whose sender the process had. The end of a pipe, which has the
    /// status too if the sender did not stop, comes after them. Until it is called the router has a pipe open for this, whatever is
    /// done with the handle.
    ///
    /// # Errors
    /// [`PipeError`]: the router does not run.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, process::Command};
    ///
    /// # if cfg!(unix) {
    /// let router: MessageRouter<Option<i32>> = MessageRouter::new(|| { /* wake the event loop */ });
    /// router.start()?;
    /// let child = Command::new("sh").args(["-c", "exit 7"]).spawn()?;
    /// child.on_exit(&router, |code, status| *code = status.and_then(|status| status.code()))?;
    ///
    /// let mut code = None;
    /// router.route_until(&mut code, |code| code.is_some(), None)?;
    /// assert_eq!(code, Some(7));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn on_exit<S: 'static>(
        &self,
        router: &MessageRouter<S>,
        callback: impl FnOnce(&mut S, Option<ExitStatus>) + 'static,
    ) -> Result<(), PipeError> {
        let (sender, receiver) = router.pipe()?;
        let mut callback = Some(callback);
        receiver.on_message(move |state, status| {
            if let Some(callback) = callback.take() {
                callback(state, status);
            }
        });
        receiver.detach();
        let sender = sender.start();
        self.shared.exit.on_exit(Box::new(move |status| {
            // If this fails, the router was stopped.
            let _ = sender.send(status);
        }));
        Ok(())
    }

    /// Tells the process to stop, and kills it if it has not within its [grace](super::Command::grace). Never blocks. Nothing
    /// happens if that was done before.
    ///
    /// A process with a remote sender finds that closed. One that has not connected is sent `SIGTERM`, where there are signals;
    /// one whose sender has stopped by itself is about to end, and is sent it after half of its grace.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Command;
    ///
    /// # if cfg!(unix) {
    /// let child = Command::new("sleep").arg("1000").spawn()?;
    /// child.stop();
    /// assert!(!child.wait()?.success());
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Kills the process at once. Never blocks. Nothing happens if it has ended.
    ///
    /// # Examples
    ///
    /// See [`wait_timeout`](Self::wait_timeout).
    pub fn kill(&self) {
        self.shared.kill();
    }

    /// Lets go of the process: it lives on. It is still waited for in the end, and its standard error logged.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Command;
    ///
    /// # if cfg!(unix) {
    /// Command::new("true").spawn()?.detach();
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn detach(mut self) {
        self.is_detached = true;
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
            .field("exited", &self.shared.exit.status())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Waits for the end, and tells everybody.
    fn reap(&self, last_words: Option<Receiver<()>>) {
        let (status, error) = match self.process.wait() {
            Ok(status) => {
                if let Some(last_words) = last_words {
                    // It is told by the end of the channel.
                    let _ = last_words.recv_timeout(LAST_WORDS);
                }
                (Some(status), None)
            }
            // Told at once: its number is free for others, and whoever still takes it for this process may send them a signal.
            Err(error) => (None, Some(error)),
        };
        self.exit.tell(status);
        self.drop_timers();
        tell_each(self.invited.iter().filter_map(Weak::upgrade), |invited| invited.exited(status));
        if let Some(error) = error {
            log::error!("foreground: nobody can tell how process {} ended: {error}", self.process.id());
        }
    }

    fn stop(self: &Arc<Self>) {
        if self.exit.has_ended() || std::mem::replace(&mut self.stopping.lock().asked, true) {
            return;
        }
        let asked = self.invited.iter().filter_map(Weak::upgrade).map(|invited| invited.ask_to_stop());
        let first = match asked.max().unwrap_or(Asked::NotCome) {
            Asked::Told => None,
            Asked::Gone => Some(self.grace / 2),
            Asked::NotCome => {
                self.terminate();
                None
            }
        };
        let timers = [(first, Self::terminate as fn(&Self)), (Some(self.grace), Self::kill)];
        for (after, act) in timers {
            // A time beyond what the clock can name never comes.
            let Some(time) = after.and_then(|after| Instant::now().checked_add(after)) else { continue };
            let late = Arc::clone(self);
            match Timer::at(time, move || act(&late)) {
                Ok(timer) => self.stopping.lock().timers.push(timer),
                Err(_) => self.kill(),
            }
        }
        // It may have ended before they were there to be dropped.
        if self.exit.has_ended() {
            self.drop_timers();
        }
    }

    fn drop_timers(&self) {
        let timers = std::mem::take(&mut self.stopping.lock().timers);
        drop(timers);
    }

    /// Sends `SIGTERM`, where there are signals.
    fn terminate(&self) {
        #[cfg(unix)]
        {
            use shared_child::unix::SharedChildExt;

            const SIGTERM: i32 = 15;
            // If this fails, the kill comes.
            let _ = self.exit.unless_ended(|| self.process.send_signal(SIGTERM));
        }
    }

    fn kill(&self) {
        if let Err(error) = self.exit.unless_ended(|| self.process.kill()) {
            log::warn!("foreground: process {} cannot be killed: {error}", self.process.id());
        }
    }
}
