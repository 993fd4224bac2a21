//! The part of a router that the background shares with it.

use std::fmt;

use crate::clock::Clock;
use crate::notifier::Notifier;
use crate::queue::Queue;
use crate::waker::Waker;

pub(crate) struct Hub {
    pub(crate) queue: Queue,
    pub(crate) notifier: Notifier,
    pub(crate) clock: Clock,
    name: Option<Box<str>>,
}

impl Hub {
    pub(crate) fn new(waker: Box<dyn Waker>, name: Option<Box<str>>, clock: Clock) -> Self {
        Self { queue: Queue::new(), notifier: Notifier::new(waker, clock.clone()), clock, name }
    }

    /// The router's name for log messages.
    pub(crate) fn label(&self) -> impl fmt::Display {
        let name = self.name.as_deref().unwrap_or("unnamed");
        format!("router {name:?}")
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
