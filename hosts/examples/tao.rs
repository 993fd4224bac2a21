//! Two workers and their bars in a window of tao, with widgets of GTK 3 where a Tauri program has its web page. For Linux.
//!
//! ```text
//! cargo run -p foreground-hosts --features tao-037 --example tao
//! ```
//!
//! Look for: the event loop's proxy is the waker, and `tao_037::handle_event` dispatches and settles by the events that it is
//! given. Closing the window ends the workers, and a line tells how far they got.

use std::error::Error;

use foreground::MessageRouter;
use foreground::event_loop::tao_037::{self, Wakeup};
use foreground_hosts::{Program, Workers};
use gtk::prelude::*;
use gtk::{Align, Button, Label, ProgressBar};
use tao::dpi::LogicalSize;
use tao::event::{Event, WindowEvent};
use tao::event_loop::{ControlFlow, EventLoopBuilder, EventLoopProxy};
use tao::platform::run_return::EventLoopExtRunReturn;
use tao::platform::unix::WindowExtUnix;
use tao::window::{Theme, Window, WindowBuilder};

enum AppEvent {
    Wakeup,
    Cancel,
}

impl From<Wakeup> for AppEvent {
    fn from(_: Wakeup) -> Self {
        Self::Wakeup
    }
}

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
    fn new(
        router: &MessageRouter<Self>,
        window: &Window,
        proxy: EventLoopProxy<AppEvent>,
    ) -> Result<Self, Box<dyn Error>> {
        let workers = Workers::start(router)?;
        let column = window.default_vbox().ok_or("tao's window has a box for widgets")?;
        column.set_border_width(24);
        column.set_spacing(6);
        let heading = Label::builder().label("<big><b>Two workers</b></big>").use_markup(true);
        column.pack_start(&heading.halign(Align::Start).build(), false, false, 0);
        let bars = workers.bars.iter().map(|_| {
            let progress = ProgressBar::builder().margin_top(10).build();
            let text = Label::builder().halign(Align::Start).build();
            column.pack_start(&progress, false, false, 0);
            column.pack_start(&text, false, false, 0);
            (progress, text)
        });
        let bars = bars.collect();
        let cancel = Button::builder().label("Cancel").halign(Align::End).build();
        // The error says that the loop has ended.
        cancel.connect_clicked(move |_| _ = proxy.send_event(AppEvent::Cancel));
        column.pack_end(&cancel, false, false, 0);
        column.show_all();
        let mut app = Self { workers, bars, cancel };
        app.show();
        Ok(app)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut event_loop = EventLoopBuilder::<AppEvent>::with_user_event().build();
    let window = WindowBuilder::new()
        .with_title("foreground in tao")
        .with_inner_size(LogicalSize::new(480.0, 240.0))
        .with_theme(Some(Theme::Light))
        .build(&event_loop)?;
    let router = MessageRouter::new(event_loop.create_proxy());
    router.start()?;
    let mut app = App::new(&router, &window, event_loop.create_proxy())?;
    event_loop.run_return(|event, _, control_flow| {
        *control_flow = ControlFlow::Wait;
        tao_037::handle_event(&router, &mut app, &event);
        match event {
            Event::UserEvent(AppEvent::Cancel) => app.cancel(),
            Event::WindowEvent { event: WindowEvent::CloseRequested, .. } => {
                *control_flow = ControlFlow::Exit
            }
            _ => {}
        }
    });
    app.workers.close();
    Ok(())
}
