#![doc = include_str!("../docs/nats.md")]

mod connect;
mod connection;
mod inner;
mod link;
mod options;
mod servers;
mod subject;

pub use self::connection::{Connection, connect};
pub(crate) use self::inner::{Inner, Subscribing};
pub use self::link::State;
pub use self::options::Options;
pub(crate) use self::subject::{check_group, check_pattern, check_subject};
