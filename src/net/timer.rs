//! Something to be done at a time, by the I/O thread.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::reactor::Reactor;

/// A call that is to be made at a time. Dropped, it is not made, unless it is under way.
pub(crate) struct Timer {
    reactor: Arc<Reactor>,
    id: (Instant, u64),
}

impl Timer {
    /// Has the I/O thread call `action` at that time; it must not wait for anything.
    pub(crate) fn at(time: Instant, action: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let reactor = Reactor::shared()?;
        let id = reactor.call_at(time, Box::new(action));
        Ok(Self { reactor, id })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.reactor.forget_call(self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn calls_are_made_in_the_order_of_their_times_and_dropped_ones_never() {
        let (sender, called) = mpsc::channel();
        let now = Instant::now();
        let call = |name: &'static str, after| {
            let sender = sender.clone();
            Timer::at(now + Duration::from_millis(after), move || sender.send(name).unwrap()).unwrap()
        };
        let _kept = (call("third", 30), call("first", 0), call("second", 20));
        drop(call("never", 10));
        let wait = Duration::from_secs(20);
        assert_eq!([(); 3].map(|()| called.recv_timeout(wait).unwrap()), ["first", "second", "third"]);
        drop(sender);
        // A panic is the caller's own.
        let _panics = Timer::at(Instant::now(), || panic!("on purpose")).unwrap();
        let (sender, called) = mpsc::channel();
        let _later = Timer::at(Instant::now(), move || sender.send(()).unwrap()).unwrap();
        called.recv_timeout(wait).unwrap();
    }
}
