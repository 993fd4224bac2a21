//! Two workers and their bars in a window of Slint 1.
//!
//! ```text
//! cargo run -p foreground-hosts --features slint-1 --example slint
//! ```
//!
//! Look for: `slint_1::route` makes the router and the state that its callbacks get as `&mut App`. Those of the window, to
//! which Slint gives no state, get the same by `Shared::callback`: there is no `Rc<RefCell<App>>`. Closing the window ends
//! the workers, and a line tells how far they got.

use std::error::Error;

use foreground::MessageRouter;
use foreground::event_loop::slint_1;
use foreground_hosts::{Bar, Program, Workers};
use slint::{ComponentHandle, Model, ModelRc, VecModel};

slint::slint! {
    import { Button, Palette } from "std-widgets.slint";

    export struct BarData { done: float, text: string }

    component BarView inherits VerticalLayout {
        in property <BarData> bar;
        spacing: 6px;
        Rectangle {
            height: 12px;
            border-radius: 6px;
            background: #e3e6ec;
            clip: true;
            Rectangle {
                x: 0;
                width: parent.width * root.bar.done;
                border-radius: 6px;
                background: #3b76e0;
            }
        }
        Text { text: root.bar.text; color: #5a6270; font-size: 14px; }
    }

    export component MainWindow inherits Window {
        in property <[BarData]> bars;
        in property <bool> is-working: true;
        callback cancel();
        title: "foreground in Slint";
        preferred-width: 480px;
        preferred-height: 240px;
        background: #fafbfc;
        init => { Palette.color-scheme = ColorScheme.light; }
        VerticalLayout {
            padding: 24px;
            spacing: 16px;
            Text { text: "Two workers"; color: #1d2430; font-size: 22px; font-weight: 600; }
            for bar in root.bars: BarView { bar: bar; }
            HorizontalLayout {
                alignment: end;
                Button { text: "Cancel"; enabled: root.is-working; clicked => { root.cancel(); } }
            }
        }
    }
}

struct App {
    window: MainWindow,
    bars: ModelRc<BarData>,
    workers: Workers<Self>,
}

impl Program for App {
    fn workers(&mut self) -> &mut Workers<Self> {
        &mut self.workers
    }

    fn show(&mut self) {
        for (row, bar) in self.workers.bars.iter().enumerate() {
            self.bars.set_row_data(row, bar.into());
        }
        self.window.set_is_working(self.workers.is_working());
    }
}

impl App {
    fn new(router: &MessageRouter<Self>) -> Result<Self, Box<dyn Error>> {
        let window = MainWindow::new()?;
        let workers = Workers::start(router)?;
        let bars = ModelRc::new(VecModel::from_iter(workers.bars.iter().map(BarData::from)));
        window.set_bars(bars.clone());
        Ok(Self { window, bars, workers })
    }
}

impl From<&Bar> for BarData {
    fn from(bar: &Bar) -> Self {
        Self { done: bar.done, text: bar.text().into() }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let shared = slint_1::route(MessageRouter::builder(), App::new)?;
    let window = shared.with(|app| app.window.clone_strong())?;
    window.on_cancel(shared.callback(App::cancel));
    // Slint's loop ends with its last window.
    window.run()?;
    shared.with(|app| app.workers.close())?;
    Ok(())
}
