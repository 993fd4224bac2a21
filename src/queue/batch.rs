//! A stretch of the queue: filled by the senders, then handed whole to the foreground.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::mem;

use super::{Entry, LaneId, Place};
use crate::pipe::{PipeEnd, PipeId};

/// How much empty memory a batch keeps for the next burst, in bytes.
const KEPT_BYTES: usize = 256 * 1024;
/// How much of it a single lane may keep when that is too much.
const KEPT_LANE_BYTES: usize = 16 * 1024;

/// Whose turn it is.
#[derive(Clone, Copy)]
enum Token {
    /// The next `count` messages of `lane` belong to `pipe`.
    Messages {
        pipe: PipeId,
        lane: LaneId,
        count: u32,
    },
    End {
        pipe: PipeId,
        end: PipeEnd,
    },
}

#[derive(Default)]
pub(super) struct Batch {
    tokens: Vec<Token>,
    /// The token at the front; those before it are done with.
    cursor: usize,
    /// By [`LaneId`]; a lane is made when its first message comes.
    lanes: Vec<Option<Box<dyn Lane>>>,
    latest: BTreeMap<Place, PipeId>,
    /// Whether the last token may not grow, because a latest value is due after it.
    sealed: bool,
}

impl Batch {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.cursor == self.tokens.len() && self.latest.is_empty()
    }

    // Producers.

    #[inline]
    pub(super) fn push<T: Send + 'static>(&mut self, pipe: PipeId, lane: LaneId, message: T) {
        match self.tokens.last_mut() {
            Some(Token::Messages { pipe: last, count, .. })
                if *last == pipe && *count < u32::MAX && !self.sealed =>
            {
                *count += 1;
            }
            _ => {
                self.tokens.push(Token::Messages { pipe, lane, count: 1 });
                self.sealed = false;
            }
        }
        self.lane_mut::<T>(lane).push_back(message);
    }

    pub(super) fn push_end(&mut self, pipe: PipeId, end: PipeEnd) {
        self.tokens.push(Token::End { pipe, end });
        self.sealed = false;
    }

    pub(super) fn push_latest(&mut self, pipe: PipeId, batch: u64, ticket: u64) -> Place {
        let place = Place { batch, before: self.tokens.len(), ticket };
        self.latest.insert(place, pipe);
        self.sealed = true;
        place
    }

    /// Returns whether nothing was queued after `place`.
    pub(super) fn is_last(&self, place: Place) -> bool {
        place.before == self.tokens.len()
            && self.latest.last_key_value().is_some_and(|(last, _)| *last == place)
    }

    pub(super) fn remove_latest(&mut self, place: Place) {
        self.latest.remove(&place);
    }

    // The consumer.

    #[inline]
    pub(super) fn front(&self) -> Option<Entry> {
        if !self.latest.is_empty()
            && let Some((&place, &pipe)) = self.latest.first_key_value()
            && place.before <= self.cursor
        {
            return Some(Entry::Latest(pipe, place));
        }
        Some(match *self.tokens.get(self.cursor)? {
            Token::Messages { pipe, .. } => Entry::Message(pipe),
            Token::End { pipe, end } => Entry::End(pipe, end),
        })
    }

    #[inline]
    pub(super) fn take<T: Send + 'static>(&mut self, pipe: PipeId) -> Option<T> {
        if self.front()? != Entry::Message(pipe) {
            return None;
        }
        let lane = self.count_off(1)?.1;
        self.lane_mut::<T>(lane).pop_front()
    }

    pub(super) fn pass_end(&mut self) {
        debug_assert!(matches!(self.tokens.get(self.cursor), Some(Token::End { .. })));
        self.cursor += 1;
    }

    pub(super) fn discard(&mut self, most: usize) -> (usize, Box<dyn Any>) {
        let Some((count, lane)) = self.count_off(most) else {
            return (0, Box::new(()));
        };
        let lane = self.lanes.get_mut(lane.0 as usize).and_then(Option::as_mut);
        (count, lane.map_or_else(|| Box::new(()) as Box<dyn Any>, |lane| lane.split_front(count)))
    }

    /// Takes up to `most` messages off the count of the front token.
    #[inline]
    fn count_off(&mut self, most: usize) -> Option<(usize, LaneId)> {
        let Token::Messages { lane, count, .. } = self.tokens.get_mut(self.cursor)? else {
            return None;
        };
        let taken = most.min(*count as usize);
        *count -= taken as u32;
        let lane = *lane;
        if *count == 0 {
            self.cursor += 1;
        }
        Some((taken, lane))
    }

    /// Makes an empty batch ready to be filled again, and lets go of memory that only a flood needed.
    pub(super) fn recycle(&mut self) {
        debug_assert!(self.is_empty());
        self.tokens.clear();
        self.cursor = 0;
        self.sealed = false;
        let lanes = self.lanes.iter().flatten();
        let token_bytes = self.tokens.capacity() * size_of::<Token>();
        let kept = token_bytes + lanes.map(|lane| lane.capacity_bytes()).sum::<usize>();
        if kept > KEPT_BYTES {
            self.tokens.shrink_to(KEPT_LANE_BYTES / size_of::<Token>());
            for lane in self.lanes.iter_mut().flatten() {
                lane.shrink(KEPT_LANE_BYTES);
            }
        }
    }

    #[inline]
    fn lane_mut<T: Send + 'static>(&mut self, id: LaneId) -> &mut VecDeque<T> {
        let index = id.0 as usize;
        if self.lanes.get(index).is_none_or(Option::is_none) {
            self.add_lane::<T>(index);
        }
        let lane: Option<&mut dyn Any> = match self.lanes.get_mut(index) {
            Some(Some(lane)) => Some(lane.as_mut()),
            _ => None,
        };
        lane.and_then(|lane| lane.downcast_mut()).expect("the router gives each type a lane of its own")
    }

    #[cold]
    fn add_lane<T: Send + 'static>(&mut self, index: usize) {
        if self.lanes.len() <= index {
            self.lanes.resize_with(index + 1, || None);
        }
        self.lanes[index] = Some(Box::new(VecDeque::<T>::new()));
    }
}

/// The messages of one type.
trait Lane: Any + Send {
    fn capacity_bytes(&self) -> usize;
    fn shrink(&mut self, bytes: usize);
    fn split_front(&mut self, count: usize) -> Box<dyn Any>;
}

impl<T: Send + 'static> Lane for VecDeque<T> {
    fn capacity_bytes(&self) -> usize {
        self.capacity().saturating_mul(size_of::<T>())
    }

    fn shrink(&mut self, bytes: usize) {
        self.shrink_to(bytes / size_of::<T>().max(1));
    }

    fn split_front(&mut self, count: usize) -> Box<dyn Any> {
        if count == self.len() {
            return Box::new(mem::take(self));
        }
        Box::new(self.drain(..count).collect::<Vec<T>>())
    }
}
