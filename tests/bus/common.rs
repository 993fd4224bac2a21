//! What the tests share: routers and their loops, threads that may not hang, counted drops.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use foreground::testing::{CountingWaker, TestLoop};
use foreground::{Budget, MessageRouter};

/// Longer than anything takes; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A dispatch that never ends for want of time.
const PATIENT: Budget = Budget::new(Duration::MAX, 1024);

/// Makes a started router and its loop.
pub fn looped<S: 'static>() -> (MessageRouter<S>, TestLoop<S>) {
    let waker = CountingWaker::new();
    let router = MessageRouter::builder().budget(PATIENT).build(waker.clone());
    router.start().unwrap();
    let test_loop = TestLoop::driving(&router, waker).with_patience(PATIENCE);
    (router, test_loop)
}

/// Makes a started router whose wakes nobody hears.
pub fn started<S: 'static>() -> MessageRouter<S> {
    looped().0
}

/// Fails if `body` does not end in time. It runs on a thread of its own.
pub fn no_deadlock<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let (alive, is_over) = channel::<()>();
    let thread = thread::spawn(move || {
        let _alive = alive;
        body()
    });
    assert_eq!(is_over.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "a deadlock");
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Returns what `action` panics with.
pub fn panic_text(action: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(action)).expect_err("it panics");
    panic.downcast_ref::<&str>().map_or_else(|| "not a &str".into(), |text| (*text).into())
}

/// Counts how many of its members are alive.
#[derive(Clone, Default)]
pub struct Census(Arc<AtomicUsize>);

impl Census {
    pub fn member(&self) -> Member {
        self.0.fetch_add(1, Ordering::SeqCst);
        Member(self.0.clone())
    }

    pub fn alive(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A value that is neither `Clone` nor `Debug`, and is counted.
pub struct Member(Arc<AtomicUsize>);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
