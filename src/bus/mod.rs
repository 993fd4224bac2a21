#![doc = include_str!("../docs/bus.md")]

mod error;
mod local;
mod pending;
mod requests;
mod roster;
mod serving;
mod slot;
pub mod socket;
mod transaction;

pub use self::error::{
    RecvRequestError, RecvRequestTimeoutError, RecvResponseTimeoutError, ResponseError, SendRequestError,
    SendResponseError, TryRecvRequestError, TryRecvResponseError,
};
pub use self::local::{Client, Server, local};
pub use self::pending::PendingResponse;
pub use self::serving::Serving;
pub use self::transaction::Transaction;
