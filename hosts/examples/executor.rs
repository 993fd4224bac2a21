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
use foreground_hosts::terminal::{Screen, read_lines};
use foreground_hosts::{Program, Workers};
use smol::{LocalExecutor, Timer};

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
    let (router, mut routing) = executor::route(MessageRouter::builder());
    let (lines, typed) = router.pipe::<String>()?;
    typed.on_message(|app: &mut App, line| {
        if line.trim() == "c" {
            app.cancel();
        }
    });
    typed.on_end(|app, _| app.is_closing = true);
    read_lines(lines);

    let (interrupts, pressed) = router.pipe()?;
    pressed.on_message(|app: &mut App, ()| app.interrupt());
    let interrupts = interrupts.start();
    ctrlc::set_handler(move || _ = interrupts.send(()))?; // fails when it is closing already

    let workers = Workers::start(&router)?;
    let app = App { workers, screen: Screen::new("smol"), is_closing: false };
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
    shared.with(|app| {
        app.screen.leave();
        app.workers.close();
    })?;
    Ok(())
}
