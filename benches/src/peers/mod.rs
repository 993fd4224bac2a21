//! Ways to bring messages to callbacks on one thread: one file each.

mod calloop_channel;
mod flume;
mod foreground;
#[cfg(feature = "glib")]
mod glib_channel;
#[cfg(feature = "glib")]
mod glib_invoke;
pub mod qt;
mod raw;
#[cfg(feature = "slint")]
mod slint_invoke;
mod slot;
mod std_mpsc;
mod tasks;
mod tokio;
#[cfg(feature = "winit")]
mod winit_030;
mod woken_queue;

use std::ops::RangeInclusive;

pub use self::calloop_channel::CalloopChannel;
pub use self::flume::Flume;
pub use self::foreground::{Bounded, Foreground, Latest, Unbounded, open_pipes, run_in};
#[cfg(feature = "glib")]
pub use self::glib_channel::{GlibChannel, after};
#[cfg(feature = "glib")]
pub use self::glib_invoke::GlibInvoke;
pub use self::raw::{Raw, a_channel_for_each};
#[cfg(feature = "slint")]
pub use self::slint_invoke::SlintInvoke;
pub use self::slot::Slot;
pub use self::std_mpsc::StdMpsc;
pub use self::tasks::{Executor, Oneshot, Outcome, Shared, Tasks, Woken};
pub use self::tokio::Tokio;
#[cfg(feature = "winit")]
pub use self::winit_030::UserEvents;
pub use self::woken_queue::WokenQueue;
use crate::app::{App, Message};

/// How many messages a bounded pipe holds.
pub const CAPACITY: usize = 1_000;

/// Where a peer is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Here,
    /// In a process for each measurement, for winit allows one event loop a process. It needs a display.
    OwnProcessWithDisplay,
}

pub trait Peer {
    const PLACE: Place = Place::Here;

    /// It at work, for messages of one type.
    type Loop<M: Message>: Loop<M>;
}

/// An event loop of this thread, with callbacks.
pub trait Loop<M: Message>: Sized + 'static {
    type Sender: Sender<M>;

    /// Makes the loop with a number of pipes, of which each has its callback.
    fn open(pipes: usize) -> (Self, Vec<Self::Sender>);

    /// Runs until the application is done.
    fn run(&mut self, app: App) -> App;
}

/// The worker's end of a pipe.
pub trait Sender<M: Message>: Send + 'static {
    fn send(&self, message: M);

    /// Sends the messages of these numbers, in a loop that knows whom it calls.
    fn send_numbers(&self, numbers: RangeInclusive<u64>) {
        numbers.for_each(|number| self.send(M::numbered(number)));
    }
}

/// A peer's loop and its senders, for code that is to be compiled once and not for each peer.
pub struct Opened<M> {
    pub run: Box<dyn FnMut(App) -> App>,
    pub senders: Vec<Box<dyn Sender<M>>>,
}

/// Makes a loop with a number of pipes.
pub fn open<P: Peer, M: Message>(pipes: usize) -> Opened<M> {
    let (mut peer, senders) = P::Loop::<M>::open(pipes);
    let senders = senders.into_iter().map(|sender| Box::new(sender) as Box<_>).collect();
    Opened { run: Box::new(move |app| peer.run(app)), senders }
}

/// A sender for one of several pipes that share a channel.
pub struct Tagged<S> {
    id: usize,
    sender: S,
}

impl<S: Clone> Tagged<S> {
    fn for_each_pipe(pipes: usize, sender: &S) -> Vec<Self> {
        (0..pipes).map(|id| Self { id, sender: sender.clone() }).collect()
    }
}
