//! The conformance of SDL 3, by a closure waker.

mod support;

use std::ffi::CStr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use foreground::MessageRouter;
use foreground::testing::conformance::{Host, Play};
use sdl3::event::Event;

/// What wakes the loop.
struct Wakeup;

/// SDL can miss an event that is pushed just while it goes to sleep; then it sees it after this time.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// Draws without a graphics card.
const RENDERER: &CStr = c"software";

struct Sdl3;

impl Host for Sdl3 {
    const NAME: &str = "SDL 3";
    const HAS_WINDOW: bool = true;
    type State = Play;

    fn run(mut play: Play) -> (MessageRouter<Play>, Play) {
        let sdl = sdl3::init().expect("SDL starts on the main thread");
        let video = sdl.video().expect("there is a display");
        let events = sdl.event().expect("SDL has events");
        events.register_custom_event::<Wakeup>().expect("an event of the program's own");
        // Threads that outlive SDL must not call it.
        let sender = Arc::new(Mutex::new(Some(events.event_sender())));
        let waker = Arc::clone(&sender);
        let router = play.builder().build(move || {
            if let Some(sender) = &*waker.lock().unwrap_or_else(PoisonError::into_inner) {
                let _ = sender.push_custom_event(Wakeup);
            }
        });

        let mut builder = video.window(Self::NAME, 240, 160);
        if play.is_hidden() {
            builder.hidden();
        }
        let window = builder.build().expect("the display takes a window");
        let mut canvas = sdl3::render::create_renderer(window, Some(RENDERER)).expect("pixels");
        let mut pump = sdl.event_pump().expect("the only one");
        let mut next_tick = play.ticks().map(|every| Instant::now() + every);
        Play::begin(&mut play, &router);
        while !play.is_over() {
            let sleep = next_tick.map_or(LONGEST_SLEEP, |due| due.saturating_duration_since(Instant::now()));
            let mut next = pump.wait_event_timeout(sleep.min(LONGEST_SLEEP));
            while let Some(event) = next {
                if let Event::User { .. } = event {
                    router.dispatch(&mut play);
                }
                next = pump.poll_event();
            }
            if let Some(due) = next_tick.as_mut().filter(|due| **due <= Instant::now()) {
                *due = Instant::now() + Play::TICK;
                play.tick();
                canvas.clear();
                canvas.present();
                play.redraw();
            }
            router.settle();
        }
        sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        (router, play)
    }
}

fn main() -> ExitCode {
    support::conformance_on_display::<Sdl3>()
}
