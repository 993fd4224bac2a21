#![doc = include_str!("../docs/pubsub.md")]
// What an engine must do: give an `Outlet` for `Bus::publisher` and an `Intake` for `Bus::subscriber`, as `engine.rs` says. All else
// (JSON, counting, waiting, matching exactly, the way to a router) is written once, here.

mod bus;
mod channels;
mod engine;
mod error;
#[cfg(feature = "zmq")]
mod forwarder;
mod inbox;
#[cfg(feature = "nats")]
mod nats;
mod publisher;
mod subscriber;
#[cfg(feature = "zmq")]
mod zmq;

pub use self::bus::Bus;
pub use self::channels::Channels;
pub use self::error::{DecodeError, GetError};
#[cfg(feature = "zmq")]
pub use self::forwarder::Forwarder;
#[cfg(feature = "nats")]
pub use self::nats::{Durable, Stream};
pub use self::publisher::{Publisher, Stopped};
pub use self::subscriber::{Messages, Subscriber};
pub use crate::serving::Serving;
pub use crate::transport::{Error, ErrorKind};
