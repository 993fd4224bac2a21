//! The pipes of a router: the open ones, and those that are closed and whose end has not passed yet.

use std::rc::Rc;

use slab::Slab;

use crate::error::PipeError;
use crate::pipe::Endpoint;

/// An empty table larger than this gives its memory back.
const KEPT_SLOTS: usize = 256;

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
