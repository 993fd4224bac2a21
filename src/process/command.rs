//! Starting processes.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::process::{self, ChildStdin, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

use shared_child::SharedChild;

use super::child::{Child, Pipes};
use super::exit::{Exit, tell_each};
use super::lobby::{Invited, Watched};
use super::pool::POOL_VARIABLE;
use super::stderr;
use super::ticket::{TICKET_VARIABLE, Ticket};

/// How long a process may take to stop by itself, unless another time was set.
const GRACE: Duration = Duration::from_secs(2);

/// Starts a process with tickets in its environment: a [`std::process::Command`] for workers.
///
/// What the process says on its standard error goes to the log, line by line, as from the target `foreground::process`. Its
/// standard input is empty, and its standard output is that of this process. How it ended is told by the ends of the pipes whose
/// tickets it was given.
///
/// A ticket that was given to a command is for its process: if that is not started, because [`spawn`](Self::spawn) fails or the
/// command is dropped before, nobody will come, and the pipe ends as [`NeverStarted`](crate::PipeEnd::NeverStarted) at once.
///
/// For what is not here there is `From<std::process::Command>`, which keeps all that was set there.
///
/// # Examples
///
/// A program that is its own worker:
///
/// ```no_run
/// use foreground::{MessageRouter, process::{Command, RemoteSender, Ticket}};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     if std::env::args().nth(1).as_deref() == Some("worker") {
///         let sender = RemoteSender::<u8>::from_env()?.start();
///         // It fails once nobody listens any more, which is no error of the worker's.
///         let _ = (0..=100).try_for_each(|percent| sender.send(percent));
///         return Ok(());
///     }
///     let router: MessageRouter<bool> = MessageRouter::new(|| { /* wake the event loop */ });
///     router.start()?;
///     let (ticket, receiver) = router.remote_pipe::<u8>()?;
///     receiver.on_message(|_, percent| println!("{percent} %"));
///     receiver.on_end(|has_ended, _| *has_ended = true);
///     let child = Command::this_program()?.arg("worker").ticket(ticket).spawn()?;
///     router.route_until(&mut false, |has_ended| *has_ended, None)?;
///     println!("{}", child.wait()?);
///     Ok(())
/// }
/// ```
#[must_use = "a command does nothing until `spawn` is called"]
pub struct Command {
    command: process::Command,
    grace: Duration,
    /// At what level the standard error is logged. None if it was given elsewhere.
    log: Option<log::Level>,
    /// The variables for tickets, and their texts.
    tickets: Vec<(OsString, String)>,
    ticket_on_stdin: Option<String>,
    invited: Vec<Weak<dyn Invited>>,
}

impl Command {
    /// Begins to describe a process that runs `program`, which is looked for in the `PATH`, as
    /// [`std::process::Command::new`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::Command;
    ///
    /// # if cfg!(unix) {
    /// let child = Command::new("sh").args(["-c", "echo 'this goes to the log' >&2"]).spawn()?;
    /// assert!(child.wait()?.success());
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = process::Command::new(program);
        command.stdin(Stdio::null());
        command.into()
    }

    /// Begins to describe a process that runs the program of this process once more. Give it an argument, or look for a ticket, to
    /// know in `main` that it is a worker.
    ///
    /// On Linux this is the program that runs, even if its file has been replaced since it was started, as by an
    /// update.
    ///
    /// # Errors
    /// The system's: it does not know the program's file.
    ///
    /// # Examples
    ///
    /// See [`Command`].
    pub fn this_program() -> io::Result<Self> {
        let program = env::current_exe()?;
        #[cfg(target_os = "linux")]
        if !program.exists() {
            use std::os::unix::process::CommandExt;

            // By the link the system still finds it. Only then: it makes `exe` the name of the process.
            let mut command = Self::new("/proc/self/exe");
            command.command.arg0(env::args_os().next().unwrap_or_else(|| program.into()));
            return Ok(command);
        }
        Ok(Self::new(program))
    }

    /// Adds an argument.
    ///
    /// # Examples
    ///
    /// See [`Command::new`], also for what is named as in [`std::process::Command`] below.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.command.env(name, value);
        self
    }

    /// Removes a variable from the environment. That of the [`ticket`](Self::ticket) is never inherited: one that this process
    /// was given is its own.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.command.env_remove(name);
        self
    }

    /// Removes all variables from the environment, but not tickets.
    pub fn env_clear(&mut self) -> &mut Self {
        self.command.env_clear();
        self
    }

    /// Sets the folder in which the process works.
    pub fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        self.command.current_dir(folder);
        self
    }

    /// Sets the standard input of the process, which is empty if this is not called. For a pipe, see
    /// [`Child::take_stdin`].
    ///
    /// # Examples
    ///
    /// See [`Child::take_stdin`].
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.command.stdin(stdin);
        self
    }

    /// Sets the standard output of the process, which is that of this process if this is not called. For a pipe, see
    /// [`Child::take_stdout`].
    ///
    /// # Examples
    ///
    /// See [`Child::take_stdin`].
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.command.stdout(stdout);
        self
    }

    /// Sets the standard error of the process, which is logged if this is not called, and is not if it is. For a pipe, see
    /// [`Child::take_stderr`].
    ///
    /// # Examples
    ///
    /// See [`log_stderr`](Self::log_stderr).
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.command.stderr(stderr);
        self.log = None;
        self
    }

    /// Sets at what level the standard error of the process is logged, or by `None` that it is the standard error of this process;
    /// [`log::Level::Warn`] if this is not called.
    ///
    /// A line of more than 8 KiB is cut into several, and what is no UTF-8 is replaced. Who waits for the end of the process finds
    /// its last words in the log, unless a process that it started has the standard error too and lives on; what that says
    /// is logged as well, by a thread that lives as long.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::process::Stdio;
    /// use foreground::process::Command;
    ///
    /// # if cfg!(unix) {
    /// let chatty = Command::new("ls").arg("/no/such/file").log_stderr(log::Level::Debug).spawn()?;
    /// let silent = Command::new("ls").arg("/no/such/file").stderr(Stdio::null()).spawn()?;
    /// assert_eq!(chatty.wait()?, silent.wait()?);
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn log_stderr(&mut self, level: impl Into<Option<log::Level>>) -> &mut Self {
        self.log = level.into();
        if self.log.is_none() {
            self.command.stderr(Stdio::inherit());
        }
        self
    }

    /// Hands the process a ticket, for [`RemoteSender::from_env`](super::RemoteSender::from_env).
    ///
    /// # Examples
    ///
    /// See [`Command`].
    pub fn ticket(&mut self, ticket: Ticket) -> &mut Self {
        self.ticket_in(TICKET_VARIABLE, ticket)
    }

    /// Hands the process a ticket in a variable of your choice, for a process with several; see
    /// [`Ticket::from_variable`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, process::Command};
    ///
    /// # if cfg!(unix) {
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start()?;
    /// let (progress, percents) = router.remote_pipe::<u8>()?;
    /// let (results, found) = router.remote_pipe::<String>()?;
    /// let mut worker = Command::new("worker");
    /// worker.ticket_in("PROGRESS_TICKET", progress).ticket_in("RESULTS_TICKET", results);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ticket_in(&mut self, variable: impl AsRef<OsStr>, ticket: Ticket) -> &mut Self {
        let variable = variable.as_ref();
        self.tickets.retain(|(name, _)| name != variable);
        self.tickets.push((variable.to_owned(), ticket.to_string()));
        self.ticket_by_other_means(&ticket)
    }

    /// Hands the process a ticket as a line of its standard input, which has nothing else. A program that does not know of the
    /// environment reads it as [`RemoteSender::from_ticket`](super::RemoteSender::from_ticket) shows.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use std::process::Stdio;
    /// use foreground::{MessageRouter, PipeEnd, process::Command};
    ///
    /// # if cfg!(unix) {
    /// # let router: MessageRouter<Option<PipeEnd>> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// let (ticket, receiver) = router.remote_pipe::<u8>()?;
    /// let text = ticket.to_string();
    /// let child = Command::new("cat").ticket_on_stdin(ticket).stdout(Stdio::piped()).spawn()?;
    /// let mut read = String::new();
    /// child.take_stdout().unwrap().read_to_string(&mut read)?;
    /// assert_eq!(read, text + "\n");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ticket_on_stdin(&mut self, ticket: Ticket) -> &mut Self {
        self.ticket_on_stdin = Some(ticket.to_string());
        self.ticket_by_other_means(&ticket)
    }

    /// Says that the process will come with this ticket, which you hand it by other means: as an argument, in a file, or as one
    /// line of several. So how it ended is told with the end of the pipe, and it can be stopped by that.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, PipeEnd, process::Command};
    ///
    /// # if cfg!(unix) {
    /// # let router: MessageRouter<Option<PipeEnd>> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// let (ticket, receiver) = router.remote_pipe::<u8>()?;
    /// receiver.on_end(|ended, end| *ended = Some(end));
    /// // A program that knows of no tickets:
    /// let child = Command::new("true").arg(ticket.to_string()).ticket_by_other_means(&ticket).spawn()?;
    /// # let mut ended = None;
    /// # router.route_until(&mut ended, |ended| ended.is_some(), None)?;
    /// assert_eq!(ended, Some(PipeEnd::Lost(Some(child.wait()?))));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ticket_by_other_means(&mut self, ticket: &Ticket) -> &mut Self {
        self.invited.extend(ticket.invited.clone());
        self
    }

    /// Sets how long the process may take to stop when it was asked to, before it is killed; two seconds if this is not called.
    /// Any time is allowed; after [`Duration::MAX`] none is killed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use foreground::process::Command;
    ///
    /// # if cfg!(unix) {
    /// let script = "trap '' TERM; while true; do sleep 0.01; done"; // ignores what it is asked
    /// let child = Command::new("sh").args(["-c", script]).grace(Duration::from_millis(20)).spawn()?;
    /// child.stop();
    /// assert_eq!(child.wait()?.code(), None); // it was killed
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn grace(&mut self, grace: Duration) -> &mut Self {
        self.grace = grace;
        self
    }

    /// Starts the process. Takes about a millisecond.
    ///
    /// The tickets are spent by it, also if it fails: a command that is to start another process needs others.
    ///
    /// # Errors
    /// The system's: there is no such program, it may not be run, or there are too many processes or threads. The pipes of the
    /// tickets end at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, PipeEnd, process::Command};
    ///
    /// let router: MessageRouter<Option<PipeEnd>> = MessageRouter::new(|| { /* wake the event loop */ });
    /// router.start()?;
    /// let (ticket, receiver) = router.remote_pipe::<u8>()?;
    /// receiver.on_end(|ended, end| *ended = Some(end));
    /// assert!(Command::new("no such program").ticket(ticket).spawn().is_err());
    ///
    /// let mut ended = None;
    /// router.route_until(&mut ended, |ended| ended.is_some(), None)?;
    /// assert_eq!(ended, Some(PipeEnd::NeverStarted));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn(&mut self) -> io::Result<Child> {
        let invited = std::mem::take(&mut self.invited);
        let exit = Arc::new(Exit::default());
        // Before it runs: it may come and go sooner than this thread goes on.
        for invited in invited.iter().filter_map(Weak::upgrade) {
            invited.starting(Arc::clone(&exit) as Arc<dyn Watched>);
        }
        let (process, ticket_on_stdin) = match self.spawn_with_tickets() {
            Ok(spawned) => spawned,
            Err(error) => {
                give_up(invited);
                return Err(error);
            }
        };
        let id = process.id();
        let mut pipes = Pipes {
            stdin: process.take_stdin(),
            stdout: process.take_stdout(),
            stderr: process.take_stderr(),
        };
        if let Some(text) = ticket_on_stdin {
            hand_over(pipes.stdin.take(), text);
        }
        let logged =
            self.log.and_then(|level| pipes.stderr.take().map(|stderr| stderr::log(stderr, level, id)));
        let (logged, failed) = match logged.transpose() {
            Ok(logged) => (logged, None),
            Err(error) => (None, Some(error)),
        };
        let child = Child::watch(process, exit, self.grace, invited, pipes, logged)?;
        match failed {
            None => Ok(child),
            // There is no thread that would log what it says.
            Some(error) => {
                child.kill();
                Err(error)
            }
        }
    }

    /// Starts the process, and forgets the tickets.
    fn spawn_with_tickets(&mut self) -> io::Result<(SharedChild, Option<String>)> {
        if self.log.is_some() {
            self.command.stderr(Stdio::piped());
        }
        let ticket_on_stdin = self.ticket_on_stdin.take();
        if ticket_on_stdin.is_some() {
            self.command.stdin(Stdio::piped());
        }
        for (variable, text) in &self.tickets {
            self.command.env(variable, text);
        }
        // Those of this process are spent, and no other's.
        for variable in [TICKET_VARIABLE, POOL_VARIABLE] {
            if !self.command.get_envs().any(|(name, _)| name == variable) {
                self.command.env_remove(variable);
            }
        }
        let process = SharedChild::spawn(&mut self.command);
        for (variable, _) in self.tickets.drain(..) {
            self.command.env_remove(variable);
        }
        if ticket_on_stdin.is_some() {
            self.command.stdin(Stdio::null());
        }
        Ok((process?, ticket_on_stdin))
    }
}

/// Writes a ticket. Never waits: any pipe has room for so little.
fn hand_over(stdin: Option<ChildStdin>, mut ticket: String) {
    ticket.push('\n');
    if let Some(mut stdin) = stdin {
        // If this fails, the process has closed it, or has ended, which is told elsewhere.
        let _ = stdin.write_all(ticket.as_bytes());
    }
}

/// Nobody will come with these tickets.
fn give_up(invited: Vec<Weak<dyn Invited>>) {
    tell_each(invited.iter().filter_map(Weak::upgrade), |invited| invited.not_started());
}

/// Keeps all that was set there, such as a process group, or the flags of Windows: a program with a window that starts one for
/// the console needs `CREATE_NO_WINDOW` there. Only the standard error is logged instead, unless [`Command::stderr`] is called.
///
/// # Examples
///
/// ```
/// use foreground::process::Command;
///
/// # #[cfg(unix)] {
/// use std::os::unix::process::CommandExt;
///
/// let mut command = std::process::Command::new("true");
/// command.process_group(0); // not to be reached by the terminal's Ctrl+C
/// let child = Command::from(command).spawn()?;
/// assert!(child.wait()?.success());
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
impl From<process::Command> for Command {
    fn from(command: process::Command) -> Self {
        Self {
            command,
            grace: GRACE,
            log: Some(log::Level::Warn),
            tickets: Vec::new(),
            ticket_on_stdin: None,
            invited: Vec::new(),
        }
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        give_up(std::mem::take(&mut self.invited));
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment has the tickets' secrets.
        f.debug_struct("Command")
            .field("program", &self.command.get_program())
            .field("arguments", &self.command.get_args().collect::<Vec<_>>())
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}
