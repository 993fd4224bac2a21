//! Two workers and their bars in a window of SDL 3.
//!
//! ```text
//! cargo run -p foreground-hosts --features sdl3 --example sdl3
//! ```
//!
//! Look for: SDL has no adapter, and needs none. A custom event wakes the loop; the loop dispatches when it comes, and
//! settles when it has drawn. The bars grow while the button can be pressed and the window moved; closing the window
//! ends the workers, and a line tells how far they got.

use std::error::Error;
use std::ffi::CStr;
use std::time::Duration;

use foreground::MessageRouter;
use foreground_hosts::{Program, Workers};
use sdl3::EventPump;
use sdl3::event::{Event, WindowEvent};
use sdl3::pixels::Color;
use sdl3::render::{FPoint, FRect, WindowCanvas};

const PAPER: Color = Color::RGB(0xf7, 0xf8, 0xfa);
const INK: Color = Color::RGB(0x1f, 0x26, 0x33);
const TRACK: Color = Color::RGB(0xdc, 0xe1, 0xe8);
const BLUE: Color = Color::RGB(0x2f, 0x6f, 0xde);
const WHITE: Color = Color::RGB(0xff, 0xff, 0xff);
const BUTTON: FRect = FRect { x: 24.0, y: 184.0, w: 128.0, h: 32.0 };

/// Draws without a graphics card, which so little does not need.
const RENDERER: &CStr = c"software";

/// SDL can miss an event that a thread pushes in the very moment in which it goes to sleep. It is seen after this time.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// The event that wakes the loop.
struct Wakeup;

struct App {
    workers: Workers<Self>,
    is_changed: bool,
}

impl Program for App {
    fn workers(&mut self) -> &mut Workers<Self> {
        &mut self.workers
    }

    fn show(&mut self) {
        self.is_changed = true;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let sdl = sdl3::init()?; // on the main thread, as all of SDL but the waker
    let events = sdl.event()?;
    events.register_custom_event::<Wakeup>()?;
    let sender = events.event_sender();
    let router = MessageRouter::new(move || {
        let _ = sender.push_custom_event(Wakeup); // the error says that SDL has ended
    });
    router.start()?;
    let window = sdl.video()?.window("foreground in SDL 3", 480, 240).position_centered().hidden().build()?;
    let mut canvas = sdl3::render::create_renderer(window, Some(RENDERER))?; // may make the window anew
    canvas.window_mut().show();
    let mut pump = sdl.event_pump()?;
    let mut app = App { workers: Workers::start(&router)?, is_changed: true };
    let result = run(&router, &mut app, &mut pump, &mut canvas);
    app.workers.close(); // before SDL ends: no thread wakes a loop that has gone
    Ok(result?)
}

/// Runs the loop until the window is closed.
fn run(
    router: &MessageRouter<App>,
    app: &mut App,
    pump: &mut EventPump,
    canvas: &mut WindowCanvas,
) -> Result<(), sdl3::Error> {
    loop {
        let mut next = pump.wait_event_timeout(LONGEST_SLEEP);
        while let Some(event) = next {
            match event {
                Event::User { .. } => _ = router.dispatch(app),
                Event::Quit { .. } => return Ok(()),
                Event::MouseButtonDown { x, y, .. } if is_on_button(x, y) => app.cancel(),
                Event::Window { win_event: WindowEvent::Exposed, .. } => app.is_changed = true,
                _ => {}
            }
            next = pump.poll_event();
        }
        if std::mem::take(&mut app.is_changed) {
            draw(canvas, &app.workers)?;
        }
        router.settle(); // not before: what came meanwhile wakes the loop for its next turn
    }
}

fn is_on_button(x: f32, y: f32) -> bool {
    (BUTTON.x..BUTTON.x + BUTTON.w).contains(&x) && (BUTTON.y..BUTTON.y + BUTTON.h).contains(&y)
}

fn draw(canvas: &mut WindowCanvas, workers: &Workers<App>) -> Result<(), sdl3::Error> {
    canvas.set_draw_color(PAPER);
    canvas.clear();
    write(canvas, "Two workers", (24.0, 20.0), 3.0, INK)?;
    for (bar, y) in workers.bars.iter().zip([64.0, 120.0]) {
        write(canvas, &bar.text(), (24.0, y - 2.0), 2.0, INK)?;
        canvas.set_draw_color(TRACK);
        canvas.fill_rect(FRect::new(24.0, y + 20.0, 432.0, 14.0))?;
        canvas.set_draw_color(BLUE);
        canvas.fill_rect(FRect::new(24.0, y + 20.0, 432.0 * bar.done, 14.0))?;
    }
    canvas.set_draw_color(if workers.is_working() { BLUE } else { TRACK });
    canvas.fill_rect(BUTTON)?;
    write(canvas, "Cancel", (BUTTON.x + 16.0, BUTTON.y + 9.0), 2.0, WHITE)?;
    canvas.present();
    Ok(())
}

/// Writes with the letters of eight pixels that SDL brings, enlarged.
fn write(
    canvas: &mut WindowCanvas,
    text: &str,
    at: (f32, f32),
    size: f32,
    color: Color,
) -> Result<(), sdl3::Error> {
    canvas.set_draw_color(color);
    canvas.set_scale(size, size)?;
    canvas.draw_debug_text(text, FPoint { x: at.0 / size, y: at.1 / size })?;
    canvas.set_scale(1.0, 1.0)
}
