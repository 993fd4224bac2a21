//! Starting processes.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::{self, Stdio};
use std::sync::Weak;
use std::time::Duration;

use shared_child::SharedChild;

use super::child::Child;
use super::lobby::Invited;
use super::stderr;
use super::ticket::{TICKET_VARIABLE, Ticket};

/// How long a process may take to stop by itself, unless another time was set.
const GRACE: Duration = Duration::from_secs(2);

/// Starts a process with tickets in its environment: a [`std::process::Command`] for workers.
///
/// What the process says on its standard error goes to the log, line by line, as from the target `foreground::process`. Its
/// standard input is empty, and its standard output is that of this process. How it ended is told by the ends of the pipes whose
/// tickets it was given.
pub struct Command {
    command: process::Command,
    grace: Duration,
    /// None if the standard error is that of this process.
    stderr: Option<log::Level>,
    invited: Vec<Weak<dyn Invited>>,
}

impl Command {
    /// Begins to describe a process that runs `program`, which is looked for in the `PATH`, as
    /// [`std::process::Command::new`] does.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = process::Command::new(program);
        command.stdin(Stdio::null());
        Self { command, grace: GRACE, stderr: Some(log::Level::Warn), invited: Vec::new() }
    }

    /// Begins to describe a process that runs the program of this process once more. Give it an argument, or look for a ticket, to
    /// know in `main` that it is a worker.
    ///
    /// # Errors
    /// The system's: it does not know the program's file.
    pub fn this_program() -> io::Result<Self> {
        env::current_exe().map(Self::new)
    }

    /// Adds an argument.
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

    /// Removes a variable from the environment.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.command.env_remove(name);
        self
    }

    /// Sets the folder in which the process works.
    pub fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        self.command.current_dir(folder);
        self
    }

    /// Hands the process a ticket, for [`RemoteSender::from_env`](super::RemoteSender::from_env).
    pub fn ticket(&mut self, ticket: Ticket) -> &mut Self {
        self.ticket_in(TICKET_VARIABLE, ticket)
    }

    /// Hands the process a ticket in a variable of your choice, for a process with several; see
    /// [`Ticket::from_variable`].
    pub fn ticket_in(&mut self, variable: impl AsRef<OsStr>, ticket: Ticket) -> &mut Self {
        self.command.env(variable, ticket.to_string());
        self.invited.extend(ticket.invited);
        self
    }

    /// Sets how long the process may take to stop when it was asked to, before it is killed; two seconds if this is not called.
    pub fn grace(&mut self, grace: Duration) -> &mut Self {
        self.grace = grace;
        self
    }

    /// Sets at what level its standard error is logged, or by `None` that it is the standard error of this process;
    /// [`log::Level::Warn`] if this is not called.
    pub fn log_stderr(&mut self, level: impl Into<Option<log::Level>>) -> &mut Self {
        self.stderr = level.into();
        self
    }

    /// Starts the process. Takes about a millisecond.
    ///
    /// The tickets are spent by it, also if it fails: their pipes then end as `NeverStarted`. A command that is to start another process needs others.
    ///
    /// # Errors
    /// The system's: there is no such program, it may not be run, or there are too many processes.
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.command.stderr(if self.stderr.is_some() { Stdio::piped() } else { Stdio::inherit() });
        let invited: Vec<_> = std::mem::take(&mut self.invited);
        let each = || invited.iter().filter_map(Weak::upgrade);
        each().for_each(|invited| invited.starting());
        let mut process =
            self.command.spawn().inspect_err(|_| each().for_each(|invited| invited.not_started()))?;
        let stderr = process.stderr.take();
        let process = SharedChild::new(process)?;
        let id = process.id();
        let child = Child::watch(process, self.grace, invited)?;
        if let (Some(stderr), Some(level)) = (stderr, self.stderr) {
            stderr::log(stderr, level, id)?;
        }
        Ok(child)
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
