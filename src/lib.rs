#![doc = include_str!("docs/crate.md")]
#![deny(unsafe_code)]
#![warn(unreachable_pub)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod budget;
#[cfg(feature = "bus")]
pub mod bus;
#[cfg(feature = "channel")]
pub mod channel;
mod clock;
mod error;
pub mod event_loop;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "net")]
pub mod net;
mod notifier;
mod pipe;
mod prefetch;
#[cfg(feature = "process")]
pub mod process;
#[cfg(any(feature = "nats", feature = "zmq"))]
pub mod pubsub;
mod queue;
#[cfg(feature = "transport")]
mod room;
mod router;
#[cfg(any(feature = "http", feature = "nats", feature = "zmq"))]
mod runtime;
#[cfg(any(feature = "channel", feature = "transport"))]
mod serving;
mod sync;
#[cfg(feature = "tasks")]
pub mod tasks;
pub mod testing;
#[cfg(feature = "transport")]
pub mod transport;
mod waker;
mod watchdog;
#[cfg(feature = "zmq")]
pub mod zmq;

pub use crate::budget::Budget;
pub use crate::error::{
    ClosePipeError, PipeError, RouteUntilError, SendError, SendTimeoutError, StartError, StopError,
    TrySendError,
};
pub use crate::pipe::{MessageReceiver, MessageSender, PipeEnd, Refusal, StartedSender};
pub use crate::router::{Dispatched, MessageRouter, MessageRouterBuilder, RouterStats};
pub use crate::waker::Waker;

/// Essays: how the crate is built, and how to use it well.
pub mod guide {
    #[doc = include_str!("docs/from_a_worker_to_the_window.md")]
    pub mod from_a_worker_to_the_window {}
    #[doc = include_str!("docs/hosts.md")]
    #[doc = include_str!("../docs/pictures_of_hosts.md")]
    pub mod hosts {}
    #[doc = include_str!("docs/choosing_a_pipe.md")]
    pub mod choosing_a_pipe {}
    #[doc = include_str!("docs/shutdown.md")]
    pub mod shutdown {}
    #[doc = include_str!("docs/testing.md")]
    pub mod testing {}
    #[doc = include_str!("docs/architecture.md")]
    pub mod architecture {}
    #[doc = include_str!("docs/benchmarks.md")]
    #[doc = include_str!("../docs/benchmarks.svg")]
    pub mod benchmarks {}
    #[doc = include_str!("docs/trust.md")]
    pub mod trust {}
    #[cfg(feature = "bus")]
    #[doc = include_str!("docs/ask_the_user.md")]
    #[doc = include_str!("../docs/picture_of_a_question.md")]
    pub mod ask_the_user {}
    #[cfg(feature = "tasks")]
    #[doc = include_str!("docs/background_tasks.md")]
    #[doc = include_str!("../docs/pictures.md")]
    pub mod background_tasks {}
    #[cfg(feature = "process")]
    #[doc = include_str!("docs/process_or_thread.md")]
    pub mod process_or_thread {}
    #[cfg(feature = "process")]
    #[doc = include_str!("docs/process_wire.md")]
    pub mod process_wire {}
    #[cfg(feature = "tasks")]
    #[doc = include_str!("docs/coming_from.md")]
    pub mod coming_from {}
    #[doc = include_str!("docs/traits_futures.md")]
    pub mod traits_futures {}
}
