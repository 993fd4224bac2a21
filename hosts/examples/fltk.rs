//! Two workers and their bars in a window of FLTK.
//!
//! ```text
//! cargo run -p foreground-hosts --features fltk --example fltk
//! ```
//!
//! Look for: FLTK has no adapter, and needs none. `app::awake` wakes the loop, and `Shared::turn` dispatches and settles
//! after each of its turns; FLTK draws before it waits again. The bars grow while the button can be pressed and the
//! window moved; closing the window ends the workers, and a line tells how far they got.

use std::error::Error;

use fltk::button::Button;
use fltk::enums::{Align, Color, Font, FrameType};
use fltk::frame::Frame;
use fltk::misc::Progress;
use fltk::prelude::*;
use fltk::{app, window::Window};
use foreground::{MessageRouter, event_loop::Shared};
use foreground_hosts::{Program, Workers};

const PAPER: Color = Color::from_rgb(0xf7, 0xf8, 0xfa);
const INK: Color = Color::from_rgb(0x1f, 0x26, 0x33);
const TRACK: Color = Color::from_rgb(0xdc, 0xe1, 0xe8);
const BLUE: Color = Color::from_rgb(0x2f, 0x6f, 0xde);

struct App {
    workers: Workers<Self>,
    texts: Vec<Frame>,
    bars: Vec<Progress>,
    cancel: Button,
}

impl Program for App {
    fn workers(&mut self) -> &mut Workers<Self> {
        &mut self.workers
    }

    /// FLTK draws what has changed, once a turn.
    fn show(&mut self) {
        for (index, bar) in self.workers.bars.iter().enumerate() {
            self.texts[index].set_label(&bar.text());
            self.bars[index].set_value(f64::from(bar.done));
        }
        if !self.workers.is_working() {
            self.cancel.set_color(TRACK);
            self.cancel.deactivate();
        }
    }
}

fn label(y: i32, height: i32, text: &str) -> Frame {
    let mut label = Frame::new(21, y, 435, height, None) // FLTK keeps three pixels free beside a label
        .with_align(Align::Left | Align::Inside);
    label.set_label(text);
    label.set_label_color(INK);
    label
}

fn main() -> Result<(), Box<dyn Error>> {
    let fltk = app::App::default().with_scheme(app::Scheme::Base); // first: from here on, threads can wake this one
    let router = MessageRouter::new(app::awake);
    router.start()?;

    let mut window = Window::new(100, 100, 480, 240, "foreground in FLTK");
    window.set_color(PAPER);
    let mut heading = label(16, 32, "Two workers");
    heading.set_label_size(22);
    heading.set_label_font(Font::HelveticaBold);
    let texts = [58, 114].map(|y| label(y, 22, "0 %")).into();
    let bars = [82, 138].map(|y| {
        let mut bar = Progress::new(24, y, 432, 14, None);
        bar.set_frame(FrameType::FlatBox);
        bar.set_color(TRACK);
        bar.set_selection_color(BLUE);
        bar.set_maximum(1.0);
        bar
    });
    let mut cancel = Button::new(24, 184, 112, 32, "Cancel");
    cancel.set_frame(FrameType::FlatBox);
    cancel.set_down_frame(FrameType::FlatBox);
    cancel.set_color(BLUE);
    cancel.set_selection_color(BLUE.darker());
    cancel.set_label_color(Color::White);
    cancel.clear_visible_focus();
    window.end();
    window.show();

    let workers = Workers::start(&router)?;
    let app = App { workers, texts, bars: bars.into(), cancel: cancel.clone() };
    let shared = Shared::new(router, app);
    let cancelled = shared.callback(App::cancel);
    cancel.set_callback(move |_| cancelled());
    while fltk.wait() {
        shared.turn();
    }
    shared.with(|app| app.workers.close())?;
    Ok(())
}
