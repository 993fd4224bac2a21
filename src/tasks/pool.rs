//! The worker threads.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;

use super::error::PoolError;
use super::job::Run;

type Jobs = (Sender<Box<dyn Run>>, Receiver<Box<dyn Run>>);

/// Worker threads that executors share. Clones are the same pool.
///
/// An executor makes a pool of its own unless it is given one by
/// [`TaskExecutorBuilder::pool`](super::TaskExecutorBuilder::pool). Stopping an executor leaves a pool that it was given
/// as it is. The threads start with the first task, take tasks in the order in which they were submitted, and end when
/// the last handle is dropped and no task is left. Dropping it does not wait for them.
///
/// # Examples
///
/// ```
/// use foreground::{MessageRouter, tasks::{TaskExecutor, WorkerPool}};
///
/// # let router: MessageRouter = MessageRouter::new(|| {});
/// let pool = WorkerPool::new("disk", 2)?;
/// let copies = TaskExecutor::builder(&router).pool(&pool).build()?;
/// let searches = TaskExecutor::builder(&router).pool(&pool).build()?;
/// # Ok::<(), foreground::tasks::PoolError>(())
/// ```
#[derive(Clone)]
pub struct WorkerPool {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    size: usize,
    jobs: Jobs,
    /// The threads have been started; set once, with the lock.
    is_started: AtomicBool,
    starting: Mutex<()>,
}

impl WorkerPool {
    pub(super) const DEFAULT_NAME: &str = "worker";

    /// Makes a pool of `size` threads, which are named `name-0`, `name-1`, and so on. (Linux shows the first 15 bytes
    /// of a thread's name.) If the system refuses to start some of them, the others do all the work, and a warning is logged.
    ///
    /// # Errors
    /// [`PoolError::ZeroWorkers`], [`PoolError::BadName`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::tasks::{PoolError, WorkerPool};
    ///
    /// assert_eq!(WorkerPool::new("hash", 4)?.size(), 4);
    /// assert_eq!(WorkerPool::new("hash", 0).unwrap_err(), PoolError::ZeroWorkers);
    /// # Ok::<(), PoolError>(())
    /// ```
    pub fn new(name: impl Into<String>, size: usize) -> Result<Self, PoolError> {
        let name = name.into();
        if size == 0 {
            return Err(PoolError::ZeroWorkers);
        }
        if name.contains('\0') {
            return Err(PoolError::BadName);
        }
        Ok(Self::of(name, size))
    }

    /// As many threads as the machine runs at once.
    pub(super) fn of_the_machine() -> Self {
        Self::of(Self::DEFAULT_NAME.into(), Self::default_size())
    }

    fn of(name: String, size: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                name,
                size,
                jobs: unbounded(),
                is_started: AtomicBool::new(false),
                starting: Mutex::new(()),
            }),
        }
    }

    /// Returns how many threads the pool has, once they are started.
    pub fn size(&self) -> usize {
        self.shared.size
    }

    /// Starts the threads, unless that was done. If the system refuses some of them, the others do the work; fails
    /// if it refuses all.
    pub(super) fn start(&self) -> io::Result<()> {
        // Relaxed: the threads take their jobs from the channel, which does what is needed.
        if self.shared.is_started.load(Relaxed) {
            return Ok(());
        }
        let starting = self.shared.starting.lock();
        if self.shared.is_started.load(Relaxed) {
            return Ok(());
        }
        let Shared { name, size, .. } = &*self.shared;
        for index in 0..*size {
            let jobs = self.shared.jobs.1.clone();
            let thread = thread::Builder::new().name(format!("{name}-{index}"));
            match thread.spawn(move || jobs.into_iter().for_each(run)) {
                Ok(_) => self.shared.is_started.store(true, Relaxed),
                Err(error) if index == 0 => return Err(error),
                Err(error) => {
                    // Not with the lock: the logger is the user's.
                    drop(starting);
                    log::warn!("foreground: {name} has {index} threads instead of {size}: {error}");
                    break;
                }
            }
        }
        Ok(())
    }

    /// Hands a job to the next thread that is free.
    pub(super) fn push(&self, job: Box<dyn Run>) {
        // The pool holds a receiver itself, so the channel is open.
        let _ = self.shared.jobs.0.send(job);
    }

    pub(super) fn default_size() -> usize {
        thread::available_parallelism().map_or(1, NonZeroUsize::get)
    }
}

/// Runs a job on a thread that survives whatever happens: the tasks' panics are caught further down, but a router's
/// waker, which a message may call, can panic too.
fn run(job: Box<dyn Run>) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| job.run())) {
        // Its destructor is not to be trusted either.
        std::mem::forget(payload);
    }
}

impl fmt::Debug for WorkerPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerPool").field("name", &self.shared.name).field("size", &self.size()).finish()
    }
}
