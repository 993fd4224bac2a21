//! How a router tells a sleeping event loop that there is something to dispatch.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

/// Wakes the event loop of the foreground from any thread.
///
/// A wake carries no data: it makes the loop turn once more, so that it calls
/// [`dispatch`](crate::MessageRouter::dispatch). The router wakes once for a burst of messages, and
/// may wake when there turns out to be nothing to do.
///
/// Implemented for closures, [`Arc`] of a waker, `Box<dyn Waker>`, [`std::thread::Thread`] (which unparks
/// it), [`std::task::Waker`], and the proxies of the hosts in [`event_loop`](crate::event_loop).
///
/// A [`Thread`](std::thread::Thread) has one token for all who unpark it, and whoever parks takes it. So between
/// [`settle`](crate::MessageRouter::settle) and [`park`](std::thread::park) no code must run that may park itself, as that of
/// a lock or a channel of the standard library, a logger or a callback may: it would take the token of a wake, and the thread
/// would sleep over a message. Where such code cannot be avoided, settle twice before parking: a wake that led to no dispatch
/// by the second time is sent again.
///
/// # What an implementation must keep
/// - `wake` is called on whatever thread sends, sometimes on the foreground itself, never with a lock
///   of this crate held. It should return quickly and must not wait for the foreground.
/// - After the loop has ended, `wake` does nothing.
/// - A waker must not own a sender of its own router: the two would keep each other alive for ever.
/// - A panic in `wake` is caught and logged; the message stays queued, and the next send wakes again.
///
/// # Examples
///
/// ```
/// use foreground::MessageRouter;
///
/// // A thread that parks between two turns of its own loop:
/// let router: MessageRouter = MessageRouter::new(std::thread::current());
///
/// // A toolkit that takes a closure:
/// let router: MessageRouter = MessageRouter::new(|| { /* toolkit::request_turn() */ });
/// # drop(router);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot wake an event loop",
    note = "a closure can, if it is `Fn() + Send + Sync + 'static`",
    note = "winit's `EventLoopProxy<E>` can, if `E` is `()` or `Wakeup`, or has `impl From<Wakeup> for E`"
)]
pub trait Waker: Send + Sync + 'static {
    /// Makes the event loop turn once more.
    fn wake(&self);
}

impl<F: Fn() + Send + Sync + 'static> Waker for F {
    fn wake(&self) {
        self();
    }
}

impl<W: Waker + ?Sized> Waker for Arc<W> {
    fn wake(&self) {
        (**self).wake();
    }
}

/// A waker that can be switched off, for the test of what a loop does that nobody wakes.
#[derive(Default)]
pub(crate) struct SwitchedWaker {
    /// The one of a router.
    waker: OnceLock<Box<dyn Waker>>,
    is_off: AtomicBool,
}

impl SwitchedWaker {
    /// Returns the waker that `waker` is to be replaced by: this one, if it has none yet.
    pub(crate) fn connect(self: Arc<Self>, waker: Box<dyn Waker>) -> Box<dyn Waker> {
        match self.waker.set(waker) {
            Ok(()) => Box::new(self),
            Err(waker) => waker,
        }
    }

    pub(crate) fn switch_off(&self) {
        // Relaxed, here and below: a wake that slips through is a wake too many.
        self.is_off.store(true, Relaxed);
    }

    /// Wakes, in place of what was held back.
    pub(crate) fn switch_on(&self) {
        self.is_off.store(false, Relaxed);
        self.wake();
    }
}

impl Waker for SwitchedWaker {
    fn wake(&self) {
        if let Some(waker) = self.waker.get().filter(|_| !self.is_off.load(Relaxed)) {
            waker.wake();
        }
    }
}

impl Waker for Box<dyn Waker> {
    fn wake(&self) {
        (**self).wake();
    }
}

impl Waker for std::thread::Thread {
    fn wake(&self) {
        self.unpark();
    }
}

impl Waker for std::task::Waker {
    fn wake(&self) {
        self.wake_by_ref();
    }
}
