//! What the tests share: an event loop without a window, a look at the log, counted drops.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Once};
use std::time::Duration;

use foreground::{Budget, MessageRouter};

/// Longer than anything takes; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An event loop that sleeps until it is woken, as a GUI's does, and nothing else.
pub struct TestLoop {
    wakes: mpsc::Receiver<()>,
}

impl TestLoop {
    /// Makes a started router and its loop.
    pub fn with_router<S: 'static>() -> (MessageRouter<S>, Self) {
        Self::with_budget(PATIENT)
    }

    pub fn with_budget<S: 'static>(budget: Budget) -> (MessageRouter<S>, Self) {
        let (wake, wakes) = mpsc::channel();
        let router = MessageRouter::builder().budget(budget).build(move || {
            // The loop may be gone already.
            let _ = wake.send(());
        });
        router.start().unwrap();
        (router, Self { wakes })
    }

    /// Runs the loop until the condition holds. Panics if it is not woken in time.
    pub fn run_until<S: 'static>(
        &self,
        router: &MessageRouter<S>,
        state: &mut S,
        mut condition: impl FnMut(&mut S) -> bool,
    ) {
        while !condition(state) {
            self.wakes.recv_timeout(PATIENCE).expect("the loop is woken while there is work");
            router.dispatch(state);
            router.settle();
        }
    }

    /// Runs the loop while a wake is waiting for it; then it would sleep.
    pub fn run_until_idle<S: 'static>(&self, router: &MessageRouter<S>, state: &mut S) {
        while self.wakes.try_recv().is_ok() {
            router.dispatch(state);
            router.settle();
        }
    }

    /// Counts the wakes that wait for the loop, and forgets them.
    pub fn count_wakes(&self) -> usize {
        self.wakes.try_iter().count()
    }
}

/// A dispatch that never ends for want of time: on a busy machine, or while the backtrace of a panic is
/// printed, the ordinary 4 ms are over soon.
const PATIENT: Budget = Budget::new(Duration::MAX, 1024);

/// Makes a started router whose wakes nobody hears.
pub fn started<S: 'static>() -> MessageRouter<S> {
    let router = MessageRouter::builder().budget(PATIENT).build(|| {});
    router.start().unwrap();
    router
}

thread_local! {
    static LOG: RefCell<Vec<(log::Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct ThreadLog;

impl log::Log for ThreadLog {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LOG.with_borrow_mut(|log| log.push((record.level(), record.args().to_string())));
    }

    fn flush(&self) {}
}

/// Returns what this thread logged while `action` ran.
pub fn logged_by(action: impl FnOnce()) -> Vec<(log::Level, String)> {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        log::set_logger(&ThreadLog).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
    LOG.take();
    action();
    LOG.take()
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
