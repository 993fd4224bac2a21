//! Event loops with the router in them, by this crate's adapters: one file a host.

mod calloop;
#[cfg(feature = "glib")]
mod glib;
#[cfg(feature = "slint")]
mod slint;
mod tokio;

use std::marker::PhantomData;

use foreground::{MessageRouter, StartedSender};

pub use self::calloop::CalloopSource;
#[cfg(feature = "glib")]
pub use self::glib::GlibSource;
#[cfg(feature = "slint")]
pub use self::slint::{SlintRouter, quit};
pub use self::tokio::TokioRouting;
use crate::app::{App, Message};
use crate::peers::{Loop, Peer, Place, Unbounded, open_pipes};

/// A loop that has its router.
pub trait Adapter: Sized + 'static {
    /// Where the measurements with this loop are made.
    const PLACE: Place = Place::Here;

    fn new() -> Self;

    /// The router, which runs.
    fn router(&self) -> &MessageRouter<App>;

    /// Runs until the application is done.
    fn run(&mut self, app: App) -> App;
}

/// The adapter at work.
pub struct Adapted<A>(PhantomData<A>);

impl<A: Adapter> Peer for Adapted<A> {
    const PLACE: Place = A::PLACE;

    type Loop<M: Message> = AdaptedLoop<A>;
}

pub struct AdaptedLoop<A>(A);

impl<A: Adapter, M: Message> Loop<M> for AdaptedLoop<A> {
    type Sender = StartedSender<M>;

    fn open(pipes: usize) -> (Self, Vec<StartedSender<M>>) {
        let adapter = A::new();
        let senders = open_pipes::<Unbounded, M>(adapter.router(), pipes);
        (Self(adapter), senders)
    }

    fn run(&mut self, app: App) -> App {
        self.0.run(app)
    }
}
