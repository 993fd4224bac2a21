//! The connections of a listener, so that they can be ended together.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use slab::Slab;

use super::connection::Connection;

/// The connections that live.
#[derive(Clone, Default)]
pub(super) struct Members(Arc<Mutex<Slab<Weak<Connection>>>>);

/// A connection's place among them, until it is dropped.
pub(super) struct Membership {
    members: Members,
    key: usize,
}

impl Members {
    /// Makes a place, which is taken by `enter`.
    pub(super) fn admit(&self) -> Membership {
        let key = self.0.lock().insert(Weak::new());
        Membership { members: self.clone(), key }
    }

    pub(super) fn all(&self) -> Vec<Arc<Connection>> {
        self.0.lock().iter().filter_map(|(_, member)| member.upgrade()).collect()
    }
}

impl Membership {
    pub(super) fn enter(&self, connection: &Arc<Connection>) {
        if let Some(place) = self.members.0.lock().get_mut(self.key) {
            *place = Arc::downgrade(connection);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.members.0.lock().remove(self.key);
    }
}
