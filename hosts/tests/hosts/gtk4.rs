//! GTK 4 as a host of the conformance tests: a window that is drawn with each tick.

use foreground::MessageRouter;
use foreground::event_loop::glib_022::{self, ForeignContextError};
use foreground::testing::conformance::{Host, Play};
use gtk4::glib::{self, ControlFlow, MainLoop};
use gtk4::prelude::*;
use gtk4::{DrawingArea, Window};

pub struct Gtk4;

impl Host for Gtk4 {
    const NAME: &str = "GTK 4 by glib 0.22";
    const HAS_WINDOW: bool = true;
    type State = Play;

    fn run(play: Play) -> (MessageRouter<Play>, Play) {
        gtk4::init().expect("there is a display");
        let main_loop = MainLoop::new(None, false);
        let (ticks, is_hidden) = (play.ticks(), play.is_hidden());
        let shared = glib_022::route(play.builder(), |_| Ok::<_, ForeignContextError>(play))
            .expect("this thread owns the context");
        let begun = shared.with(|play| {
            let main_loop = main_loop.clone();
            play.on_over(move || main_loop.quit());
            Play::begin(play, shared.router());
        });
        begun.expect("nobody else has the play");

        let area = DrawingArea::new();
        let drawn = shared.callback(|play| play.redraw());
        area.set_draw_func(move |_, _, _, _| drawn());
        let window = Window::builder().child(&area).build();
        if is_hidden {
            WidgetExt::realize(&window);
        } else {
            window.present();
        }
        if let Some(every) = ticks {
            let (tick, area) = (shared.callback(|play| play.tick()), area.clone());
            glib::timeout_add_local(every, move || {
                tick();
                area.queue_draw();
                ControlFlow::Continue
            });
        }
        main_loop.run();
        window.destroy();
        drop(main_loop);
        shared.into_parts().expect("the closures do not keep the state")
    }
}
