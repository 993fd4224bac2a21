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
use foreground_hosts::terminal::{Screen, read_lines};
use foreground_hosts::{Program, Workers};

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

fn main() -> Result<(), Box<dyn Error>> {
    let headless = Headless::new(MessageRouter::builder());
    headless.catch_interrupts()?;
    headless.on_interrupt(App::interrupt);
    headless.every(Duration::from_secs(1), |app: &mut App| app.screen.tick());

    let router = headless.router();
    let (lines, typed) = router.pipe::<String>()?;
    typed.on_message(|app: &mut App, line| {
        if line.trim() == "c" {
            app.cancel();
        }
    });
    typed.on_end(|app, _| app.is_closing = true);
    read_lines(lines);

    let workers = Workers::start(router)?;
    let mut app = App { workers, screen: Screen::new("headless"), is_closing: false };
    headless.run(&mut app, |app| app.is_closing)?;
    app.screen.leave();
    app.workers.close();
    Ok(())
}
