//! calloop 0.14.
//!
//! The router is an event source among the others, and the loop's data is its state: callbacks of the router get the
//! same `&mut Data` as those of timers, sockets and signals.
//!
//! ```no_run
//! use foreground::{MessageRouter, event_loop::calloop_014};
//! # use ::calloop_014 as calloop;
//! use calloop::{EventLoop, LoopSignal};
//!
//! struct App { primes: Vec<u64>, signal: LoopSignal }
//!
//! let mut event_loop = EventLoop::try_new()?;
//! let router = calloop_014::route(MessageRouter::builder(), &event_loop.handle())?;
//! let (sender, receiver) = router.pipe()?;
//! receiver.on_message(|app: &mut App, prime: u64| app.primes.push(prime));
//! receiver.on_end(|app, _| app.signal.stop());
//! std::thread::spawn(move || sender.start().send(2_147_483_647));
//!
//! let mut app = App { primes: Vec::new(), signal: event_loop.get_signal() };
//! event_loop.run(None, &mut app, |_| {})?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`route`] is for loops whose data is the router's state. If it is only a part of the data, insert a
//! [`RouterSource`].
//!
//! # What calloop promises
//! - It is woken by a [`Ping`]: one write to an eventfd on Linux, to a pipe on other Unix systems, one completion packet
//!   on Windows.
//! - The source dispatches when it is its turn, and settles just before the loop polls. If the budget was spent, it says
//!   there that it has an event, and the loop polls without waiting: going on costs no system call but that poll.
//! - Under a flood each turn is one dispatch, and then every other source that is ready, timers included. Idle callbacks
//!   run once a turn too.
//! - The order of the sources in one turn is calloop's. One that always has work to do delays messages by what it does
//!   in a turn, and no more.
//! - While the source is disabled, nothing is delivered and nothing lost: messages wait until it is enabled. The same
//!   holds for a source that is removed from one loop and inserted in another.
//! - The source does not keep the router. Once the last handle of the router and the last sender have gone, it removes
//!   itself. So keep a handle, in the loop's data or beside it; closures of the router may keep a
//!   [`LoopHandle`] without closing a circle.
//! - When the loop has gone, a wake does nothing; [`route_until`](MessageRouter::route_until) goes on without it.
//!
//! A loop that is driven by hand, with a timeout of zero for each frame, say, must go on doing so: there is nobody
//! whom a wake could reach while it does not poll.
//!
//! It was run on Linux. On other systems nothing but the ping differs.

use std::fmt;

use calloop_014::ping::{Ping, PingError, PingSource, make_ping};
use calloop_014::{EventSource, LoopHandle, Poll, PostAction, Readiness, Token, TokenFactory};

use crate::router::WeakRouter;
use crate::{Dispatched, MessageRouter, MessageRouterBuilder, Waker};

/// Makes a router whose state is the data of the loop, inserts it in the loop, and starts it. The calling thread, which
/// must be the loop's, is its foreground.
///
/// # Errors
/// What the system says when it has no descriptor left for the ping, or the loop when it cannot watch it.
///
/// # Examples
///
/// ```
/// use foreground::{MessageRouter, event_loop::calloop_014};
/// # use ::calloop_014 as calloop;
///
/// let mut event_loop = calloop::EventLoop::<Vec<u64>>::try_new()?;
/// let router = calloop_014::route(MessageRouter::builder(), &event_loop.handle())?;
/// let (sender, receiver) = router.pipe()?;
/// receiver.on_message(|primes: &mut Vec<u64>, prime| primes.push(prime));
/// std::thread::spawn(move || sender.start().send(7));
///
/// let mut primes = Vec::new();
/// while primes.is_empty() {
///     event_loop.dispatch(None, &mut primes)?;
/// }
/// assert_eq!(primes, [7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn route<S: 'static>(
    builder: MessageRouterBuilder<S>,
    handle: &LoopHandle<'_, S>,
) -> calloop_014::Result<MessageRouter<S>> {
    let (router, source) = RouterSource::new(builder)?;
    handle.insert_source(source, |(), router, state| router.dispatch(state)).map_err(|error| error.error)?;
    Ok(router)
}

/// A router as an event source.
///
/// Its callback gets the router, and returns what [`dispatch`](MessageRouter::dispatch) did. [`route`] inserts one
/// for the loop's data as a whole.
///
/// # Examples
///
/// A router whose state is a part of the loop's data:
///
/// ```
/// use foreground::{MessageRouter, event_loop::calloop_014::RouterSource};
/// # use ::calloop_014 as calloop;
///
/// #[derive(Default)]
/// struct Primes(Vec<u64>);
///
/// #[derive(Default)]
/// struct Data { primes: Primes, turns: u32 }
///
/// let mut event_loop = calloop::EventLoop::<Data>::try_new()?;
/// let (router, source) = RouterSource::new(MessageRouter::builder())?;
/// event_loop.handle().insert_source(source, |(), router, data| {
///     data.turns += 1;
///     router.dispatch(&mut data.primes)
/// })?;
/// let (sender, receiver) = router.pipe()?;
/// receiver.on_message(|primes: &mut Primes, prime| primes.0.push(prime));
/// sender.start().send(7)?;
///
/// let mut data = Data::default();
/// event_loop.dispatch(None, &mut data)?;
/// assert_eq!((data.primes.0, data.turns), (vec![7], 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a source does nothing before it is inserted in a loop"]
pub struct RouterSource<S: 'static> {
    router: WeakRouter<S>,
    ping: PingSource,
    /// Of the event that this source makes itself, while it is registered.
    token: Option<Token>,
    /// Whether the last dispatch left something, so that the next one comes without a wake.
    has_more: bool,
}

impl<S: 'static> RouterSource<S> {
    /// Makes a router and its source, and starts the router. The calling thread is its foreground, and must be that of
    /// the loop.
    ///
    /// # Errors
    /// What the system says when it has no descriptor left for the ping.
    pub fn new(builder: MessageRouterBuilder<S>) -> std::io::Result<(MessageRouter<S>, Self)> {
        let (ping, source) = make_ping()?;
        let router = builder.build(Pinging(ping));
        // Nobody else has it yet, so it is not running.
        let _ = router.start();
        let source = Self { router: router.downgrade(), ping: source, token: None, has_more: false };
        Ok((router, source))
    }
}

/// Wakes by a ping. After the loop has gone this does nothing.
struct Pinging(Ping);

impl Waker for Pinging {
    fn wake(&self) {
        self.0.ping();
    }
}

impl<S: 'static> EventSource for RouterSource<S> {
    type Event = ();
    type Metadata = MessageRouter<S>;
    type Ret = Dispatched;
    type Error = PingError;

    const NEEDS_EXTRA_LIFECYCLE_EVENTS: bool = true;

    fn process_events<F>(
        &mut self,
        readiness: Readiness,
        token: Token,
        mut callback: F,
    ) -> Result<PostAction, PingError>
    where
        F: FnMut((), &mut MessageRouter<S>) -> Dispatched,
    {
        let mut is_woken = self.token == Some(token);
        let action = if is_woken {
            PostAction::Continue
        } else {
            // Noted, and no more: on Windows the ping is locked in there.
            self.ping.process_events(readiness, token, |(), ()| is_woken = true)?
        };
        if is_woken && let Some(mut router) = self.router.upgrade() {
            self.has_more = callback((), &mut router).has_more;
        }
        Ok(action)
    }

    fn register(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> calloop_014::Result<()> {
        self.token = Some(tokens.token());
        self.ping.register(poll, tokens)
    }

    fn reregister(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> calloop_014::Result<()> {
        self.token = Some(tokens.token());
        self.ping.reregister(poll, tokens)
    }

    fn unregister(&mut self, poll: &mut Poll) -> calloop_014::Result<()> {
        self.token = None;
        self.ping.unregister(poll)
    }

    fn before_sleep(&mut self) -> calloop_014::Result<Option<(Readiness, Token)>> {
        // What a router has left goes with it: there is nothing to go on with.
        let Some(router) = self.router.upgrade() else { return Ok(None) };
        if self.has_more {
            // The router is still held, so that no send pings meanwhile.
            return Ok(self.token.map(|token| (Readiness { readable: true, ..Readiness::EMPTY }, token)));
        }
        router.settle();
        Ok(None)
    }
}

impl<S: 'static> fmt::Debug for RouterSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterSource")
            .field("router", &self.router.upgrade())
            .field("is_registered", &self.token.is_some())
            .field("has_more", &self.has_more)
            .finish_non_exhaustive()
    }
}
