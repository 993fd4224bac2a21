#![doc = include_str!("../docs/zmq.md")]

mod curve;
mod endpoint;
mod socket;

pub(crate) use self::curve::{Curve, Security};
pub use self::curve::{Keys, PublicKey, SecretKey};
pub use self::endpoint::Endpoint;
pub(crate) use self::socket::{Settings, Socket, failed, to_vec};
