//! HTTP: the server against raw sockets, curl, what a browser does, and the real tinyrpc; the client against the real
//! tinyrpc, against servers that misbehave, and by TLS; both against each other, in great numbers.

#![cfg(unix)]

#[path = "../support/peer/mod.rs"]
mod peer;
mod support;

mod browser;
mod client;
mod client_faults;
mod curl;
mod ends;
mod limits;
mod malformed;
mod served;
mod slow;
mod stress;
mod tinyrpc;
mod tls;
#[path = "../support/tokio_first.rs"]
mod tokio_first;
