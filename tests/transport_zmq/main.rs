//! Transports over 0MQ: against tinyrpc and bare sockets of libzmq, as client and as server; against peers that speak no 0MQ at all;
//! and against themselves, in great numbers.

#![cfg(unix)]

#[path = "../channel_peers/alone.rs"]
#[allow(dead_code)]
mod alone;
#[path = "../bus/common.rs"]
#[allow(dead_code)]
mod common;
#[path = "../support/peer/mod.rs"]
mod peer;
mod support;

mod addresses;
mod crowd;
mod curve;
mod foreground;
mod frames;
mod lifetimes;
mod limits;
mod losses;
mod one_way;
mod raw;
mod tinyrpc;
#[path = "../support/tokio_first.rs"]
mod tokio_first;
