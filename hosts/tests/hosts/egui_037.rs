//! egui 0.37, in a window of eframe.

use std::env;
use std::error::Error;
use std::time::Instant;

use eframe::egui::{self, ViewportCommand};
use foreground::MessageRouter;
use foreground::testing::conformance::{Host, Play};
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, PropMode};
use x11rb::wrapper::ConnectionExt as _;

/// Lives longer than the loop, which only borrows it.
pub struct App {
    play: Play,
    router: MessageRouter<Play>,
    next_tick: Option<Instant>,
}

impl eframe::App for &mut App {
    fn logic(&mut self, context: &egui::Context, _: &mut eframe::Frame) {
        self.router.dispatch(&mut self.play);
        self.router.settle();
        // egui's timer is a frame that asks for another one in time.
        if let Some(due) = self.next_tick.as_mut() {
            let now = Instant::now();
            if *due <= now {
                self.play.tick();
                *due = now + Play::TICK;
            }
            context.request_repaint_after(due.saturating_duration_since(now));
        }
        if self.play.is_over() {
            context.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        self.play.redraw();
        if self.play.is_hidden() && env::var_os("WAYLAND_DISPLAY").is_some() {
            ui.send_viewport_cmd(ViewportCommand::Minimized(true));
        } else if self.play.is_hidden()
            && let Some(window) = frame.winit_window()
        {
            minimize(u64::from(window.id())).expect("the display takes requests");
        }
    }
}

/// Minimises a window as a window manager does, of which there is none.
fn minimize(window: u64) -> Result<(), Box<dyn Error>> {
    let window = u32::try_from(window)?;
    let (connection, _) = x11rb::connect(None)?;
    let atom = |name: &[u8]| Ok::<_, Box<dyn Error>>(connection.intern_atom(false, name)?.reply()?.atom);
    let (state, hidden) = (atom(b"_NET_WM_STATE")?, atom(b"_NET_WM_STATE_HIDDEN")?);
    connection.change_property32(PropMode::REPLACE, window, state, AtomEnum::ATOM, &[hidden])?.check()?;
    connection.unmap_window(window)?.check()?;
    Ok(())
}

pub struct Egui037;

impl Host for Egui037 {
    const NAME: &str = "egui 0.37";
    const HAS_WINDOW: bool = true;
    type State = Play;

    fn run(mut play: Play) -> (MessageRouter<Play>, Play) {
        let context = egui::Context::default();
        let router = play.builder().build(context.clone());
        Play::begin(&mut play, &router);
        let next_tick = play.ticks().map(|every| Instant::now() + every);
        let mut app = App { play, router, next_tick };
        let options = eframe::NativeOptions::default();
        eframe::run_native_ext("Conformance", options, Some(context), Box::new(|_| Ok(Box::new(&mut app))))
            .expect("the display takes a window");
        (app.router, app.play)
    }
}
