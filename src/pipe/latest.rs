//! The slot of a latest-value pipe.

use crate::queue::{Place, Queue};
use crate::sync::Mutex;

pub(crate) struct Latest<T> {
    slot: Mutex<Slot<T>>,
}

struct Slot<T> {
    /// The newest value that was not delivered, and where in the queue it is due.
    value: Option<(T, Place)>,
    closed: bool,
}

impl<T: Send + 'static> Latest<T> {
    pub(crate) fn new() -> Self {
        Self { slot: Mutex::new(Slot { value: None, closed: false }) }
    }

    /// Puts a value in the place of the one that waits, due where it was sent and not where the old
    /// one was: a message sent before it on another pipe is still delivered before it.
    pub(crate) fn replace(&self, queue: &Queue, pipe: u32, value: T) -> Result<(), T> {
        let replaced = self.replace_silently(queue, pipe, value)?;
        queue.wake_if_asleep();
        drop(replaced);
        Ok(())
    }

    /// Does the same, but that the caller is to wake the foreground. Returns the value that was replaced.
    pub(crate) fn replace_silently(&self, queue: &Queue, pipe: u32, value: T) -> Result<Option<T>, T> {
        // Lock order: slot, then queue. The foreground never holds the queue's lock when it takes a
        // slot's.
        let mut slot = self.slot.lock();
        if slot.closed {
            return Err(value);
        }
        let old = slot.value.as_ref().map(|(_, place)| *place);
        let Ok(place) = queue.push_latest(pipe, old) else {
            return Err(value);
        };
        Ok(slot.value.replace((value, place)).map(|(value, _)| value))
    }

    /// Takes the value that is due at `place`, unless a newer one is due later.
    pub(crate) fn take(&self, place: Place) -> Option<T> {
        let mut slot = self.slot.lock();
        if slot.value.as_ref()?.1 != place {
            return None;
        }
        slot.value.take().map(|(value, _)| value)
    }

    /// Takes no value from now on; returns the one that waits.
    pub(crate) fn close(&self) -> Option<T> {
        let mut slot = self.slot.lock();
        slot.closed = true;
        slot.value.take().map(|(value, _)| value)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::notifier::Notifier;
    use crate::queue::Backlog;
    use crate::sync::Arc;

    #[test]
    fn a_value_that_comes_just_after_the_close_is_given_back() {
        let backlog = Backlog::new(Arc::new(Notifier::silent()));
        let queue = backlog.queue();
        let latest = Latest::new();
        assert_eq!(latest.replace(queue, 0, 1), Ok(()));
        assert_eq!(latest.close(), Some(1));
        // The sender had looked before the close, as only another thread can.
        assert_eq!(latest.replace(queue, 0, 2), Err(2));
        assert_eq!(latest.close(), None);
    }
}
