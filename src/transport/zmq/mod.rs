#![doc = include_str!("../../docs/transport_zmq.md")]

mod client;
mod link;
mod options;
mod server;

pub use self::client::Client;
pub use self::options::Options;
pub use self::server::Server;
pub use crate::zmq::{Endpoint, Keys, PublicKey, SecretKey};
