//! The slot of a latest-value pipe.

use parking_lot::Mutex;

use super::Conduit;
use crate::queue::Place;

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
    pub(crate) fn replace(&self, conduit: &Conduit<T>, value: T) -> Result<(), T> {
        // Lock order: slot, then queue. The foreground never holds the queue's lock when it takes a
        // slot's.
        let mut slot = self.slot.lock();
        if slot.closed {
            return Err(value);
        }
        let old = slot.value.as_ref().map(|(_, place)| *place);
        let Ok(place) = conduit.hub.queue.push_latest(conduit.id, conduit.epoch, old) else {
            return Err(value);
        };
        let replaced = slot.value.replace((value, place));
        drop(slot);
        conduit.hub.notifier.notify();
        drop(replaced);
        Ok(())
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
