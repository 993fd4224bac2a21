//! The worker processes of an executor: those that wait for a call, and how they come and go.

use std::io;
use std::mem;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::super::child::Child;
use super::super::command::Command;
use super::POOL_VARIABLE;
use super::post::Post;
use super::wire::SLACK;
use crate::net::Timer;
use crate::tasks::CancelToken;
use crate::tasks::remote::unparker;

/// After its connection has ended, or it was killed, a process is given so long to end, for its status to be told.
pub(super) const EXIT_TIME: Duration = Duration::from_secs(1);

pub(super) type MakeCommand = Box<dyn Fn() -> io::Result<Command> + Send + Sync>;

/// How workers are to be.
pub(super) struct Terms {
    pub(super) command: MakeCommand,
    pub(super) grace: Duration,
    pub(super) start_timeout: Duration,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) tasks_per_worker: Option<u64>,
    pub(super) max_message_size: usize,
}

pub(super) struct Crew {
    pub(super) terms: Terms,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last of them has worked last.
    idle: Vec<Idle>,
    /// All whose processes may live.
    children: Vec<Arc<Child>>,
    last_call: u64,
    is_closed: bool,
}

struct Idle {
    worker: Worker,
    /// Ends it. For the drop.
    _timer: Option<Timer>,
}

/// A worker process. Dropped, it is told to end, and killed if it does not within its grace.
pub(super) struct Worker {
    pub(super) child: Arc<Child>,
    pub(super) post: Arc<Post>,
    /// How many calls it has had.
    pub(super) calls: u64,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.child.stop();
    }
}

/// No worker was started.
pub(super) enum NoWorker {
    /// As the task that wanted one was cancelled.
    Cancelled,
    Error(io::Error),
}

impl Crew {
    pub(super) fn new(terms: Terms) -> Arc<Self> {
        Arc::new(Self { terms, state: Mutex::default() })
    }

    /// A number for a call.
    pub(super) fn next_call(&self) -> u64 {
        let mut state = self.state.lock();
        state.last_call += 1;
        state.last_call
    }

    /// Takes a worker that waits, or starts one.
    pub(super) fn take(&self, token: &CancelToken) -> Result<Worker, NoWorker> {
        loop {
            let idle = self.state.lock().idle.pop();
            match idle {
                Some(Idle { worker, .. }) if worker.post.is_well() => return Ok(worker),
                // It has died meanwhile.
                Some(dead) => drop(dead),
                None => return self.start(token),
            }
        }
    }

    /// Takes back a worker that waits for a call.
    pub(super) fn give_back(self: &Arc<Self>, mut worker: Worker) {
        worker.calls += 1;
        let is_worn = self.terms.tasks_per_worker.is_some_and(|most| worker.calls >= most);
        if is_worn || !worker.post.is_well() {
            return drop(worker);
        }
        let mut state = self.state.lock();
        if state.is_closed {
            drop(state);
            return drop(worker);
        }
        let deadline = self.terms.idle_timeout.and_then(|time| Instant::now().checked_add(time));
        // Under the lock: its call may come at once, and is to find the worker among those that wait.
        let timer = deadline.and_then(|deadline| {
            let (crew, id) = (Arc::downgrade(self), worker.child.id());
            // Without one it waits for longer, that is all.
            Timer::at(deadline, move || retire(&crew, id)).ok()
        });
        state.idle.push(Idle { worker, _timer: timer });
    }

    fn start(&self, token: &CancelToken) -> Result<Worker, NoWorker> {
        let Terms { start_timeout, .. } = self.terms;
        let deadline = Instant::now().checked_add(start_timeout);
        let worker = self.spawn().map_err(NoWorker::Error)?;
        let waker = unparker();
        worker.post.set_waker(Some(waker.clone()));
        let key = token.register(&waker);
        let ready = loop {
            let health = worker.post.health();
            if health.is_ready && health.gone.is_none() {
                break Ok(());
            }
            if token.is_cancelled() {
                break Err(NoWorker::Cancelled);
            }
            let hint = "does its `main` call `Functions::serve_if_worker` before anything else?";
            if let Some(status) = health.exited {
                let status = status.map_or_else(|| "it is not known how".into(), |status| status.to_string());
                let text = format!("the process ended before it was ready ({status}); {hint}");
                break Err(NoWorker::Error(io::Error::new(io::ErrorKind::ConnectionAborted, text)));
            }
            if let Some(reason) = health.gone {
                let text = format!("the process was not ready when its connection ended: {reason}");
                break Err(NoWorker::Error(io::Error::new(io::ErrorKind::ConnectionAborted, text)));
            }
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => {
                    let text = format!("the process was not ready within {start_timeout:?}; {hint}");
                    break Err(NoWorker::Error(io::Error::new(io::ErrorKind::TimedOut, text)));
                }
                Some(left) => thread::park_timeout(left),
            }
        };
        token.unregister(key);
        worker.post.set_waker(None);
        ready.map(|()| worker)
    }

    fn spawn(&self) -> io::Result<Worker> {
        let mut command = (self.terms.command)()?;
        let limit = self.terms.max_message_size.saturating_add(SLACK);
        let (post, ticket) = Post::open(limit, self.terms.start_timeout)?;
        let spawned = command.grace(self.terms.grace).ticket_in(POOL_VARIABLE, ticket).spawn();
        let child = Arc::new(spawned?);
        let mut state = self.state.lock();
        let (mut children, ended): (Vec<_>, Vec<_>) =
            mem::take(&mut state.children).into_iter().partition(|child| lives(child));
        children.push(Arc::clone(&child));
        state.children = children;
        drop(state);
        drop(ended);
        Ok(Worker { child, post, calls: 0 })
    }

    /// Those that wait end now, and the others when they have done what they are at.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let idle = mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }

    /// Waits until the processes have ended, and kills those that have not by the deadline, or within their grace if there is none.
    pub(super) fn wait(&self, deadline: Option<Instant>) {
        let deadline = deadline.or_else(|| Instant::now().checked_add(self.terms.grace));
        let mut left = self.children();
        left.retain(|child| !ends_by(child, deadline));
        // All of them before one is waited for: each may take its time to end.
        for child in &left {
            child.kill();
        }
        let deadline = Instant::now().checked_add(EXIT_TIME);
        left.retain(|child| !ends_by(child, deadline));
        for child in left {
            // Such as one that waits for a disk. Its own thread still waits for it.
            log::warn!("foreground: worker process {} was killed, and has not ended yet", child.id());
        }
    }

    /// The numbers of the processes.
    pub(super) fn ids(&self) -> Vec<u32> {
        self.children().iter().filter(|child| lives(child)).map(|child| child.id()).collect()
    }

    /// Kills one of the processes.
    pub(super) fn kill(&self, id: u32) -> bool {
        let child = self.children().into_iter().find(|child| child.id() == id && lives(child));
        child.inspect(|child| child.kill()).is_some()
    }

    fn children(&self) -> Vec<Arc<Child>> {
        self.state.lock().children.clone()
    }
}

fn lives(child: &Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

/// Waits until a process has ended, no longer than to the deadline.
fn ends_by(child: &Child, deadline: Option<Instant>) -> bool {
    let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
    !matches!(child.wait_timeout(left), Ok(None))
}

/// Ends a worker that has waited for long.
fn retire(crew: &Weak<Crew>, id: u32) {
    let Some(crew) = crew.upgrade() else { return };
    let mut state = crew.state.lock();
    let at = state.idle.iter().position(|idle| idle.worker.child.id() == id);
    let idle = at.map(|at| state.idle.remove(at));
    drop(state);
    drop(idle);
}
