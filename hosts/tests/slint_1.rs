//! The conformance of Slint 1, on its winit backend.

mod support;

use std::process::ExitCode;

use foreground::MessageRouter;
use foreground::event_loop::{Shared, slint_1};
use foreground::testing::conformance::{Host, Play};
use slint::{Color, ComponentHandle, EventLoopError, Timer, TimerMode};

slint::slint! {
    export component Stage inherits Window {
        in-out property <int> ticks;
        // Called when the colour is needed: when the window is drawn.
        pure callback drawn(int) -> color;
        width: 100px;
        height: 100px;
        Rectangle { background: root.drawn(root.ticks); }
    }
}

struct App {
    play: Play,
    stage: Stage,
}

impl AsMut<Play> for App {
    fn as_mut(&mut self) -> &mut Play {
        &mut self.play
    }
}

struct Slint1;

impl Host for Slint1 {
    const NAME: &str = "Slint 1";
    const HAS_WINDOW: bool = true;
    type State = App;

    fn run(mut play: Play) -> (MessageRouter<App>, App) {
        play.on_over(|| slint::quit_event_loop().expect("the loop runs"));
        let stage = Stage::new().expect("there is a display");
        stage.show().expect("the display takes a window");
        if play.is_hidden() {
            stage.hide().expect("the window is shown");
        }
        let timer = Timer::default();
        let shared = slint_1::route(play.builder(), |router| {
            let mut app = App { play, stage: stage.clone_strong() };
            Play::begin(&mut app, router);
            Ok::<_, EventLoopError>(app)
        });
        let shared = shared.expect("there is a loop");
        let weak = shared.downgrade();
        stage.on_drawn(move |ticks| {
            weak.defer(|app| app.play.redraw());
            Color::from_rgb_u8(ticks as u8, 0, 0)
        });
        if let Some(every) = shared.with(|app| app.play.ticks()).expect("no callback runs") {
            let tick = shared.callback(|app| {
                app.play.tick();
                app.stage.set_ticks(app.stage.get_ticks() + 1);
            });
            timer.start(TimerMode::Repeated, every, tick);
        }
        slint::run_event_loop_until_quit().expect("the loop runs");
        shared.into_parts().unwrap_or_else(|_: Shared<App>| unreachable!("no closure keeps the state"))
    }
}

fn main() -> ExitCode {
    support::conformance_on_display::<Slint1>()
}
