//! What a latest pipe keeps on the sender's side: one value is on its way at most; of those that come meanwhile the newest follows.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::super::connection::ConnectionLink;
use super::super::error::RemoteSendErrorKind;
use crate::net::{When, is_io_thread};

#[derive(Default)]
pub(super) struct Newest {
    /// Held from the choice of a value until it is sent, so that none is overtaken, and the end by none. Sending may close the connection,
    /// which takes `state`.
    order: Mutex<()>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Values of which the router has not said that they have come: one, and two after the end.
    under_way: u32,
    /// What follows once the value before has come.
    waiting: Option<Vec<u8>>,
    /// Nothing can be sent any more.
    is_closed: bool,
}

impl Newest {
    /// Sends a value, or keeps it in the place of the one before.
    pub(super) fn send(&self, link: &ConnectionLink, bytes: Vec<u8>) -> Result<(), RemoteSendErrorKind> {
        let _order = self.order.lock();
        let mut state = self.state.lock();
        if state.under_way > 0 {
            state.waiting = Some(bytes);
            return Ok(());
        }
        state.under_way = 1;
        drop(state);
        link.send(bytes, When::Now).map_err(|_| RemoteSendErrorKind::Closed)
    }

    /// A value that was on its way has come. False if there was none.
    pub(super) fn came(&self, link: &ConnectionLink) -> bool {
        let _order = self.order.lock();
        let mut state = self.state.lock();
        let Some(left) = state.under_way.checked_sub(1) else { return false };
        let waiting = state.waiting.take();
        state.under_way = left + u32::from(waiting.is_some());
        drop(state);
        if let Some(bytes) = waiting {
            // If this fails, the connection has ended, which is told elsewhere.
            let _ = link.send(bytes, When::Now);
            self.changed.notify_all();
        }
        true
    }

    /// Sends what is left, and then the end.
    pub(super) fn end(&self, link: &ConnectionLink, end: Vec<u8>) {
        let _order = self.order.lock();
        let mut state = self.state.lock();
        let waiting = state.waiting.take();
        state.under_way += u32::from(waiting.is_some());
        drop(state);
        for bytes in waiting.into_iter().chain([end]) {
            // As above.
            let _ = link.send(bytes, When::Now);
        }
        self.changed.notify_all();
    }

    /// Waits until no value is kept here. False when the time has come before, or when it never will be sent.
    pub(super) fn wait_sent(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while state.waiting.is_some() && !state.is_closed && !is_io_thread() {
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        let is_sent = state.waiting.is_none();
        drop(state);
        // Whoever took it out may be just about to send it.
        drop(self.order.lock());
        is_sent
    }

    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }
}
