#![doc = include_str!("../../docs/transport_nats.md")]

mod client;
mod refusal;
mod server;

pub use self::client::Client;
pub use self::server::{Options, Server};
