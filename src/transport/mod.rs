#![doc = include_str!("../docs/transport.md")]
#![doc = include_str!("../../docs/picture_of_a_service.md")]

mod client;
mod context;
mod error;
#[cfg(feature = "http")]
pub mod http;
mod in_process;
mod incoming;
#[cfg(feature = "nats")]
pub mod nats;
mod server;
#[cfg(feature = "zmq")]
pub mod zmq;

pub use self::client::ClientTransport;
pub use self::context::{Context, Responder};
pub use self::error::{
    Error, ErrorKind, PushError, ReceiveError, ReceiveTimeoutError, ReplyError, TryReceiveError,
};
pub use self::in_process::{Client, Server, in_process};
pub use self::incoming::Incoming;
pub use self::server::ServerTransport;
pub use crate::serving::Serving;
