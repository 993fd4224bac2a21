//! The smallest worker process: it sends what it is told, and stops.
//!
//! It is started by a program with a router, as by
//! `Command::new("remote_sender").args(["hello", "world"]).ticket(ticket)`, which gives it the ticket in its
//! environment. Without one it says what it lacks.
//!
//! ```text
//! cargo run --example remote_sender --features process -- hello world
//! ```
//!
//! Look for: all that a worker needs to know of the other program is the type of the messages.

use foreground::process::RemoteSender;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sender = RemoteSender::<String>::from_env()?.start();
    for word in std::env::args().skip(1) {
        sender.send(word)?; // fails once nobody listens any more
    }
    sender.stop(); // as its drop would
    Ok(())
}
