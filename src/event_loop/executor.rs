//! Any executor that runs futures on one thread: smol, futures' `LocalPool`, a toolkit's `spawn_local`, your own. Of tokio see
//! [`tokio_1`](crate::event_loop#modules).
//!
//! The router's event loop is a future. It needs nothing of the executor but the [`Waker`](std::task::Waker) that every
//! future is polled with.
//!
//! ```
//! use foreground::{MessageRouter, event_loop::executor};
//! # // What stands for the executor, here and below.
//! # mod smol {
//! #     use std::{pin::pin, sync::Arc, task::{Context, Poll, Wake}, thread::{self, Thread}};
//! #     struct Unpark(Thread);
//! #     impl Wake for Unpark { fn wake(self: Arc<Self>) { self.0.unpark() } }
//! #     pub fn block_on<T>(future: impl Future<Output = T>) -> T {
//! #         let (mut future, waker) = (pin!(future), Arc::new(Unpark(thread::current())).into());
//! #         loop {
//! #             match future.as_mut().poll(&mut Context::from_waker(&waker)) {
//! #                 Poll::Ready(output) => return output,
//! #                 Poll::Pending => thread::park(),
//! #             }
//! #         }
//! #     }
//! # }
//!
//! #[derive(Default)]
//! struct App { primes: Vec<u64>, is_done: bool }
//!
//! let (router, mut routing) = executor::route(MessageRouter::builder());
//! let (sender, receiver) = router.pipe()?;
//! receiver.on_message(|app: &mut App, prime: u64| app.primes.push(prime));
//! receiver.on_end(|app, _| app.is_done = true);
//! std::thread::spawn(move || sender.start().send(2_147_483_647));
//!
//! let mut app = App::default();
//! smol::block_on(routing.run(&mut app, |app| app.is_done));
//! assert_eq!(app.primes, [2_147_483_647]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`run`](Routing::run) has the state for itself as long as it runs. Where other tasks of the thread need the state
//! too, put it in a [`Shared`](super::Shared) and turn that when the routing is [`ready`](Routing::ready):
//!
//! ```
//! # use foreground::{MessageRouter, event_loop::{Shared, executor}};
//! # type App = u32;
//! # fn spawn_local(_: impl Future<Output = ()> + 'static) {}
//! let (router, mut routing) = executor::route(MessageRouter::builder());
//! let shared = Shared::new(router, App::default());
//! let turning = shared.clone();
//! spawn_local(async move {
//!     loop {
//!         routing.ready().await;
//!         turning.turn();
//!     }
//! });
//! ```
//!
//! # What an executor promises
//! - It is woken by the waker of the last poll. A waker that changes from poll to poll, as when the future moves to another
//!   task, is followed.
//! - One turn is one dispatch. After it the future gives way once, by waking itself and returning `Pending`, and only then
//!   settles. So under a flood every other task that is ready has its turn between two dispatches. Timers and sockets
//!   have theirs if the executor looks at them although a task is ready: smol does so at least every half
//!   millisecond, a loop that looks only when it would sleep never does. A thread that does nothing but `block_on` has
//!   no others.
//!   The same goes for drawing: where a toolkit runs tasks before it draws, as glib's and Slint's `spawn_local` do, a
//!   flood would leave the window as it is. For windows there are the toolkits' own adapters.
//! - The future never blocks, but for what callbacks do.
//! - A [`ready`](Routing::ready) or [`run`](Routing::run) that is dropped half-way, by a `select!` or a time-out, loses nothing:
//!   the next one goes on where it was. While there is none, messages wait.
//! - The future is `!Send`, for the router is: it runs where the router was made.
//! - When the executor has gone, a wake does nothing, or wakes a task that is no more, which is harmless; then
//!   [`route_until`](MessageRouter::route_until) goes on without it.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::{self, Context, Poll};

use parking_lot::Mutex;

use crate::{MessageRouter, MessageRouterBuilder, Waker};

/// Makes a router and the future side of its event loop, and starts the router. The calling thread is its foreground.
///
/// # Examples
///
/// ```
/// # use foreground::{MessageRouter, event_loop::executor};
/// let (router, routing) = executor::route(MessageRouter::<u32>::builder().name("downloads"));
/// assert_eq!(routing.router().name(), router.name());
/// ```
pub fn route<S: 'static>(builder: MessageRouterBuilder<S>) -> (MessageRouter<S>, Routing<S>) {
    let wakes = Arc::new(Wakes::default());
    let router = builder.build(Arc::clone(&wakes));
    // Nobody else has it yet, so it is not running.
    let _ = router.start();
    (router.clone(), Routing { router, wakes, has_given_way: false })
}

/// The event loop of a router, as futures; made by [`route`].
///
/// There is one for each router: two futures that waited for the same router would take each other's wakes. So its
/// methods borrow it.
///
/// It keeps the router.
#[must_use = "without it nothing is delivered; await `run` or `ready`"]
pub struct Routing<S: 'static> {
    router: MessageRouter<S>,
    wakes: Arc<Wakes>,
    /// Whether the executor had its turn since the last one of the router. It is kept here, as a future may be dropped
    /// before its end.
    has_given_way: bool,
}

impl<S: 'static> Routing<S> {
    /// Returns the router.
    pub fn router(&self) -> &MessageRouter<S> {
        &self.router
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
    /// ```
    /// # use foreground::{MessageRouter, event_loop::executor};
    /// # async fn example() {
    /// let (router, mut routing) = executor::route(MessageRouter::builder());
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// receiver.on_message(|sum, n| *sum += n);
    /// sender.start().send(1).unwrap();
    ///
    /// let mut sum = 0;
    /// routing.run(&mut sum, |sum| *sum == 1).await;
    /// # }
    /// ```
    pub async fn run(&mut self, state: &mut S, mut is_done: impl FnMut(&mut S) -> bool) {
        while !is_done(state) {
            self.ready().await;
            self.router.dispatch(state);
        }
    }

    /// Waits until there is something to [`dispatch`](MessageRouter::dispatch), which is then up to the caller. Settles the
    /// router before it waits. It may be ready when there turns out to be nothing, and is ready again if nobody dispatches.
    ///
    /// For loops that wait for other things too. Dropping the future before its end loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::executor::Routing};
    /// # struct App { is_done: bool }
    /// async fn run(mut routing: Routing<App>, app: &mut App) {
    ///     let router = routing.router().clone();
    ///     while !app.is_done {
    ///         routing.ready().await; // or a `select!` of this and others
    ///         router.dispatch(app);
    ///     }
    /// }
    /// ```
    pub async fn ready(&mut self) {
        poll_fn(|context| self.poll_ready(context, |context| context.waker().wake_by_ref())).await;
    }

    /// Polls [`ready`](Self::ready). `yield_to` has the task polled again when the executor had its turn.
    pub(super) fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        yield_to: impl FnOnce(&mut Context<'_>),
    ) -> Poll<()> {
        // Before the router settles: while it is held, no send wakes.
        if !mem::replace(&mut self.has_given_way, true) {
            yield_to(context);
            return Poll::Pending;
        }
        self.router.settle();
        if self.wakes.poll(context.waker()).is_pending() {
            // Has the router woken again if it was ready the last time and nobody dispatched.
            self.router.settle();
            return Poll::Pending;
        }
        self.has_given_way = false;
        Poll::Ready(())
    }
}

impl<S: 'static> fmt::Debug for Routing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routing").field("router", &self.router).finish_non_exhaustive()
    }
}

/// Where the router's wakes meet the future. The waker is foreign code: it is cloned, woken and dropped without the lock.
#[derive(Default)]
struct Wakes(Mutex<State>);

#[derive(Default)]
enum State {
    /// Nobody waits, and nothing came.
    #[default]
    Idle,
    /// A task waits.
    Waiting(task::Waker),
    /// A wake came that nobody has taken yet.
    Woken,
}

impl Wakes {
    /// Takes the wake that came, or has `waker` woken by the next one.
    fn poll(&self, waker: &task::Waker) -> Poll<()> {
        let waiting = State::Waiting(waker.clone());
        let mut state = self.0.lock();
        let (next, poll) = match *state {
            State::Woken => (State::Idle, Poll::Ready(())),
            State::Idle | State::Waiting(_) => (waiting, Poll::Pending),
        };
        let last = mem::replace(&mut *state, next);
        drop(state);
        drop(last);
        poll
    }
}

impl Waker for Wakes {
    fn wake(&self) {
        let last = mem::replace(&mut *self.0.lock(), State::Woken);
        if let State::Waiting(waker) = last {
            waker.wake();
        }
    }
}
