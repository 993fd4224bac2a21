//! Tests of a message handler: no display, no sleep, and the seconds pass at once.
//!
//! ```text
//! cargo run --example testing_a_handler
//! cargo test --example testing_a_handler
//! ```
//!
//! Look for: the test plays the worker, and says when time passes.

use std::time::Duration;

use foreground::testing::{RunError, TestLoop, Timers};
use foreground::{MessageRouter, MessageSender, PipeError};

/// A download that is shown as stalled when nothing came for five seconds.
#[derive(Default)]
struct App {
    bytes: u64,
    stalled: bool,
}

fn download(router: &MessageRouter<App>, timers: Timers<App>) -> Result<MessageSender<u64>, PipeError> {
    let (sender, receiver) = router.pipe()?;
    let mut stall = None;
    receiver.on_message(move |app: &mut App, bytes| {
        (app.bytes, app.stalled) = (app.bytes + bytes, false);
        stall.take().map(|timer| timers.cancel(timer));
        stall = Some(timers.after(Duration::from_secs(5), |app: &mut App| app.stalled = true));
    });
    receiver.detach();
    Ok(sender)
}

#[cfg_attr(test, test)] // in your crate: `#[test]`
fn a_silent_download_is_stalled_until_it_goes_on() -> Result<(), Box<dyn std::error::Error>> {
    let test_loop = TestLoop::new();
    let worker = download(test_loop.router(), test_loop.timers())?.start();
    let mut app = App::default();
    let pass = |app: &mut App, seconds| -> Result<bool, RunError> {
        test_loop.advance(app, Duration::from_secs(seconds))?;
        Ok(app.stalled)
    };

    worker.send(100)?;
    assert!(!pass(&mut app, 4)?);
    worker.send(100)?; // just in time
    assert!(!pass(&mut app, 4)?);
    assert!(pass(&mut app, 1)?);

    (0..1_000).for_each(|_| worker.send(1).expect("the app listens"));
    assert_eq!(test_loop.wakes(), 3, "a burst wakes once");
    assert!(!pass(&mut app, 0)?);
    assert_eq!(app.bytes, 1_200);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    a_silent_download_is_stalled_until_it_goes_on()?;
    println!("nine seconds of a download were tested");
    Ok(())
}
