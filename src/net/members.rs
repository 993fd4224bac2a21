//! The connections of a listener, so that they can be ended together.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use slab::Slab;

use super::link::{Link, Protocol};

/// The connections that live.
pub(crate) struct Members<P: Protocol>(Arc<Mutex<Slab<Weak<Link<P>>>>>);

/// A connection's place among them, until it is dropped.
pub(crate) struct Membership<P: Protocol> {
    members: Members<P>,
    key: usize,
}

impl<P: Protocol> Members<P> {
    /// Makes a place, which is taken by `enter`.
    pub(crate) fn admit(&self) -> Membership<P> {
        let key = self.0.lock().insert(Weak::new());
        Membership { members: self.clone(), key }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Link<P>>> {
        self.0.lock().iter().filter_map(|(_, member)| member.upgrade()).collect()
    }
}

impl<P: Protocol> Default for Members<P> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<P: Protocol> Clone for Members<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Protocol> Membership<P> {
    pub(crate) fn enter(&self, link: &Arc<Link<P>>) {
        if let Some(place) = self.members.0.lock().get_mut(self.key) {
            *place = Arc::downgrade(link);
        }
    }
}

impl<P: Protocol> Drop for Membership<P> {
    fn drop(&mut self) {
        self.members.0.lock().remove(self.key);
    }
}
