//! Two workers and their bars in a terminal, in an executor: smol's, and any other would do.
//!
//! ```text
//! cargo run -p foreground-hosts --example executor
//! ```
//!
//! Look for: the router is one task, a clock is another, and both have the same state, which they share. `c` and Enter, or
//! Ctrl-C, cancels at once; a second Ctrl-C, or Ctrl-D, closes, and no worker is left behind.

use std::error::Error;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::event_loop::{Shared, executor};
use foreground_hosts::terminal::App;
use smol::{LocalExecutor, Timer};

fn main() -> Result<(), Box<dyn Error>> {
    let (router, mut routing) = executor::route(MessageRouter::builder());
    let (interrupts, pressed) = router.pipe()?;
    pressed.on_message(|app: &mut App, ()| app.interrupt());
    let interrupts = interrupts.start();
    ctrlc::set_handler(move || _ = interrupts.send(()))?; // fails when it is closing already

    let app = App::start(&router, "smol")?;
    let shared = Shared::new(router, app);
    let tasks = LocalExecutor::new();
    let weak = shared.downgrade();
    let clock = tasks.spawn(async move {
        loop {
            Timer::after(Duration::from_secs(1)).await;
            weak.defer(|app| app.screen.tick());
        }
    });
    smol::block_on(tasks.run(async {
        while !shared.with(|app| app.is_closing)? {
            routing.ready().await;
            shared.turn();
        }
        Ok::<(), Box<dyn Error>>(())
    }))?;
    drop(clock);
    shared.with(App::close)?;
    Ok(())
}
