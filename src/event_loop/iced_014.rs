//! iced 0.14.
//!
//! An application of iced sees of the event loop a [`Subscription`], which yields messages, and its `update`, which
//! gets them. [`route`] makes a router and its [`Wakes`], whose subscription yields a [`Wakeup`] when there is
//! something to dispatch. The router lives in the application's state, which need not be `Send`.
//!
//! ```no_run
//! use foreground::{MessageRouter, event_loop::iced_014::{self, Wakes, Wakeup}};
//! # // What stands for iced here; the example `iced` is built with the real one.
//! # mod iced {
//! #     pub use iced_futures_014::Subscription;
//! #     pub mod widget { pub struct Text; pub fn text(_: String) -> Text { Text } }
//! #     pub struct Program<S, M>(fn() -> S, fn(&mut S, M));
//! #     pub fn application<S, M>(boot: fn() -> S, update: fn(&mut S, M), _: fn(&S) -> widget::Text) -> Program<S, M> {
//! #         Program(boot, update)
//! #     }
//! #     impl<S, M> Program<S, M> {
//! #         pub fn subscription(self, _: fn(&S) -> Subscription<M>) -> Self { self }
//! #         pub fn run(self) -> Result<(), std::fmt::Error> { Ok(()) }
//! #     }
//! # }
//! use iced::{Subscription, widget::{Text, text}};
//!
//! #[derive(Clone, Debug)]
//! enum Message { Wakeup(Wakeup) }
//!
//! struct App { router: MessageRouter<Self>, wakes: Wakes, primes: Vec<u64> }
//!
//! impl App {
//!     fn new() -> Self {
//!         let (router, wakes) = iced_014::route(MessageRouter::builder());
//!         let (sender, receiver) = router.pipe().expect("the router runs");
//!         receiver.on_message(|app: &mut Self, prime: u64| app.primes.push(prime));
//!         receiver.detach();
//!         std::thread::spawn(move || sender.start().send(2_147_483_647));
//!         Self { router, wakes, primes: Vec::new() }
//!     }
//!
//!     fn update(&mut self, message: Message) {
//!         match message {
//!             Message::Wakeup(_) => {
//!                 self.router.clone().dispatch(self);
//!                 self.router.settle();
//!             }
//!         }
//!     }
//!
//!     fn view(&self) -> Text {
//!         text(format!("{} primes", self.primes.len()))
//!     }
//!
//!     fn subscription(&self) -> Subscription<Message> {
//!         self.wakes.subscription().map(Message::Wakeup)
//!     }
//! }
//!
//! iced::application(App::new, App::update, App::view).subscription(App::subscription).run()?;
//! # Ok::<(), std::fmt::Error>(())
//! ```
//!
//! # Under a flood
//! At most one wake-up is under way, whatever is sent: the next comes when `update` has settled. iced calls `update`
//! at the end of a turn of its loop, and draws in the next turn before it calls it again. So input, timers and
//! redraws have their turn between two dispatches.
//!
//! iced builds its views anew and draws every window after each message to `update`, so also after a wake-up. A burst
//! costs one redraw and not one a message, and a `latest_pipe` or a larger [`Budget`](crate::Budget) less than many
//! small dispatches; when nothing is sent, nothing is drawn.
//!
//! As everything that a subscription yields, a wake-up goes from the sender to a thread of iced's executor, from there
//! to iced's proxy, and then to the loop. It takes as long as a message of a stream of your own.
//!
//! # Subscriptions that come and go
//! A subscription is known by its router. An application may have several, and batch their subscriptions. As long as
//! it returns none for a router, messages wait; when it does again, they are dispatched.
//!
//! # Windows, and the end
//! Messages arrive whether windows are shown, minimised or hidden, and in a `daemon` also when there is none.
//!
//! iced drops the state when its loop ends, with it the router and what its pipes still hold; workers learn it from
//! their next send. To see them end first, set `exit_on_close_request(false)`, subscribe to `window::close_requests()`,
//! and in `update` call [`route_until`](MessageRouter::route_until) or join the workers, and return `iced::exit()`. A
//! wake after the end does nothing. A panic in a callback is one in `update`, and ends iced.
//!
//! iced has no nested loops. While the user resizes or moves a window on Windows, iced calls `update` from inside the
//! system's modal loop; that was read in its sources. It was run on Linux, on X11 and with the executors
//! of the features `thread-pool` and `smol`, and could not be run on Windows and macOS.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem;
use std::sync::Arc;
use std::task::{self, Context, Poll};

use iced_futures_014::Subscription;
use iced_futures_014::futures::stream::{self, Stream};
use parking_lot::Mutex;

use crate::{MessageRouter, MessageRouterBuilder, Waker};

/// Makes a router and the source of its wake-ups, and starts the router. The calling thread is its foreground: the one
/// that runs iced, be it before it does or in its `boot`.
///
/// # Examples
///
/// ```
/// use foreground::{MessageRouter, event_loop::iced_014};
///
/// struct App;
/// let (router, wakes) = iced_014::route(MessageRouter::<App>::builder().name("downloads"));
/// # let _ = (router, wakes);
/// ```
pub fn route<S: 'static>(builder: MessageRouterBuilder<S>) -> (MessageRouter<S>, Wakes) {
    let wakes = Wakes::default();
    let router = builder.build(wakes.clone());
    // A new router is not running.
    let _ = router.start();
    (router, wakes)
}

/// The message that means: dispatch, and settle.
///
/// It may come when there turns out to be nothing to dispatch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wakeup;

/// Where the wakes of a router meet iced; made by [`route`]. A cheap handle, to be kept in the application's state.
#[derive(Clone, Default)]
pub struct Wakes(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Whether a wake came that no subscription has taken.
    is_woken: bool,
    /// The tasks that wait for one: that of the subscription, and for a moment that of an earlier one.
    waiting: Vec<task::Waker>,
}

impl Wakes {
    /// Returns a subscription that yields a message whenever the router is to be dispatched. To be returned by the
    /// application's `subscription`, as long as it wants to receive.
    ///
    /// Of several with different messages for the same router, each wake reaches one.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::event_loop::iced_014::{Wakes, Wakeup};
    /// # use iced_futures_014 as iced;
    /// use iced::Subscription;
    ///
    /// enum Message { Downloads(Wakeup), Thumbnails(Wakeup) }
    ///
    /// fn subscription(downloads: &Wakes, thumbnails: &Wakes) -> Subscription<Message> {
    ///     Subscription::batch([
    ///         downloads.subscription().map(Message::Downloads),
    ///         thumbnails.subscription().map(Message::Thumbnails),
    ///     ])
    /// }
    /// ```
    pub fn subscription(&self) -> Subscription<Wakeup> {
        Subscription::run_with(Identity(self.clone()), |Identity(wakes)| wakes.stream())
    }

    fn stream(&self) -> impl Stream<Item = Wakeup> + use<> {
        let listening = Listening(self.clone());
        stream::poll_fn(move |context| listening.0.poll(context).map(Some))
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Wakeup> {
        // A task's waker is foreign code: it is cloned, woken and dropped without the lock.
        let waker = context.waker().clone();
        let mut state = self.0.lock();
        if mem::take(&mut state.is_woken) {
            return Poll::Ready(Wakeup);
        }
        if !state.waiting.iter().any(|waiting| waiting.will_wake(&waker)) {
            state.waiting.push(waker);
        }
        Poll::Pending
    }
}

impl Waker for Wakes {
    fn wake(&self) {
        let waiting = {
            let mut state = self.0.lock();
            state.is_woken = true;
            mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(task::Waker::wake);
    }
}

impl fmt::Debug for Wakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wakes")
    }
}

/// What a stream that waits has of the wakes. When it goes, its task is not to be kept, and who else waits looks again.
struct Listening(Wakes);

impl Drop for Listening {
    fn drop(&mut self) {
        let waiting = mem::take(&mut self.0.0.lock().waiting);
        waiting.into_iter().for_each(task::Waker::wake);
    }
}

/// By what iced knows a subscription again. Its stream keeps the `Wakes`: while it runs no others are there.
struct Identity(Wakes);

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0.0).hash(state);
    }
}
