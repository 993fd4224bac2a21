//! Two workers and their bars in a terminal, in calloop.
//!
//! ```text
//! cargo run -p foreground-hosts --features calloop-014 --example calloop
//! ```
//!
//! Look for: one loop has four sources, the standard input, Ctrl-C, a timer and the router, and all of them get the same
//! `&mut App`: no thread reads the input, no handler sets a flag. `c` and Enter, or Ctrl-C, cancels at once; a second
//! Ctrl-C, or Ctrl-D, closes, and no thread is left behind.

use std::error::Error;
use std::io::{self, BufRead as _};
use std::time::Duration;

use calloop::generic::Generic;
use calloop::signals::{Signal, Signals};
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, Interest, LoopSignal, Mode, PostAction};
use foreground::MessageRouter;
use foreground::event_loop::calloop_014;
use foreground_hosts::terminal::Screen;
use foreground_hosts::{Program, Workers};

struct App {
    workers: Workers<Self>,
    screen: Screen,
    /// What was typed of a line that has not come to its end.
    line: Vec<u8>,
    signal: LoopSignal,
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
            self.signal.stop();
        }
    }

    /// Takes what was typed; nothing is the end.
    fn read(&mut self, bytes: &[u8]) -> PostAction {
        for &byte in bytes {
            self.line.push(byte);
            if byte == b'\n' && self.line.drain(..).as_slice().trim_ascii() == b"c" {
                self.cancel();
            }
        }
        if bytes.is_empty() {
            self.signal.stop();
            return PostAction::Remove;
        }
        PostAction::Continue
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut event_loop = EventLoop::try_new()?;
    let handle = event_loop.handle();

    // First, as it hides the signal from all threads that are started after it.
    handle.insert_source(Signals::new(&[Signal::SIGINT])?, |_, _, app: &mut App| app.interrupt())?;
    let second = Duration::from_secs(1);
    handle.insert_source(Timer::from_duration(second), move |_, _, app| {
        app.screen.tick();
        TimeoutAction::ToDuration(second)
    })?;
    let stdin = Generic::new(io::stdin(), Interest::READ, Mode::Level);
    handle.insert_source(stdin, |_, stdin, app| {
        let mut stdin = stdin.lock();
        let bytes = stdin.fill_buf()?.to_vec();
        stdin.consume(bytes.len());
        Ok(app.read(&bytes))
    })?;
    let router = calloop_014::route(MessageRouter::builder(), &handle)?;

    let workers = Workers::start(&router)?;
    let signal = event_loop.get_signal();
    let mut app = App { workers, screen: Screen::new("calloop"), line: Vec::new(), signal };
    event_loop.run(None, &mut app, |_| {})?;
    app.screen.leave();
    app.workers.close();
    Ok(())
}
