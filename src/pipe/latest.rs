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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::hub::Hub;
    use crate::pipe::{Kind, PipeId};
    use crate::queue::LaneId;

    #[test]
    fn a_value_that_comes_just_after_the_close_is_given_back() {
        let hub = Arc::new(Hub::new(Box::new(|| {}), None, Clock::System));
        let epoch = hub.queue.epoch();
        let id = PipeId { slot: 0, generation: 1 };
        let conduit = Conduit::new(hub, id, LaneId(0), epoch, Kind::Latest(Box::new(Latest::new())));
        let Kind::Latest(latest) = &conduit.kind else { unreachable!("made so above") };
        assert_eq!(latest.replace(&conduit, 1), Ok(()));
        assert_eq!(latest.close(), Some(1));
        // The sender had looked before the close, as only another thread can.
        assert_eq!(latest.replace(&conduit, 2), Err(2));
        assert_eq!(latest.close(), None);
    }
}
