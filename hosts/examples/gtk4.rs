//! Two workers and their bars in a window of GTK 4.
//!
//! ```text
//! cargo run -p foreground-hosts --features gtk4 --example gtk4
//! ```
//!
//! Look for: `glib_022::route` makes the router and the state that its callbacks get as `&mut App`. Those of the widgets, to
//! which GTK gives no state, get the same by `Shared::callback`: there is no `Rc<RefCell<App>>`. Closing the window ends the
//! workers, and a line tells how far they got.

use std::error::Error;

use foreground::MessageRouter;
use foreground::event_loop::glib_022;
use foreground_hosts::{Program, Workers};
use gtk4::gio::ApplicationFlags;
use gtk4::prelude::*;
use gtk4::{Align, Application, ApplicationWindow, Box as Column, Button, Label, Orientation, ProgressBar};

struct App {
    workers: Workers<Self>,
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
    fn new(router: &MessageRouter<Self>, column: &Column) -> Result<Self, Box<dyn Error>> {
        let workers = Workers::start(router)?;
        let heading = Label::builder().label("Two workers").css_classes(["title-2"]);
        column.append(&heading.halign(Align::Start).build());
        let bars = workers.bars.iter().map(|_| {
            let progress = ProgressBar::builder().margin_top(10).build();
            let text = Label::builder().halign(Align::Start).build();
            column.append(&progress);
            column.append(&text);
            (progress, text)
        });
        let bars = bars.collect();
        let cancel = Button::builder().label("Cancel").halign(Align::End).valign(Align::End).vexpand(true);
        let cancel = cancel.build();
        column.append(&cancel);
        let mut app = Self { workers, bars, cancel };
        app.show();
        Ok(app)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    gtk4::init()?;
    let column = Column::builder().orientation(Orientation::Vertical).spacing(6);
    let column = column.margin_top(24).margin_bottom(24).margin_start(24).margin_end(24).build();
    let shared = glib_022::route(MessageRouter::builder(), |router| App::new(router, &column))?;
    let cancelled = shared.callback(App::cancel);
    shared.with(|app| app.cancel.connect_clicked(move |_| cancelled()))?;
    let application = Application::builder().flags(ApplicationFlags::NON_UNIQUE).build(); // several at once
    application.connect_activate(move |application| {
        let window = ApplicationWindow::builder().application(application).title("foreground in GTK 4");
        window.default_width(480).default_height(240).child(&column).build().present();
    });
    application.run(); // ends with its last window
    shared.with(|app| app.workers.close())?;
    Ok(())
}
