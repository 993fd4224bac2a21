//! Where a router reads the time.

use std::time::Instant;

/// The clock of a router.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    System,
}

impl Clock {
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
        }
    }
}
