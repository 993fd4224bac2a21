//! The engine 0MQ: PUB and SUB sockets, one frame a message.

mod forward;
mod handshakes;
mod intake;
mod outlet;

pub(super) use self::forward::forward;
pub(super) use self::intake::Intake;
pub(super) use self::outlet::Outlet;
use super::engine::Settings;
use super::{Error, ErrorKind};
use std::time::Duration;

use omq_tokio::{ReconnectPolicy, SocketType};

use crate::zmq::{self, Security, Socket};

/// How many messages a task sends before other tasks have their turn. Half of what omq queues for a subscriber with CURVE.
const BATCH: usize = 32;

/// 0MQ allots its queues beforehand, and makes none longer than this.
const MAX_HIGH_WATER_MARK: u32 = 1 << 20;

/// Soon at first, as programs that are started again are soon there.
const RECONNECT: ReconnectPolicy =
    ReconnectPolicy::Exponential { min: Duration::from_millis(20), max: Duration::from_secs(1) };

/// Opens a socket, which neither listens nor connects yet.
pub(super) fn open(kind: SocketType, security: &Security, wanted: &Settings) -> Result<Socket, Error> {
    if wanted.high_water_mark > MAX_HIGH_WATER_MARK {
        let text = format!("the high-water mark of 0MQ is {MAX_HIGH_WATER_MARK} messages at most");
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    let settings = zmq::Settings {
        security: security.clone(),
        high_water_mark: wanted.high_water_mark,
        linger: wanted.linger,
        message_limit: wanted.message_limit,
    };
    Socket::open(kind, &settings, |mut options| {
        // The high-water mark is in messages. Unless told otherwise, omq also drops when half a mebibyte waits for a peer.
        options.transmit_slot_cap = Some(usize::MAX);
        options.reconnect = RECONNECT;
        // Who subscribes to what is followed by these events, and counted anew if there were more at once.
        options.monitor_capacity = 1024;
        options
    })
}
