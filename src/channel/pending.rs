//! The requests that have been sent and not been replied to.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::slot::{Failure, Outcome, ReplySlot};
use crate::net::Disconnect;

#[derive(Default)]
pub(super) struct Pending(Mutex<Table>);

#[derive(Default)]
struct Table {
    /// Ids count up and are used once: the reply to a request that was given up is nobody's, however late it comes.
    next: u64,
    requests: HashMap<u64, Arc<ReplySlot>>,
    /// How many of them nobody has begun to wait for.
    unwaited: usize,
    closed: Option<Disconnect>,
}

impl Pending {
    /// The id of the next request.
    pub(super) fn next_id(&self) -> u64 {
        let mut table = self.0.lock();
        let id = table.next;
        table.next += 1;
        id
    }

    /// Expects the reply to `id`, unless no reply can come any more. Returns how many are expected for which nobody waits.
    pub(super) fn insert(&self, id: u64, slot: Arc<ReplySlot>) -> Result<usize, Disconnect> {
        let mut table = self.0.lock();
        if let Some(reason) = &table.closed {
            return Err(reason.clone());
        }
        table.requests.insert(id, slot);
        table.unwaited += 1;
        Ok(table.unwaited)
    }

    /// Somebody begins to wait, or does not want the reply any more. To be called once for each request.
    pub(super) fn waited(&self) {
        self.0.lock().unwaited -= 1;
    }

    /// The reply to `id` has come, or nobody waits for it any more.
    pub(super) fn remove(&self, id: u64) -> Option<Arc<ReplySlot>> {
        self.0.lock().requests.remove(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().requests.is_empty()
    }

    /// No reply comes any more.
    pub(super) fn close(&self, reason: &Disconnect) {
        let mut table = self.0.lock();
        if table.closed.is_some() {
            return;
        }
        table.closed = Some(reason.clone());
        let requests = std::mem::take(&mut table.requests);
        drop(table);
        for slot in requests.into_values() {
            let outcome: Outcome = Err(Failure::Disconnected(reason.clone()));
            slot.complete(outcome);
        }
    }
}
