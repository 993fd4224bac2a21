//! A clean shutdown: the user quits in the middle, the workers are told, and what they still say is heard.
//!
//! ```text
//! cargo run --example route_until_shutdown
//! ```
//!
//! Look for: after the event loop has ended, `route_until` goes on delivering to the same callbacks with
//! the same state until every worker has reported its end, within one deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use foreground::{MessageRouter, PipeEnd, RouteUntilError};

const WORKERS: usize = 3;

#[derive(Default)]
struct App {
    /// Records written by all workers.
    written: u64,
    /// How the workers' pipes ended.
    ends: Vec<PipeEnd>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router: MessageRouter<App> = MessageRouter::new(thread::current());
    router.start()?;
    let quit = Arc::new(AtomicBool::new(false));

    let mut workers = Vec::new();
    for id in 0..WORKERS {
        let (sender, receiver) = router.pipe::<u64>()?;
        receiver.on_message(|app: &mut App, records| app.written += records);
        receiver.on_end(move |app, end| {
            println!("worker {id}: {end:?}");
            app.ends.push(end);
        });
        receiver.detach();
        let quit = Arc::clone(&quit);
        workers.push(thread::spawn(move || {
            let sender = sender.start();
            // A worker finishes what it has begun before it looks whether to quit.
            while !quit.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(2));
                if sender.send(1).is_err() {
                    return; // The router was stopped: nobody waited for this worker.
                }
            }
            let _ = sender.send(10); // the last flush
        }));
    }

    // The event loop: a parked thread in this example. The user quits after 50 records.
    let mut app = App::default();
    while app.written < 50 {
        thread::park();
        router.dispatch(&mut app);
        router.settle();
    }

    // The shutdown.
    let before = app.written;
    quit.store(true, Ordering::Relaxed);
    let ended = router.route_until(&mut app, |app| app.ends.len() == WORKERS, Duration::from_secs(5));
    router.stop()?;
    match ended {
        Ok(()) => {
            workers.into_iter().for_each(|worker| worker.join().expect("the worker does not panic"));
            println!("all ended; {} records came after the user had quit", app.written - before);
        }
        // To join it would hang as well.
        Err(RouteUntilError::Timeout) => eprintln!("a worker hangs; it is left behind"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
