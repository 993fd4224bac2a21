//! A worker that is faster than the foreground, on a pipe without a bound and on one with.
//!
//! ```text
//! cargo run --release --example backpressure
//! ```
//!
//! Look for: the most messages that were ever queued. Without a bound they pile up as fast as the worker
//! makes them; with one, the worker waits, and memory stays flat. Nothing is lost either way.

use std::thread;
use std::time::{Duration, Instant};

use foreground::{MessageRouter, PipeError};

const MESSAGES: u64 = 100_000;

#[derive(Default)]
struct App {
    handled: u64,
    most_queued: u64,
    ended: bool,
}

fn main() -> Result<(), PipeError> {
    run("unbounded", None)?;
    run("bounded to 64", Some(64))
}

fn run(name: &str, bound: Option<usize>) -> Result<(), PipeError> {
    let router: MessageRouter<App> = MessageRouter::new(thread::current());
    router.start().expect("a new router is stopped");
    let (sender, receiver) = match bound {
        Some(capacity) => router.bounded_pipe::<u64>(capacity)?,
        None => router.pipe::<u64>()?,
    };
    receiver.on_message(|app: &mut App, _| {
        // Two microseconds of work, more than the worker needs to make a message.
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(2) {}
        app.handled += 1;
    });
    receiver.on_end(|app, _| app.ended = true);

    let worker = thread::spawn(move || {
        let sender = sender.start();
        // On the bounded pipe, `send` waits here while the foreground catches up.
        (0..MESSAGES).for_each(|n| sender.send(n).expect("the router outlives its worker"));
    });

    let mut app = App::default();
    while !app.ended {
        app.most_queued = app.most_queued.max(router.stats().queued);
        // At most 4 ms a turn: a window would draw and answer keys in between.
        router.dispatch(&mut app);
        router.settle();
        if !app.ended {
            thread::park();
        }
    }
    worker.join().expect("the worker does not panic");
    println!("{name:>14}: {} handled, at most {} queued", app.handled, app.most_queued);
    Ok(())
}
