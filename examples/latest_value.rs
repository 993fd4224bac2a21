//! A worker that reports its progress a million times, to a foreground that only wants to know the newest.
//!
//! ```text
//! cargo run --release --example latest_value
//! ```
//!
//! Look for: how few values were shown, that the last one is always among them, and that it comes before
//! the pipe's end.

use std::thread;

use foreground::MessageRouter;

const STEPS: u32 = 1_000_000;

#[derive(Default)]
struct App {
    shown: u32,
    last: u32,
    ended: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router: MessageRouter<App> = MessageRouter::new(|| {});
    router.start()?;
    let (sender, receiver) = router.latest_pipe::<u32>()?;
    receiver.on_message(|app: &mut App, step| {
        app.shown += 1;
        app.last = step;
    });
    receiver.on_end(|app, _| {
        assert_eq!(app.last, STEPS, "the newest value comes before the end");
        app.ended = true;
    });

    let worker = thread::spawn(move || {
        let sender = sender.start();
        for step in 1..=STEPS {
            // No need to count up and report every thousandth: this never waits, and nothing piles up.
            if sender.send(step).is_err() {
                return;
            }
        }
    });

    let mut app = App::default();
    router.route_until(&mut app, |app| app.ended, None)?;
    worker.join().expect("the worker does not panic");
    let replaced = router.stats().replaced;
    println!("{STEPS} steps reported, {} shown, {replaced} replaced; the last was {}", app.shown, app.last);
    Ok(())
}
