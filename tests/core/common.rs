//! What the tests share: routers and their loops, a look at the log, counted drops.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use foreground::testing::{CountingWaker, TestLoop, VirtualClock};
use foreground::{Budget, MessageRouter};

/// Longer than anything takes; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Makes a started router and its loop. The router goes by the system's clock, as a program's does.
pub fn looped<S: 'static>() -> (MessageRouter<S>, TestLoop<S>) {
    looped_within(PATIENT)
}

pub fn looped_within<S: 'static>(budget: Budget) -> (MessageRouter<S>, TestLoop<S>) {
    let waker = CountingWaker::new();
    let router = MessageRouter::builder().budget(budget).build(waker.clone());
    router.start().unwrap();
    let test_loop = TestLoop::driving(&router, waker).with_patience(PATIENCE);
    (router, test_loop)
}

/// Makes a started router whose wakes nobody hears, and whose time moves only when told to.
pub fn timed<S: 'static>(budget: Budget) -> (MessageRouter<S>, VirtualClock) {
    let clock = VirtualClock::new();
    let router = MessageRouter::builder().budget(budget).clock(clock.clone()).build(|| {});
    router.start().unwrap();
    (router, clock)
}

/// A dispatch that never ends for want of time: on a busy machine, or while the backtrace of a panic is
/// printed, the ordinary 4 ms are over soon.
pub const PATIENT: Budget = Budget::new(Duration::MAX, 1024);

/// Makes a started router whose wakes nobody hears.
pub fn started<S: 'static>() -> MessageRouter<S> {
    let router = MessageRouter::builder().budget(PATIENT).build(|| {});
    router.start().unwrap();
    router
}

thread_local! {
    static LOG: RefCell<Vec<(log::Level, String)>> = const { RefCell::new(Vec::new()) };
    static LOGGER_PANICS: Cell<bool> = const { Cell::new(false) };
}

struct ThreadLog;

impl log::Log for ThreadLog {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LOG.with_borrow_mut(|log| log.push((record.level(), record.args().to_string())));
        if record.level() == log::Level::Warn && LOGGER_PANICS.get() {
            panic!("the logger");
        }
    }

    fn flush(&self) {}
}

/// Returns what this thread logged while `action` ran, but for traces.
pub fn logged_by(action: impl FnOnce()) -> Vec<(log::Level, String)> {
    let mut log = traced_by(action);
    log.retain(|(level, _)| *level != log::Level::Trace);
    log
}

/// Returns all that this thread logged while `action` ran.
pub fn traced_by(action: impl FnOnce()) -> Vec<(log::Level, String)> {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        log::set_logger(&ThreadLog).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    LOG.take();
    action();
    LOG.take()
}

/// Does `action` while this thread's logger panics at each warning.
pub fn with_a_logger_that_panics(action: impl FnOnce()) {
    logged_by(|| {
        LOGGER_PANICS.set(true);
        action();
        LOGGER_PANICS.set(false);
    });
}

/// Counts its instances alive.
#[derive(Clone, Default)]
pub struct Census(Arc<AtomicUsize>);

impl Census {
    pub fn member(&self) -> Member {
        self.0.fetch_add(1, Ordering::SeqCst);
        Member(Arc::clone(&self.0))
    }

    pub fn alive(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Counted while it lives.
#[derive(Debug)]
pub struct Member(Arc<AtomicUsize>);

impl Drop for Member {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
