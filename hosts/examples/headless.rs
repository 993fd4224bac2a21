//! Two workers and their bars in a terminal, by the crate's own loop.
//!
//! ```text
//! cargo run -p foreground-hosts --features headless --example headless
//! ```
//!
//! Look for: Ctrl-C, or `c` and Enter, cancels at once; a second Ctrl-C, or Ctrl-D, closes, and no worker is left
//! behind. A `kill` does what Ctrl-C does. Lines come from a thread that reads them, by a pipe like any other.

use std::error::Error;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::event_loop::headless::Headless;
use foreground_hosts::terminal::App;

fn main() -> Result<(), Box<dyn Error>> {
    let headless = Headless::new(MessageRouter::builder());
    headless.catch_interrupts()?;
    headless.on_interrupt(App::interrupt);
    headless.every(Duration::from_secs(1), |app: &mut App| app.screen.tick());

    let router = headless.router();
    let mut app = App::start(router, "headless")?;
    headless.run(&mut app, |app| app.is_closing)?;
    app.close();
    Ok(())
}
