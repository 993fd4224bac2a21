//! Channels against the real aiomas, as client and as server; against peers that are slow, broken or hostile; and
//! against themselves, in great numbers.
//!
//! Most tests run four times: by each codec, over TCP and over a Unix socket.

#![cfg(unix)]

#[macro_use]
mod support;
#[path = "../support/peer/mod.rs"]
mod peer;

mod alone;
mod bad_input;
mod churn;
mod codec_mismatch;
mod crowd;
mod death;
mod failures;
mod foreground;
mod ids;
mod lifetimes;
mod limits;
mod objects;
mod order;
mod raw;
mod served;
mod slow_peers;
mod stress;
mod values;
mod waking;
mod who_reads;
