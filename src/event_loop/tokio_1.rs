//! tokio 1, on one thread: a current-thread runtime, or a `LocalSet`.
//!
//! The router's event loop is a future, as in [`executor`], that gives way as tokio wants it.
//!
//! ```
//! use foreground::{MessageRouter, event_loop::tokio_1};
//!
//! #[derive(Default)]
//! struct App { primes: Vec<u64>, is_done: bool }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let (router, mut routing) = tokio_1::route(MessageRouter::builder());
//! let (sender, receiver) = router.pipe()?;
//! receiver.on_message(|app: &mut App, prime: u64| app.primes.push(prime));
//! receiver.on_end(|app, _| app.is_done = true);
//! std::thread::spawn(move || sender.start().send(2_147_483_647));
//!
//! let mut app = App::default();
//! runtime.block_on(routing.run(&mut app, |app| app.is_done));
//! assert_eq!(app.primes, [2_147_483_647]);
//! # Ok(()) }
//! ```
//!
//! [`run`](Routing::run) has the state for itself. A program that reacts to other things too waits for all of them at
//! once, and dispatches when the routing is [`ready`](Routing::ready):
//!
//! ```no_run
//! # use foreground::event_loop::tokio_1::Routing;
//! # struct App { is_done: bool }
//! # impl App { fn tick(&mut self) {} }
//! async fn run(mut routing: Routing<App>, app: &mut App) {
//!     let router = routing.router().clone();
//!     let mut ticks = tokio::time::interval(std::time::Duration::from_secs(1));
//!     while !app.is_done {
//!         tokio::select! {
//!             () = routing.ready() => { router.dispatch(app); }
//!             _ = ticks.tick() => app.tick(),
//!         }
//!     }
//! }
//! ```
//!
//! Tasks of a `LocalSet` that each need the state have it in a [`Shared`](super::Shared); see
//! [`executor`].
//!
//! # What tokio promises
//! - It is woken by the task's waker.
//! - tokio looks at its timers and sockets when no task is ready, and otherwise once in 61 polls of tasks. A task that wakes
//!   itself to go on is always ready: under a flood it left a timer of a `LocalSet` 4 % of its ticks, half a second apart.
//!   So the routing gives way by [`yield_now`](tokio::task::yield_now) after each dispatch, which lets all ready tasks,
//!   the timers and the sockets have their turn first, and settles after that: 87 % of the ticks, at most 36 ms apart.
//! - In `block_on` of a runtime with several threads it works too; there timers are the other threads' business.
//! - The future is `!Send`: it runs in `block_on` or by `spawn_local`, never by `tokio::spawn`.
//! - Dropping a future before its end loses nothing. When the runtime has gone, a wake does nothing.
//! - `select!` picks among what is ready by chance. With `biased;`, a branch above the routing that is always ready starves
//!   it.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::pin;

use super::executor;
use crate::{MessageRouter, MessageRouterBuilder};

/// Makes a router and the future side of its event loop, and starts the router. The calling thread is its foreground. It
/// need not be in a runtime yet.
///
/// # Examples
///
/// ```
/// # use foreground::{MessageRouter, event_loop::tokio_1};
/// let (router, routing) = tokio_1::route(MessageRouter::<u32>::builder().name("downloads"));
/// assert_eq!(routing.router().name(), router.name());
/// ```
pub fn route<S: 'static>(builder: MessageRouterBuilder<S>) -> (MessageRouter<S>, Routing<S>) {
    let (router, routing) = executor::route(builder);
    (router, Routing(routing))
}

/// The event loop of a router, as futures on tokio; made by [`route`].
///
/// There is one for each router. It keeps the router.
#[must_use = "without it nothing is delivered; await `run` or `ready`"]
pub struct Routing<S: 'static>(executor::Routing<S>);

impl<S: 'static> Routing<S> {
    /// Returns the router.
    pub fn router(&self) -> &MessageRouter<S> {
        self.0.router()
    }

    /// Delivers messages, waiting for more, until `is_done` holds. It is looked at on entry, and after each turn.
    ///
    /// While the router is stopped, and since [`route_until`](MessageRouter::route_until) took over, nothing is
    /// delivered, and this waits.
    ///
    /// # Panics
    /// As [`dispatch`](MessageRouter::dispatch), when a callback does. A new call goes on with the next message.
    ///
    /// # Examples
    ///
    /// With a time-out:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foreground::{MessageRouter, event_loop::tokio_1};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let (router, mut routing) = tokio_1::route(MessageRouter::<u32>::builder());
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// receiver.on_message(|sum, n| *sum += n);
    /// let sender = sender.start();
    ///
    /// let (mut sum, time) = (0, Duration::from_millis(1));
    /// assert!(tokio::time::timeout(time, routing.run(&mut sum, |sum| *sum > 0)).await.is_err());
    /// sender.send(1).unwrap();
    /// routing.run(&mut sum, |sum| *sum > 0).await;
    /// assert_eq!(sum, 1);
    /// # });
    /// ```
    pub async fn run(&mut self, state: &mut S, mut is_done: impl FnMut(&mut S) -> bool) {
        while !is_done(state) {
            self.ready().await;
            self.router().dispatch(state);
        }
    }

    /// Waits until there is something to [`dispatch`](MessageRouter::dispatch), which is then up to the caller. Settles the
    /// router before it waits. It may be ready when there turns out to be nothing, and is ready again if nobody dispatches.
    ///
    /// For `select!` and its like. Dropping the future before its end loses nothing.
    ///
    /// # Examples
    ///
    /// The module shows one with a timer.
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::tokio_1};
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let (router, mut routing) = tokio_1::route(MessageRouter::<u32>::builder());
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// receiver.on_message(|sum, n| *sum += n);
    /// sender.start().send(1).unwrap();
    ///
    /// let mut sum = 0;
    /// routing.ready().await;
    /// assert_eq!(router.dispatch(&mut sum).delivered, 1);
    /// # });
    /// ```
    pub async fn ready(&mut self) {
        poll_fn(|context| {
            self.0.poll_ready(context, |context| {
                // Its first poll hands the waker to the runtime, which keeps it until everything else had its turn.
                // Nothing is left for a second poll to do.
                let _ = pin!(tokio::task::yield_now()).poll(context);
            })
        })
        .await;
    }
}

impl<S: 'static> fmt::Debug for Routing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routing").field("router", self.router()).finish_non_exhaustive()
    }
}
