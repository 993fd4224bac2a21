#![doc = include_str!("../../docs/http.md")]

mod accept;
mod answer;
mod background;
mod call;
mod client;
mod connection;
mod cors;
mod options;
mod server;
mod stream;
#[cfg(feature = "https")]
mod tls;
mod url;

pub use self::client::Client;
pub use self::options::Options;
pub use self::server::Server;
