//! The one private thread on which the crates run that exist as async only. Nothing async shows outside of this crate.
//!
//! It is started for the first server, client or subscription that needs it, and ends with the last. Whoever waits for
//! something of it does so on a thread of their own: [`Runtime::wait`] polls the future there, and the private thread only
//! does what the sockets and the clock want.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
#[cfg(any(feature = "http", feature = "zmq"))]
use std::sync::Weak;
use std::task::{self, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Instant;

#[cfg(any(feature = "http", feature = "zmq"))]
use parking_lot::Mutex;
use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio::sync::Notify;

use crate::net::{becomes_io_thread, is_io_thread};

/// A handle to the private thread, which ends when the last of them is dropped.
pub(crate) struct Runtime {
    handle: Handle,
    end: Arc<Notify>,
}

#[cfg(any(feature = "http", feature = "zmq"))]
static SHARED: Mutex<Weak<Runtime>> = Mutex::new(Weak::new());

/// Why [`Runtime::wait`] gave up. The future was dropped.
#[cfg_attr(not(any(feature = "nats", feature = "zmq")), allow(dead_code))] // HTTP's clients wait without it
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GaveUp {
    Timeout,
    /// The calling thread is one that others wait for.
    WouldDeadlock,
    /// The calling thread is ending: what it keeps in thread-local variables is being dropped.
    ThreadEnds,
}

impl Runtime {
    /// The private thread of this process, started if it does not run.
    #[cfg(any(feature = "http", feature = "zmq"))]
    pub(crate) fn shared() -> io::Result<Arc<Self>> {
        let mut shared = SHARED.lock();
        if let Some(runtime) = shared.upgrade() {
            return Ok(runtime);
        }
        let this = Self::start("foreground-async")?;
        *shared = Arc::downgrade(&this);
        Ok(this)
    }

    /// Starts a thread that is not shared, for what can be ended only with the thread it runs on.
    #[cfg_attr(not(feature = "nats"), allow(dead_code))]
    pub(crate) fn start(name: &str) -> io::Result<Arc<Self>> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let this = Arc::new(Self { handle: runtime.handle().clone(), end: Arc::new(Notify::new()) });
        let end = this.end.clone();
        thread::Builder::new().name(name.into()).spawn(move || {
            becomes_io_thread();
            runtime.block_on(end.notified());
            // Not even a name that is being looked up keeps the thread.
            runtime.shutdown_background();
        })?;
        Ok(this)
    }

    /// Runs a future on the private thread, which lives at least as long.
    pub(crate) fn spawn(self: &Arc<Self>, future: impl Future<Output = ()> + Send + 'static) {
        let runtime = self.clone();
        self.handle.spawn(async move {
            future.await;
            drop(runtime);
        });
    }

    /// Runs a future on the private thread, and drops it if the thread ends before.
    #[cfg_attr(not(feature = "nats"), allow(dead_code))]
    pub(crate) fn spawn_weak(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(future);
    }

    /// Waits until the private thread has seen what the network has brought by now, and done what follows of it.
    #[cfg(feature = "zmq")]
    pub(crate) async fn catch_up(self: &Arc<Self>) {
        let (sender, done) = tokio::sync::oneshot::channel();
        self.spawn(async move {
            for _ in 0..3 {
                // Each time, the sockets are looked at before this goes on.
                tokio::task::yield_now().await;
            }
            // It may have been given up.
            let _ = sender.send(());
        });
        // It fails if the thread has ended, and then there is nothing to wait for.
        let _ = done.await;
    }

    /// What is made meanwhile belongs to the private thread: sockets, timers, tasks. Fails if the calling thread is ending.
    pub(crate) fn enter(&self) -> io::Result<EnterGuard<'_>> {
        // tokio would panic, and a panic of what is dropped then ends the process.
        if Handle::try_current().is_err_and(|error| error.is_thread_local_destroyed()) {
            return Err(io::Error::other("the calling thread is ending"));
        }
        Ok(self.handle.enter())
    }

    /// Waits on the calling thread until the future is ready, or until the deadline.
    #[cfg_attr(not(any(feature = "nats", feature = "zmq")), allow(dead_code))]
    pub(crate) fn wait<T>(
        &self,
        deadline: Option<Instant>,
        future: impl Future<Output = T>,
    ) -> Result<T, GaveUp> {
        // First, so that the future is dropped before it ends: what it holds may need it to say good-bye.
        let Ok(_entered) = self.enter() else { return Err(GaveUp::ThreadEnds) };
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Arc::new(Unpark(thread::current())).into();
        let mut context = task::Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Ok(value);
            }
            if is_io_thread() {
                return Err(GaveUp::WouldDeadlock);
            }
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(GaveUp::Timeout);
                    }
                    thread::park_timeout(left);
                }
            }
        }
    }
}

/// What came first.
pub(crate) enum Either<A, B> {
    Left(A),
    Right(B),
}

/// Waits for the first of two; the left one, if both are ready. The other is dropped.
pub(crate) async fn race<A: Future, B: Future>(left: A, right: B) -> Either<A::Output, B::Output> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|context| {
        if let Poll::Ready(value) = left.as_mut().poll(context) {
            return Poll::Ready(Either::Left(value));
        }
        right.as_mut().poll(context).map(Either::Right)
    })
    .await
}

/// Waits for it until the deadline.
#[cfg(any(feature = "nats", feature = "zmq"))]
pub(crate) async fn until<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        None => Some(future.await),
        Some(deadline) => tokio::time::timeout_at(deadline.into(), future).await.ok(),
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.end.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_wait_ends_with_the_future_or_the_time() {
        let runtime = Runtime::shared().unwrap();
        assert_eq!(runtime.wait(None, async { 7 }), Ok(7));
        let slept = runtime.wait(None, async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            8
        });
        assert_eq!(slept, Ok(8));
        assert_eq!(runtime.wait::<()>(Some(Instant::now()), pending()), Err(GaveUp::Timeout));
    }

    #[test]
    fn the_thread_never_waits_for_itself() {
        let runtime = Runtime::shared().unwrap();
        let (sender, receiver) = mpsc::channel();
        let inner = Arc::downgrade(&runtime);
        runtime.spawn(async move {
            let runtime = inner.upgrade().expect("it runs");
            sender.send(runtime.wait::<()>(None, pending())).unwrap();
        });
        assert_eq!(receiver.recv().unwrap(), Err(GaveUp::WouldDeadlock));
    }

    #[test]
    fn a_task_keeps_the_thread_until_it_ends() {
        let (sender, receiver) = mpsc::channel();
        Runtime::shared().unwrap().spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sender.send(thread::current().name().map(str::to_owned)).unwrap();
        });
        assert_eq!(receiver.recv().unwrap().as_deref(), Some("foreground-async"));
    }
}
