//! Event loops in which a router can live, or a plain queue: one file a host.

mod calloop;
#[cfg(feature = "egui")]
mod egui;
mod park;
#[cfg(feature = "winit")]
mod winit_030;
#[cfg(feature = "winit")]
mod winit_031;

use foreground::Waker;

pub use self::calloop::Calloop;
#[cfg(feature = "egui")]
pub use self::egui::Egui;
pub use self::park::Park;
#[cfg(feature = "winit")]
pub use self::winit_030::Winit030;
#[cfg(feature = "winit")]
pub use self::winit_031::Winit031;
use crate::app::App;
use crate::peers::Place;

/// An event loop that can be woken from other threads, and that keeps a timer.
pub trait Host: Sized + 'static {
    /// Where the measurements with this loop are made.
    const PLACE: Place = Place::Here;

    type Waker: Waker + Clone;

    fn new() -> Self;

    fn waker(&self) -> Self::Waker;

    /// Runs until the guest's application is done.
    fn run(&mut self, guest: &mut dyn Guest);
}

/// What lives in a host. `E` is what a wake brings along.
pub trait Guest<E = ()> {
    fn app(&mut self) -> &mut App;

    /// The loop was woken.
    fn woken(&mut self, event: E);

    /// The loop has nothing left to do in this turn.
    fn settle(&mut self) {}
}
