//! HTTP: the server against raw sockets, curl, what a browser does, and the real tinyrpc; the client against the real
//! tinyrpc, against servers that misbehave, and by TLS; both against each other, in great numbers.

#![cfg(unix)]

#[path = "../support/peer/mod.rs"]
mod peer;
mod support;

mod curl;
mod served;
