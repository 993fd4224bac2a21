//! Two workers and their bars in a terminal, in tokio.
//!
//! ```text
//! cargo run -p foreground-hosts --features tokio-1 --example tokio
//! ```
//!
//! Look for: one `select!` waits for the router, Ctrl-C and a clock, and the state is a plain local variable. `c` and Enter,
//! or Ctrl-C, cancels at once; a second Ctrl-C, or Ctrl-D, closes, and no worker is left behind.

use std::error::Error;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::event_loop::tokio_1;
use foreground_hosts::terminal::App;
use tokio::signal::ctrl_c;
use tokio::time::{Instant, interval_at};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (router, mut routing) = tokio_1::route(MessageRouter::builder());
    let mut app = App::start(&router, "tokio")?;
    let mut seconds = interval_at(Instant::now() + SECOND, SECOND);
    while !app.is_closing {
        tokio::select! {
            () = routing.ready() => { router.dispatch(&mut app); }
            pressed = ctrl_c() => {
                pressed?;
                app.interrupt();
            }
            _ = seconds.tick() => app.screen.tick(),
        }
    }
    app.close();
    Ok(())
}
