//! How much a sender may send before the router says more.

use super::super::error::RemoteSendErrorKind;
use super::super::wire::{self, Capacity};
use super::newest::Newest;
use crate::net::Disconnect;
use crate::pipe::{Bound, NoRoom, Wait};

/// By the kind of the pipe.
pub(super) enum Room {
    Any,
    /// As much as the router has not said that it was taken out, which is counted as in a pipe of one process.
    Bounded(Bound),
    Latest(Newest),
}

impl Room {
    pub(super) fn of(capacity: Capacity) -> Self {
        match capacity {
            Capacity::Any => Self::Any,
            Capacity::Bounded(capacity) => Self::Bounded(Bound::new(capacity as usize)),
            Capacity::Latest => Self::Latest(Newest::default()),
        }
    }

    /// Nothing can be sent any more: whoever waits is told so.
    pub(super) fn close(&self) {
        match self {
            Self::Any => {}
            Self::Bounded(bound) => bound.close(),
            Self::Latest(newest) => newest.close(),
        }
    }
}

pub(super) fn acquire(bound: &Bound, wait: Wait) -> Result<(), RemoteSendErrorKind> {
    bound.acquire(wait).map_err(|refusal| match (refusal, wait) {
        (NoRoom::Closed, _) => RemoteSendErrorKind::Closed,
        (NoRoom::Full, Wait::Until(_)) => RemoteSendErrorKind::TimedOut,
        (NoRoom::Full, Wait::Never | Wait::Forever) => RemoteSendErrorKind::Full,
    })
}

/// What is wrong with a router that gives room which nothing takes.
pub(super) fn too_much() -> Disconnect {
    wire::malformed("more room than was taken")
}
