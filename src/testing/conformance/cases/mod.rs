//! The plays, one file each: `begin` opens pipes and starts threads, `judge` looks at what is left when the loop has ended.

mod burst;
mod close;
mod flood;
mod idle;
mod kept;
mod leftover;
mod order;
mod phases;
mod reentrancy;
mod unwoken;

use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(super) use self::burst::Burst;
pub(super) use self::close::Close;
pub(super) use self::flood::Flood;
pub(super) use self::idle::{Hidden, Idle};
pub(super) use self::kept::Kept;
pub(super) use self::leftover::Leftover;
pub(super) use self::order::Order;
pub(super) use self::phases::Phases;
pub(super) use self::reentrancy::Reentrancy;
pub(super) use self::unwoken::Unwoken;
use super::verdict::Faults;
use super::{Host, Play};
use crate::{Budget, MessageRouter};

/// How long a thread waits for the loop to do what it is bound to do.
const PATIENCE: Duration = Duration::from_secs(20);

/// A play. Its callbacks share it.
pub(super) trait Case: Default + 'static {
    const NAME: &'static str;
    const TICKS: bool = false;
    const IS_HIDDEN: bool = false;

    fn budget() -> Budget {
        Budget::default()
    }

    fn begin<S: AsMut<Play> + 'static>(self: Rc<Self>, state: &mut S, router: &MessageRouter<S>);

    fn judge<H: Host>(&self, state: &mut H::State, router: &MessageRouter<H::State>);
}

/// Starts a thread; if it panics, that is a fault.
fn worker<R: Send + 'static>(
    faults: &Faults,
    work: impl FnOnce(&Faults) -> R + Send + 'static,
) -> JoinHandle<R> {
    struct Watched(Faults);
    impl Drop for Watched {
        fn drop(&mut self) {
            self.0.check(!thread::panicking(), "a worker panicked");
        }
    }
    let watched = Watched(faults.clone());
    thread::spawn(move || work(&watched.0))
}

/// Keeps the processor busy, as a callback with work to do.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Judges that all that was sent has been delivered.
fn all_delivered<S>(faults: &Faults, router: &MessageRouter<S>) {
    let stats = router.stats();
    faults.check(
        stats.delivered == stats.sent && stats.queued == 0,
        format_args!("{} were sent, and {} delivered; {} wait", stats.sent, stats.delivered, stats.queued),
    );
}
