#![doc = include_str!("../../docs/http.md")]

mod accept;
mod answer;
mod connection;
mod cors;
mod options;
mod server;
mod stream;

pub use self::options::Options;
pub use self::server::Server;
