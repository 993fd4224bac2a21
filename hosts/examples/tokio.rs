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
use foreground_hosts::terminal::{Screen, read_lines};
use foreground_hosts::{Program, Workers};
use tokio::signal::ctrl_c;
use tokio::time::{Instant, interval_at};

const SECOND: Duration = Duration::from_secs(1);

struct App {
    workers: Workers<Self>,
    screen: Screen,
    is_closing: bool,
}

impl Program for App {
    fn workers(&mut self) -> &mut Workers<Self> {
        &mut self.workers
    }

    fn show(&mut self) {
        self.screen.show(&self.workers.bars);
    }
}

impl App {
    fn interrupt(&mut self) {
        if self.workers.is_working() {
            self.cancel();
        } else {
            self.is_closing = true;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (router, mut routing) = tokio_1::route(MessageRouter::builder());
    let (lines, typed) = router.pipe::<String>()?;
    typed.on_message(|app: &mut App, line| {
        if line.trim() == "c" {
            app.cancel();
        }
    });
    typed.on_end(|app, _| app.is_closing = true);
    read_lines(lines);

    let workers = Workers::start(&router)?;
    let mut app = App { workers, screen: Screen::new("tokio"), is_closing: false };
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
    app.screen.leave();
    app.workers.close();
    Ok(())
}
