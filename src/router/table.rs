//! The pipes of a router: the open ones, and those that are closed and whose end has not passed yet.

use std::rc::Rc;

use slab::Slab;

use crate::error::PipeError;
use crate::pipe::Endpoint;

/// An empty table larger than this gives its memory back. Some 100 KiB: programs that open and close pipes by the
/// thousand would else grow it anew each time.
const KEPT_SLOTS: usize = 4096;

/// Pipes of which a delivery is likely to find what it needs in the processor's cache: each takes some 200
/// bytes in three places.
const CACHED_PIPES: usize = 2048;
/// How many entries of the queue are looked at ahead.
pub(crate) const PREFETCHED: usize = 16;

pub(crate) struct Table<S> {
    pipes: Slab<Rc<dyn Endpoint<S>>>,
}

impl<S> Table<S> {
    pub(crate) fn new() -> Self {
        Self { pipes: Slab::new() }
    }

    /// Adds the pipe that `open` makes of its slot.
    pub(crate) fn insert<E: Endpoint<S> + 'static>(
        &mut self,
        open: impl FnOnce(u32) -> Rc<E>,
    ) -> Result<Rc<E>, PipeError> {
        let vacant = self.pipes.vacant_entry();
        let slot = u32::try_from(vacant.key()).map_err(|_| PipeError::TooManyPipes)?;
        let endpoint = open(slot);
        vacant.insert(endpoint.clone());
        Ok(endpoint)
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Rc<dyn Endpoint<S>>> {
        self.pipes.get(slot as usize)
    }

    /// Whether the pipes are so many that they hardly all lie in the processor's cache.
    #[inline]
    pub(crate) fn is_large(&self) -> bool {
        self.pipes.len() > CACHED_PIPES
    }

    /// Has the processor fetch what deliveries to these pipes need: all at once, where one after the other
    /// each would wait for the memory three times, for the slot, the endpoint and the callback.
    pub(crate) fn prefetch(&self, slots: impl Iterator<Item = u32>) {
        let mut endpoints = [const { None }; PREFETCHED];
        for (endpoint, slot) in endpoints.iter_mut().zip(slots) {
            *endpoint = self.get(slot);
        }
        endpoints.iter().flatten().for_each(|endpoint| endpoint.prefetch());
    }

    /// Frees a slot. The pipe's end must have passed, so that nothing in the queue names the slot any more.
    /// The caller drops the endpoint when it holds no borrow.
    pub(crate) fn free(&mut self, slot: u32) -> Option<Rc<dyn Endpoint<S>>> {
        let endpoint = self.pipes.try_remove(slot as usize);
        if self.pipes.is_empty() && self.pipes.capacity() > KEPT_SLOTS {
            self.pipes = Slab::new();
        }
        endpoint
    }

    pub(crate) fn take_all(&mut self) -> Vec<Rc<dyn Endpoint<S>>> {
        let pipes = std::mem::take(&mut self.pipes);
        pipes.into_iter().map(|(_, endpoint)| endpoint).collect()
    }
}
