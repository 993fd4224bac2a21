//! What the children do. They have the ticket in their environment.

use std::process;

use foreground::process::RemoteSender;

pub fn behave(behaviour: &str) {
    match behaviour {
        "count" => count(),
        "abort" => abort(),
        "sizes" => crate::volume::send_sizes(),
        "flood" => crate::volume::flood(),
        other => crate::senders::behave(other),
    }
}

/// Sends a thousand numbers, and stops.
fn count() {
    let sender = RemoteSender::<u32>::from_env().unwrap().start();
    (0..1000).for_each(|n| sender.send(n).unwrap());
}

/// Sends a message, and aborts.
fn abort() {
    let sender = RemoteSender::<u32>::from_env().unwrap().start();
    sender.send(7).unwrap();
    process::abort();
}
