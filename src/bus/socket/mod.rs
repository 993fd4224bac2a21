#![doc = include_str!("../../docs/bus_socket.md")]

mod client;
mod connection;
mod decoder;
mod error;
mod exchange;
#[cfg(fuzzing)]
pub mod fuzzing;
mod message;
mod options;
mod server;
#[cfg(test)]
mod tests;

use std::error::Error;

pub use self::client::Client;
pub use self::error::OpenError;
pub use self::message::{Message, MessageError};
pub use self::options::Options;
pub use self::server::Server;
use crate::net::PeerAddress;

/// What a function that converts messages fails with.
type BoxError = Box<dyn Error + Send + Sync>;

/// Makes a request or a response of a message.
type FromMessage<T> = dyn Fn(Message, &PeerAddress) -> Result<T, BoxError> + Send + Sync;

/// Makes a message of a request or a response.
type ToMessage<T> = dyn Fn(T) -> Result<Message, BoxError> + Send + Sync;
