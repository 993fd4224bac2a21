//! An application and its router, for hosts whose callbacks are closures that get no state of the application's.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::rc::{Rc, Weak};
use std::thread;

#[cfg(any(feature = "glib-022", feature = "slint-1"))]
use super::here::Routed;
use crate::router::Settled;
use crate::{Dispatched, MessageRouter};

/// What is to be done with the state once it is free.
type Deferred<S> = Box<dyn FnOnce(&mut S)>;

/// A router together with its state, for hosts such as GTK, Slint and FLTK, whose callbacks are closures without
/// an argument for the application. A cheap handle: clones share one router and one state. `!Send`.
///
/// The router's callbacks get the state as `&mut S`, as everywhere; the host's closures get it by
/// [`callback`](Self::callback) or [`with`](Self::with). There is no `Rc<RefCell<App>>` in the program, and no
/// borrow that panics: the state is lent to one at a time, and what comes meanwhile (from a nested loop, as a modal
/// dialogue runs one) waits until it is free again. Messages lose nothing and keep their order.
///
/// The adapter of a host makes one, and turns it.
///
/// # Who keeps whom
/// A widget keeps its closures, and an application often keeps its widgets. A closure that held a `Shared` would
/// close the circle, and nothing would ever be freed. So [`callback`](Self::callback) makes closures that do not
/// keep the state; for others there is [`downgrade`](Self::downgrade).
///
/// # Examples
///
/// ```
/// use foreground::{MessageRouter, event_loop::Shared};
///
/// struct App { clicks: u32, primes: Vec<u64> }
///
/// let router = MessageRouter::new(|| { /* wake the host */ });
/// router.start()?;
/// let (sender, receiver) = router.pipe()?;
/// receiver.on_message(|app: &mut App, prime: u64| app.primes.push(prime));
/// let shared = Shared::new(router, App { clicks: 0, primes: Vec::new() });
///
/// // For the host's button:
/// let clicked = shared.callback(|app| app.clicks += 1);
/// clicked();
/// sender.start().send(7)?;
/// shared.turn(); // the host does this when it was woken
/// assert_eq!(shared.with(|app| (app.clicks, app.primes.len()))?, (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Shared<S: 'static>(Rc<Inner<S>>);

struct Inner<S: 'static> {
    router: MessageRouter<S>,
    state: RefCell<S>,
    /// What came while the state was lent, in order.
    deferred: RefCell<VecDeque<Deferred<S>>>,
    /// Whether a turn came while the state was lent.
    missed: Cell<bool>,
}

impl<S: 'static> Shared<S> {
    /// Puts a router and its state together. Whoever does so has the host call [`turn`](Self::turn) when the router's
    /// waker was called.
    pub fn new(router: MessageRouter<S>, state: S) -> Self {
        Self(Rc::new(Inner {
            router,
            state: RefCell::new(state),
            deferred: RefCell::default(),
            missed: Cell::new(false),
        }))
    }

    /// Returns the router.
    pub fn router(&self) -> &MessageRouter<S> {
        &self.0.router
    }

    /// Lends the state to `f`, now.
    ///
    /// # Errors
    /// [`StateInUseError`] if it is lent already: in a callback of the router or of the host, which has it in its
    /// hands. [`callback`](Self::callback) waits instead.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::Shared};
    /// let shared = Shared::new(MessageRouter::new(|| {}), 1);
    /// assert_eq!(shared.with(|n| *n + 1), Ok(2));
    /// let inner = shared.clone();
    /// assert!(shared.with(|_| inner.with(|n| *n)).unwrap().is_err());
    /// ```
    pub fn with<R>(&self, f: impl FnOnce(&mut S) -> R) -> Result<R, StateInUseError> {
        let mut lent = self.0.lend().ok_or(StateInUseError(()))?;
        Ok(f(lent.state()))
    }

    /// Makes a closure for the host, which lends the state to `f` whenever it is called: at once, or, if the state
    /// is lent already, as soon as it is free, in the order of the calls.
    ///
    /// The closure does not keep the state; once that has gone, it does nothing. It has no argument: what the host
    /// brings is given to it by [`WeakShared::defer`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::Shared};
    /// let shared = Shared::new(MessageRouter::new(|| {}), Vec::new());
    /// let clicked = shared.callback(|log: &mut Vec<_>| log.push("clicked"));
    /// shared.with(|log| {
    ///     clicked(); // in a nested loop, say
    ///     log.push("first");
    /// })?;
    /// assert_eq!(shared.with(|log| log.clone())?, ["first", "clicked"]);
    /// # Ok::<(), foreground::event_loop::StateInUseError>(())
    /// ```
    pub fn callback(&self, f: impl Fn(&mut S) + 'static) -> impl Fn() + Clone + 'static {
        let (weak, f) = (self.downgrade(), Rc::new(f));
        move || {
            let f = Rc::clone(&f);
            weak.defer(move |state| f(state));
        }
    }

    /// Dispatches and settles; for the host to call when it was woken.
    ///
    /// While the state is lent nothing is delivered; the router is woken again as soon as it is free.
    ///
    /// # Panics
    /// As [`MessageRouter::dispatch`], when a callback does. The router is settled all the same.
    pub fn turn(&self) -> Dispatched {
        let Some(mut lent) = self.0.lend_for_messages() else {
            return Dispatched::default();
        };
        let _settled = Settled(&self.0.router);
        self.0.router.dispatch(lent.state())
    }

    /// The same without the type of the state, as long as there is a handle.
    #[cfg(any(feature = "glib-022", feature = "slint-1"))]
    pub(super) fn as_routed(&self) -> Weak<dyn Routed> {
        let inner: Rc<dyn Routed> = self.0.clone();
        Rc::downgrade(&inner)
    }

    /// Dispatches as [`turn`](Self::turn) does, and leaves it to the caller to [settle](MessageRouter::settle): for
    /// hosts that have a better place for it, after drawing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::Shared};
    /// # let router: MessageRouter<u32> = MessageRouter::new(|| {});
    /// # router.start()?;
    /// # let (sender, receiver) = router.pipe::<u32>()?;
    /// # receiver.on_message(|sum, n| *sum += n);
    /// # let sender = sender.start();
    /// let shared = Shared::new(router, 0);
    /// sender.send(1)?;
    /// assert_eq!(shared.dispatch().delivered, 1); // where the host was woken
    /// shared.router().settle(); // where it has drawn
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dispatch(&self) -> Dispatched {
        match self.0.lend_for_messages() {
            Some(mut lent) => self.0.router.dispatch(lent.state()),
            None => Dispatched::default(),
        }
    }

    /// Returns a handle that does not keep the router and its state.
    pub fn downgrade(&self) -> WeakShared<S> {
        WeakShared(Rc::downgrade(&self.0))
    }

    /// Takes the state out, and returns it with the router, to end the workers after the loop has ended.
    ///
    /// # Errors
    /// Gives the handle back if there is another.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::Shared};
    /// let shared = Shared::new(MessageRouter::new(|| {}), "state");
    /// let (router, state) = shared.into_parts().expect("there is no other handle");
    /// assert_eq!((router.stats().sent, state), (0, "state"));
    /// ```
    pub fn into_parts(self) -> Result<(MessageRouter<S>, S), Self> {
        let inner = Rc::try_unwrap(self.0).map_err(Self)?;
        Ok((inner.router, inner.state.into_inner()))
    }
}

impl<S: 'static> Inner<S> {
    /// Lends the state, if it is free.
    fn lend(&self) -> Option<Lent<'_, S>> {
        let state = self.state.try_borrow_mut().ok()?;
        Some(Lent { inner: self, state: Some(state) })
    }

    /// Lends the state for a dispatch. If it is lent already, the router is woken as soon as it is free.
    fn lend_for_messages(&self) -> Option<Lent<'_, S>> {
        let lent = self.lend();
        if lent.is_none() {
            self.missed.set(true);
        }
        lent
    }

    /// The state is free: does what came meanwhile.
    fn catch_up(&self) {
        let _owed = Owed(self);
        while let Ok(mut state) = self.state.try_borrow_mut() {
            let next = self.deferred.borrow_mut().pop_front();
            let Some(deferred) = next else { break };
            deferred(&mut state);
        }
    }
}

/// Has the loop woken for what is still to be done when the state has become free: a turn that was missed, and, after a
/// panic, what was deferred. Nobody else would come for it.
struct Owed<'a, S: 'static>(&'a Inner<S>);

impl<S: 'static> Drop for Owed<'_, S> {
    fn drop(&mut self) {
        let Self(inner) = self;
        if inner.missed.take() || !inner.deferred.borrow().is_empty() {
            inner.router.wake();
        }
    }
}

/// The state while somebody has it.
struct Lent<'a, S: 'static> {
    inner: &'a Inner<S>,
    /// Always there, but in the end.
    state: Option<RefMut<'a, S>>,
}

impl<S: 'static> Lent<'_, S> {
    fn state(&mut self) -> &mut S {
        self.state.as_mut().expect("it is given back by the drop alone")
    }
}

impl<S: 'static> Drop for Lent<'_, S> {
    fn drop(&mut self) {
        self.state = None;
        if thread::panicking() {
            // No user code in a panic: what was deferred waits for the turn that this wakes for.
            drop(Owed(self.inner));
        } else {
            self.inner.catch_up();
        }
    }
}

#[cfg(any(feature = "glib-022", feature = "slint-1"))]
impl<S: 'static> Routed for Inner<S> {
    fn dispatch(self: Rc<Self>) {
        Shared(self).dispatch();
    }

    fn settle(&self) {
        self.router.settle();
    }
}

impl<S: 'static> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S: 'static> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("router", &self.0.router)
            .field("is_lent", &self.0.state.try_borrow().is_err())
            .finish_non_exhaustive()
    }
}

/// A [`Shared`] that does not keep the router and its state; made by [`Shared::downgrade`].
pub struct WeakShared<S: 'static>(Weak<Inner<S>>);

impl<S: 'static> WeakShared<S> {
    /// Returns the handle that keeps them, if they are still there.
    pub fn upgrade(&self) -> Option<Shared<S>> {
        self.0.upgrade().map(Shared)
    }

    /// Lends the state to `f`: at once, or, if it is lent already, as soon as it is free. Does nothing if the state
    /// has gone.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, event_loop::Shared};
    /// let shared = Shared::new(MessageRouter::new(|| {}), String::new());
    /// let weak = shared.downgrade();
    /// let edited = move |text: &str| {
    ///     let text = text.to_owned();
    ///     weak.defer(move |state| *state = text);
    /// };
    /// edited("new");
    /// assert_eq!(shared.with(|state| state.clone()), Ok("new".into()));
    /// ```
    pub fn defer(&self, f: impl FnOnce(&mut S) + 'static) {
        let Some(shared) = self.upgrade() else { return };
        shared.0.deferred.borrow_mut().push_back(Box::new(f));
        if shared.0.state.try_borrow().is_ok() {
            shared.0.catch_up();
        }
    }
}

impl<S: 'static> Clone for WeakShared<S> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<S: 'static> fmt::Debug for WeakShared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakShared")
    }
}

/// The state is lent already; see [`Shared::with`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateInUseError(());

impl fmt::Display for StateInUseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the application's state is in the hands of a callback that is running; \
             use what that callback was given, or `callback`, which waits",
        )
    }
}

impl Error for StateInUseError {}
