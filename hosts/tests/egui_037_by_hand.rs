//! The conformance of egui 0.37 without eframe: a thread that parks until its context asks for a frame.

use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use eframe::egui;
use foreground::MessageRouter;
use foreground::testing::conformance::{self, Host, Play};

struct ByHand;

impl Host for ByHand {
    const NAME: &str = "egui 0.37 by hand";
    type State = Play;

    fn run(mut play: Play) -> (MessageRouter<Play>, Play) {
        let context = egui::Context::default();
        let host = thread::current();
        context.set_request_repaint_callback(move |_| host.unpark());
        let router = play.builder().build(context.clone());
        Play::begin(&mut play, &router);
        let mut next_tick = play.ticks().map(|every| Instant::now() + every);
        while !play.is_over() {
            if !context.has_requested_repaint() {
                match next_tick {
                    Some(due) => thread::park_timeout(due.saturating_duration_since(Instant::now())),
                    None => thread::park(),
                }
            }
            if let Some(due) = next_tick.as_mut().filter(|due| **due <= Instant::now()) {
                play.tick();
                *due = Instant::now() + Play::TICK;
            }
            if context.has_requested_repaint() {
                let drawn = context.run_ui(egui::RawInput::default(), |ui| {
                    router.dispatch(&mut play);
                    router.settle();
                    ui.label("Conformance");
                });
                drawn.drop_without_applying_deltas();
            }
        }
        (router, play)
    }
}

fn main() -> ExitCode {
    conformance::main::<ByHand>()
}
