//! The primitives that threads meet on: std's and parking_lot's, or loom's when the crate is model-checked
//! (`--cfg loom`). Whatever crosses threads takes them from here.

// The locked queue needs fewer.
#[cfg_attr(foreground_locked_queue, allow(unused_imports))]
#[cfg(not(loom))]
mod real {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::{Arc, atomic};
    #[cfg(any(feature = "bus", feature = "tasks"))]
    pub(crate) use std::thread::ThreadId;
    pub(crate) use std::thread::{Thread, current, park, park_timeout, yield_now};

    pub(crate) use parking_lot::{Condvar, Mutex};
}

#[cfg(loom)]
mod model {
    use std::ops::{Deref, DerefMut};
    use std::time::{Duration, Instant};

    pub(crate) use loom::hint::spin_loop;
    use loom::sync as inner;
    pub(crate) use loom::sync::{Arc, atomic};
    pub(crate) use loom::thread::{ThreadId, yield_now};

    loom::thread_local! {
        static PARKER: Arc<Parker> = Arc::new(Parker { token: Mutex::new(false), unparked: Condvar::new() });
    }

    /// loom's own `park` loses an `unpark` that comes while the thread waits for something else, such as a lock.
    struct Parker {
        token: Mutex<bool>,
        unparked: Condvar,
    }

    /// A thread that can be unparked.
    pub(crate) struct Thread {
        id: ThreadId,
        parker: Arc<Parker>,
    }

    impl Thread {
        pub(crate) fn id(&self) -> ThreadId {
            self.id
        }

        pub(crate) fn unpark(&self) {
            *self.parker.token.lock() = true;
            self.parker.unparked.notify_one();
        }
    }

    pub(crate) fn current() -> Thread {
        Thread { id: loom::thread::current().id(), parker: PARKER.with(Arc::clone) }
    }

    pub(crate) fn park() {
        let parker = PARKER.with(Arc::clone);
        let mut token = parker.token.lock();
        while !*token {
            parker.unparked.wait(&mut token);
        }
        *token = false;
    }

    /// A model knows no time: whoever waits for a while may be woken at once.
    pub(crate) fn park_timeout(_: Duration) {
        yield_now();
    }

    /// loom's mutex with parking_lot's interface.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(inner::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(inner::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(self.0.lock().ok())
        }
    }

    /// Empty only while a condition variable has the guard.
    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T>(Option<inner::MutexGuard<'a, T>>);

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.0.as_ref().expect("the guard is held")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("the guard is held")
        }
    }

    /// loom's condition variable with parking_lot's interface.
    #[derive(Debug)]
    pub(crate) struct Condvar(inner::Condvar);

    pub(crate) struct WaitResult;

    impl WaitResult {
        pub(crate) fn timed_out(&self) -> bool {
            false
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(inner::Condvar::new())
        }

        pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            guard.0 = guard.0.take().and_then(|guard| self.0.wait(guard).ok());
        }

        pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> WaitResult {
            self.wait(guard);
            WaitResult
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

#[cfg(loom)]
pub(crate) use self::model::*;
#[cfg(not(loom))]
pub(crate) use self::real::*;
