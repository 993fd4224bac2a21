//! Two workers and a window of GTK 4.
//!
//! ```sh
//! cargo run -p foreground-hosts --features gtk4 --example gtk4
//! ```
//!
//! What to look for: the bars grow while the window stays alive; "Cancel" stops them at once, and cannot be pressed
//! again; closing the window waits for the workers, and says so in the terminal.

use std::error::Error;

use foreground::MessageRouter;
use foreground::event_loop::{Shared, glib_022};
use foreground_hosts::{Program, Workers};
use gtk4::glib::{MainLoop, Propagation};
use gtk4::prelude::*;
use gtk4::{Align, Box as Column, Button, Label, Orientation, ProgressBar, Window};

struct App {
    workers: Workers<App>,
    bars: Vec<(ProgressBar, Label)>,
    cancel: Button,
}

impl Program for App {
    fn workers(&mut self) -> &mut Workers<Self> {
        &mut self.workers
    }

    fn show(&mut self) {
        for ((progress, text), bar) in self.bars.iter().zip(&self.workers.bars) {
            progress.set_fraction(bar.done.into());
            text.set_text(&bar.text());
        }
        self.cancel.set_sensitive(self.workers.is_working());
    }
}

impl App {
    fn new(router: &MessageRouter<Self>) -> Result<Self, Box<dyn Error>> {
        let bar = |_| (ProgressBar::new(), Label::builder().halign(Align::Start).build());
        let workers = Workers::start(router)?;
        let bars = workers.bars.iter().map(bar).collect();
        Ok(Self { workers, bars, cancel: Button::with_label("Cancel") })
    }
}

/// The window, and what its button does.
fn window(shared: &Shared<App>) -> Window {
    let column = Column::new(Orientation::Vertical, 6);
    let heading = Label::builder().label("Two workers").halign(Align::Start).css_classes(["title-2"]).build();
    column.append(&heading);
    let cancel = shared.with(|app| {
        for (progress, text) in &app.bars {
            progress.set_margin_top(10);
            column.append(progress);
            column.append(text);
        }
        app.show();
        app.cancel.clone()
    });
    let cancel = cancel.expect("nobody else has the state");
    cancel.set_halign(Align::End);
    cancel.set_valign(Align::End);
    cancel.set_vexpand(true);
    column.append(&cancel);
    let cancelled = shared.callback(|app| {
        app.workers.cancel();
        app.show();
    });
    cancel.connect_clicked(move |_| cancelled());
    for set_margin in
        [Column::set_margin_top, Column::set_margin_bottom, Column::set_margin_start, Column::set_margin_end]
    {
        set_margin(&column, 24);
    }
    Window::builder()
        .title("foreground in GTK 4")
        .default_width(480)
        .default_height(240)
        .child(&column)
        .build()
}

fn main() -> Result<(), Box<dyn Error>> {
    gtk4::init()?;
    let main_loop = MainLoop::new(None, false);
    let shared = glib_022::route(MessageRouter::builder(), App::new)?;
    let window = window(&shared);
    let closed = main_loop.clone();
    window.connect_close_request(move |_| {
        closed.quit();
        Propagation::Proceed
    });
    window.present();
    main_loop.run();
    shared.with(|app| app.workers.close())?;
    Ok(())
}
