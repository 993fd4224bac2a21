//! The conformance of tao 0.37 under X11.

mod support;

use std::process::ExitCode;

use foreground::MessageRouter;
use foreground::event_loop::tao_037::{self, Wakeup};
use foreground::testing::conformance::{Host, Play};
use tao::event::Event;
use tao::event_loop::{ControlFlow, EventLoopBuilder};
use tao::platform::run_return::EventLoopExtRunReturn;
use tao::window::WindowBuilder;

#[derive(Debug)]
enum AppEvent {
    Wakeup,
    Tick,
}

impl From<Wakeup> for AppEvent {
    fn from(_: Wakeup) -> Self {
        Self::Wakeup
    }
}

struct Tao037;

impl Host for Tao037 {
    const NAME: &str = "tao 0.37";
    const HAS_WINDOW: bool = true;
    type State = Play;

    fn run(mut play: Play) -> (MessageRouter<Play>, Play) {
        let mut event_loop = EventLoopBuilder::<AppEvent>::with_user_event().build();
        let router = play.builder().build(event_loop.create_proxy());
        let window = WindowBuilder::new().with_visible(!play.is_hidden()).build(&event_loop);
        let window = window.expect("the display takes a window");
        if let Some(every) = play.ticks() {
            let proxy = event_loop.create_proxy();
            // tao's own `WaitUntil` does not wake a sleeping loop on Linux.
            gtk::glib::timeout_add_local(every, move || match proxy.send_event(AppEvent::Tick) {
                Ok(()) => gtk::glib::ControlFlow::Continue,
                Err(_) => gtk::glib::ControlFlow::Break,
            });
        }
        Play::begin(&mut play, &router);
        event_loop.run_return(|event, _, control_flow| {
            tao_037::handle_event(&router, &mut play, &event);
            match event {
                Event::UserEvent(AppEvent::Tick) => {
                    play.tick();
                    window.request_redraw();
                }
                Event::RedrawRequested(_) => play.redraw(),
                _ => {}
            }
            *control_flow = if play.is_over() { ControlFlow::Exit } else { ControlFlow::Wait };
        });
        drop((window, event_loop));
        (router, play)
    }
}

fn main() -> ExitCode {
    support::conformance_on_display::<Tao037>()
}
