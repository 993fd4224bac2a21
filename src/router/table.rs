//! The open pipes of a router.

use std::rc::Rc;

use slab::Slab;

use crate::error::PipeError;
use crate::pipe::{Endpoint, PipeId};

/// An empty table larger than this gives its memory back.
const KEPT_SLOTS: usize = 256;

pub(crate) struct Table<S> {
    pipes: Slab<Pipe<S>>,
    generation: u32,
}

struct Pipe<S> {
    generation: u32,
    endpoint: Rc<dyn Endpoint<S>>,
}

impl<S> Table<S> {
    pub(crate) fn new() -> Self {
        Self { pipes: Slab::new(), generation: 0 }
    }

    /// Adds the pipe that `open` makes of its id.
    pub(crate) fn insert<E: Endpoint<S> + 'static>(
        &mut self,
        open: impl FnOnce(PipeId) -> Rc<E>,
    ) -> Result<Rc<E>, PipeError> {
        let vacant = self.pipes.vacant_entry();
        let slot = u32::try_from(vacant.key()).map_err(|_| PipeError::TooManyPipes)?;
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let endpoint = open(PipeId { slot, generation });
        vacant.insert(Pipe { generation, endpoint: endpoint.clone() });
        Ok(endpoint)
    }

    #[inline]
    pub(crate) fn get(&self, id: PipeId) -> Option<Rc<dyn Endpoint<S>>> {
        let pipe = self.pipes.get(id.slot as usize)?;
        (pipe.generation == id.generation).then(|| Rc::clone(&pipe.endpoint))
    }

    pub(crate) fn remove(&mut self, id: PipeId) -> Option<Rc<dyn Endpoint<S>>> {
        if self.pipes.get(id.slot as usize)?.generation != id.generation {
            return None;
        }
        let pipe = self.pipes.try_remove(id.slot as usize)?;
        if self.pipes.is_empty() && self.pipes.capacity() > KEPT_SLOTS {
            self.pipes = Slab::new();
        }
        Some(pipe.endpoint)
    }

    pub(crate) fn take_all(&mut self) -> Vec<Rc<dyn Endpoint<S>>> {
        let pipes = std::mem::take(&mut self.pipes);
        pipes.into_iter().map(|(_, pipe)| pipe.endpoint).collect()
    }
}
