//! What the examples without a window share: the bars in a terminal, and the lines that are typed there.

use std::io;
use std::thread;
use std::time::Duration;

use foreground::{MessageRouter, MessageSender, PipeError};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::{Bar, Program, State, Workers};

/// A bar's full length: indicatif counts in whole steps.
const LENGTH: u64 = 1000;

/// The bars as they are drawn, on the standard error. If that is no terminal, nothing is.
pub struct Screen {
    bars: [ProgressBar; 2],
    /// What is said below them.
    foot: ProgressBar,
    is_working: bool,
    time: Duration,
}

impl Screen {
    /// Draws the heading and empty bars, which come to their full length by [`show`](Self::show).
    pub fn new(host: &str) -> Self {
        let all = MultiProgress::new();
        let line = |template: &str| {
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            all.add(ProgressBar::new(LENGTH).with_style(style.progress_chars("███")))
        };
        // What cannot be drawn is not worth ending the program for.
        let _ = all.println(format!("\n  foreground in {host}\n\n  Two workers"));
        let bars = [(); 2].map(|()| line(" \n  {bar:36.blue/white}  {msg}"));
        let mut screen = Self { bars, foot: line(" \n  {msg}"), is_working: true, time: Duration::ZERO };
        screen.show(&Default::default());
        screen
    }

    /// Draws what is known of the workers.
    pub fn show(&mut self, workers: &[Bar; 2]) {
        for (drawn, bar) in self.bars.iter().zip(workers) {
            drawn.set_position((bar.done * LENGTH as f32) as u64);
            drawn.set_message(bar.text());
        }
        self.is_working = workers.iter().any(|bar| bar.state == State::Working);
        self.draw_foot();
    }

    /// A second has passed.
    pub fn tick(&mut self) {
        self.time += Duration::from_secs(1);
        self.draw_foot();
    }

    fn draw_foot(&self) {
        let keys = if self.is_working { "c + Enter or Ctrl-C: cancel   " } else { "" };
        self.foot.set_message(format!("{keys}Ctrl-D: close   {} s", self.time.as_secs()));
    }

    /// Leaves the bars as they are, for what is printed below them.
    pub fn leave(&self) {
        for bar in self.bars.iter().chain([&self.foot]) {
            bar.abandon();
        }
    }
}

/// The state of a program in a terminal.
pub struct App {
    pub workers: Workers<Self>,
    pub screen: Screen,
    pub is_closing: bool,
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
    /// Starts the workers, and a thread that reads lines, whose pipe is like any other: `c` cancels, and the end closes.
    pub fn start(router: &MessageRouter<Self>, host: &str) -> Result<Self, PipeError> {
        let (lines, typed) = router.pipe::<String>()?;
        typed.on_message(|app: &mut Self, line| {
            if line.trim() == "c" {
                app.cancel();
            }
        });
        typed.on_end(|app, _| app.is_closing = true);
        typed.detach();
        read_lines(lines);
        Ok(Self { workers: Workers::start(router)?, screen: Screen::new(host), is_closing: false })
    }

    /// Ctrl-C cancels what works, and closes when nothing does.
    pub fn interrupt(&mut self) {
        if self.workers.is_working() {
            self.cancel();
        } else {
            self.is_closing = true;
        }
    }

    /// Ends the workers, and leaves the bars where they are.
    pub fn close(&mut self) {
        self.screen.leave();
        self.workers.close();
    }
}

/// Sends the lines of the standard input, from a thread that reads them. Their end is that of the pipe.
fn read_lines(sender: MessageSender<String>) {
    // Not joined: reading cannot be cut short.
    thread::spawn(move || {
        let sender = sender.start();
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}
