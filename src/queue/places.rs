//! Where latest values are due.

use std::collections::BTreeMap;

/// The place of a latest value in the queue, for which it is due. Ordered as the queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The position of the entry before which the value is due.
    pub(super) position: u64,
    /// Orders places before the same entry.
    pub(super) ticket: u64,
}

/// The places of a queue, with the slot of the pipe whose value is due there. The values themselves stay with
/// their pipes, so replacing one moves a place and costs no memory.
#[derive(Default)]
pub(super) struct Places {
    due: BTreeMap<Place, u32>,
    tickets: u64,
    pub(super) sent: u64,
    pub(super) replaced: u64,
}

impl Places {
    /// Counts a value, and finds its place: at `position`, behind all other places there. The one at `old` is
    /// outdated by it.
    pub(super) fn put(&mut self, position: u64, slot: u32, old: Option<Place>) -> Place {
        self.sent += 1;
        if let Some(old) = old {
            self.replaced += 1;
            // The place can stay, if nothing was queued since.
            let last = self.due.last_key_value().map(|(last, _)| *last);
            if last == Some(old) && old.position == position {
                return old;
            }
            self.due.remove(&old);
        }
        self.tickets += 1;
        let place = Place { position, ticket: self.tickets };
        self.due.insert(place, slot);
        place
    }

    pub(super) fn first(&self) -> Option<(Place, u32)> {
        self.due.first_key_value().map(|(place, slot)| (*place, *slot))
    }

    pub(super) fn remove(&mut self, place: Place) {
        self.due.remove(&place);
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// The last place there is if values come at `position` now: every place of a later value is behind it.
    pub(super) fn end(&self, position: u64) -> Place {
        let end = Place { position, ticket: 0 };
        self.due.last_key_value().map_or(end, |(last, _)| end.max(*last))
    }
}
