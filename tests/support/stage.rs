//! The application that all scenarios are acted with, apart from the version of winit.
//!
//! A scenario sees [`App`] and [`Event`]; the file of each version implements [`Host`], and that version's
//! handler by calling [`App::is_open`], [`App::on`] and [`App::turn`].

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use foreground::MessageRouter;
use winit::raw_window_handle::{HasDisplayHandle, HasWindowHandle};
// Whichever version is there: both pass on the same crate.
#[cfg(feature = "winit-030")]
use winit_030 as winit;
#[cfg(not(feature = "winit-030"))]
use winit_031 as winit;

/// The windows' title, by which the parent finds them.
pub const TITLE: &str = "foreground window test";
/// The windows' size.
pub const WIDTH: u32 = 240;
pub const HEIGHT: u32 = 160;

/// How an application is put together with its router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integration {
    /// The lines in the application's own handler.
    ByHand,
    /// The wrapper, and user events of the application's own where they have a type.
    Routed,
}

/// A version of winit.
pub trait Host {
    /// Runs a scenario until it leaves the loop, and drops the loop.
    fn play<P: Scenario>(integration: Integration, play: P) -> (MessageRouter<App<P>>, App<P>);
}

/// What happens to the application besides messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    KeyPressed,
    CloseRequested,
    Redraw,
    /// A user event or its like, after the router has dispatched.
    Woken,
    AboutToWait,
}

/// What the child process does in its loop.
pub trait Scenario: Sized + 'static {
    /// The window is open; pipes and workers can be made.
    fn begin(app: &mut App<Self>);

    fn on(app: &mut App<Self>, event: Event) {
        let _ = (app, event);
    }
}

/// The state of a routed application.
pub struct App<P: 'static> {
    pub play: P,
    pub router: MessageRouter<Self>,
    pub window: Option<Box<dyn Window>>,
    /// What the window is filled with at the next redraw: red, green, blue.
    pub colour: [u8; 3],
    /// When the loop is to turn even if nothing happens.
    pub next_turn: Option<Instant>,
    /// Whether to leave the loop.
    pub leaving: bool,
    /// Turns of the loop so far, for other threads to see.
    pub turns: Arc<AtomicU64>,
    /// Wakes the loop as the router would, but behind its back.
    pub bare_wake: Arc<dyn Fn() + Send + Sync>,
}

impl<P: Scenario> App<P> {
    pub fn new(play: P, router: &MessageRouter<Self>, bare_wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            play,
            router: router.clone(),
            window: None,
            colour: [0x40, 0x40, 0x40],
            next_turn: None,
            leaving: false,
            turns: Arc::default(),
            bare_wake: Arc::new(bare_wake),
        }
    }

    /// The host has opened the window.
    pub fn is_open(&mut self, window: impl Window + 'static) {
        self.window = Some(Box::new(window));
        P::begin(self);
    }

    /// The host reports an event.
    pub fn on(&mut self, event: Event) {
        if event == Event::Redraw {
            self.window().paint(self.colour);
        }
        P::on(self, event);
    }

    /// The host is about to wait. It is to leave the loop, or to wait no longer than until the time
    /// returned.
    pub fn turn(&mut self) -> Result<Option<Instant>, Leave> {
        // Relaxed: a count for others to watch.
        self.turns.fetch_add(1, Ordering::Relaxed);
        P::on(self, Event::AboutToWait);
        if self.leaving { Err(Leave) } else { Ok(self.next_turn) }
    }

    pub fn window(&self) -> &dyn Window {
        self.window.as_deref().expect("the window is open")
    }
}

/// The scenario is over.
#[derive(Debug)]
pub struct Leave;

/// A window of some version.
pub trait Window {
    fn request_redraw(&self);
    fn set_visible(&self, visible: bool);
    fn minimize(&self);
    /// Fills the window, and puts it on the screen.
    fn paint(&self, colour: [u8; 3]);
}

/// The pixels of a window.
pub struct Canvas<W: HasDisplayHandle + HasWindowHandle + ?Sized> {
    surface: RefCell<softbuffer::Surface<Rc<W>, Rc<W>>>,
}

impl<W: HasDisplayHandle + HasWindowHandle + ?Sized> Canvas<W> {
    pub fn new(window: &Rc<W>) -> Self {
        let context = softbuffer::Context::new(Rc::clone(window)).expect("X11 can show pixels");
        let surface =
            softbuffer::Surface::new(&context, Rc::clone(window)).expect("the window is one of X11");
        Self { surface: RefCell::new(surface) }
    }

    pub fn paint(&self, [red, green, blue]: [u8; 3], width: u32, height: u32) {
        let (Some(width), Some(height)) = (NonZeroU32::new(width), NonZeroU32::new(height)) else {
            return;
        };
        let mut surface = self.surface.borrow_mut();
        surface.resize(width, height).expect("the size is possible");
        let mut buffer = surface.buffer_mut().expect("the window has pixels");
        buffer.fill(u32::from_be_bytes([0, red, green, blue]));
        buffer.present().expect("the window takes its pixels");
    }
}

/// Waits until the loop has not turned for `rest`: it sleeps. Returns how many turns it had made by then.
pub fn wait_for_rest(turns: &AtomicU64, rest: Duration) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut seen = turns.load(Ordering::Relaxed);
    let mut since = Instant::now();
    while since.elapsed() < rest {
        thread::sleep(Duration::from_millis(5));
        let now = turns.load(Ordering::Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        assert!(Instant::now() < deadline, "the loop, which has nothing to do, does not rest");
    }
    seen
}

/// Keeps the processor busy, as a callback with work to do.
pub fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
