//! The foreground's handle of a pipe.

use std::fmt;
use std::rc::{Rc, Weak};

use super::{Endpoint, Host, PipeEnd, TypedEndpoint};

/// The receiving half of a pipe, which stays on the router's thread.
///
/// Messages come to the callback set with [`on_message`](Self::on_message), called by
/// [`dispatch`](crate::MessageRouter::dispatch) or [`route_until`](crate::MessageRouter::route_until)
/// with the application's state. While no callback is set, they wait in the receiver for
/// [`try_recv`](Self::try_recv) or [`drain`](Self::drain): the way for immediate-mode GUIs.
///
/// A callback may do anything, closing this very pipe or stopping the router included; no borrow is held
/// while it runs. A pipe whose callback is running receives nothing until that returns: its messages
/// wait, in order. If a callback panics, its pipe is closed, and the panic goes on to the caller of
/// `dispatch`; the next `dispatch` continues with the next message.
///
/// Dropping the receiver closes the pipe: what it had not delivered is discarded, and the workers'
/// `send` fails from then on. [`detach`](Self::detach) keeps the pipe open without the handle.
///
/// Do not let a callback own a clone of its router: the two would keep each other alive until the
/// router is stopped. Reach the router through the state instead.
#[must_use = "dropping a receiver closes its pipe; keep it, or `detach` it"]
pub struct MessageReceiver<T: Send + 'static, S: 'static = ()> {
    endpoint: Rc<TypedEndpoint<T, S>>,
    host: Weak<dyn Host>,
}

impl<T: Send + 'static, S: 'static> MessageReceiver<T, S> {
    pub(crate) fn new(endpoint: Rc<TypedEndpoint<T, S>>, host: Weak<dyn Host>) -> Self {
        Self { endpoint, host }
    }

    /// Sets the callback that receives the messages, in place of the one before, if any.
    ///
    /// The first callback of a router names the state's type, as in `|app: &mut App, message| ..`, unless
    /// something else did; the compiler cannot guess it.
    ///
    /// Messages that wait in the receiver are delivered to it on the next dispatch, before any other.
    /// Called from inside the callback itself, it takes effect with the next message. After the pipe's end
    /// was told, or the router was stopped or dropped, this does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// struct App { lines: Vec<String> }
    ///
    /// # let router: MessageRouter<App> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<String>().unwrap();
    /// receiver.on_message(|app: &mut App, line| app.lines.push(line));
    /// sender.start().send("one".into()).unwrap();
    ///
    /// let mut app = App { lines: Vec::new() };
    /// router.dispatch(&mut app);
    /// assert_eq!(app.lines, ["one"]);
    /// ```
    pub fn on_message(&self, callback: impl FnMut(&mut S, T) + 'static) {
        if let Some(host) = self.host.upgrade() {
            self.endpoint.set_on_message(Box::new(callback), &*host);
        }
    }

    /// Sets the callback that learns of the pipe's end, in place of the one before, if any.
    ///
    /// It is called once, after the last message, when the last sender has gone. If the pipe has ended
    /// already, that is on the next dispatch. It is dropped uncalled when the receiver closes the pipe,
    /// when the message callback panics, which closes it too, or when the router is stopped or dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, PipeEnd};
    /// # let router: MessageRouter<Option<PipeEnd>> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// receiver.on_end(|seen, end| *seen = Some(end));
    /// let worker = std::thread::spawn(move || {
    ///     let _sender = sender.start();
    ///     panic!("a bug in the worker");
    /// });
    /// assert!(worker.join().is_err());
    ///
    /// let mut seen = None;
    /// router.dispatch(&mut seen);
    /// assert_eq!(seen, Some(PipeEnd::Panicked));
    /// ```
    pub fn on_end(&self, callback: impl FnOnce(&mut S, PipeEnd) + 'static) {
        if let Some(host) = self.host.upgrade() {
            self.endpoint.set_on_end(Box::new(callback), &*host);
        }
    }

    /// Takes the oldest message that waits in the receiver. Never blocks, and never looks into the
    /// router's queue: call `dispatch` first, also in an immediate-mode GUI, so that messages of all
    /// pipes keep their order.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// sender.start().send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), None);
    ///
    /// router.dispatch(&mut ());
    /// assert_eq!(receiver.try_recv(), Some(7));
    /// assert_eq!(receiver.try_recv(), None);
    /// ```
    pub fn try_recv(&self) -> Option<T> {
        self.endpoint.try_recv(&*self.host.upgrade()?)
    }

    /// Returns an iterator that takes the messages that wait in the receiver, oldest first, and ends when
    /// none is left. Messages that it was dropped before reaching go on waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// let sender = sender.start();
    /// (0..3).for_each(|i| sender.send(i).unwrap());
    ///
    /// router.dispatch(&mut ());
    /// assert_eq!(receiver.drain().collect::<Vec<_>>(), [0, 1, 2]);
    /// ```
    pub fn drain(&self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.try_recv())
    }

    /// Returns how the pipe ended, once it has and every message was taken; for those who poll rather
    /// than set [`on_end`](Self::on_end).
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, PipeEnd};
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.end(), None);
    ///
    /// router.dispatch(&mut ());
    /// assert_eq!(receiver.end(), Some(PipeEnd::NeverStarted));
    /// ```
    pub fn end(&self) -> Option<PipeEnd> {
        self.endpoint.ended()
    }

    /// Returns whether the pipe delivers nothing any more: its end was told, its callback panicked, or the
    /// router was stopped or dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// assert!(!receiver.is_closed());
    /// router.stop().unwrap();
    /// assert!(receiver.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.endpoint.is_closed() || self.host.strong_count() == 0
    }

    /// Lets go of the handle and keeps the pipe: its callbacks go on until the senders end it or the
    /// router is stopped. Set the callback first: without one, nobody could ever take the messages, and
    /// they are discarded.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::MessageRouter;
    /// # let router: MessageRouter<u32> = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let (sender, receiver) = router.pipe::<u32>().unwrap();
    /// receiver.on_message(|sum, n| *sum += n);
    /// receiver.detach();
    /// sender.start().send(5).unwrap();
    ///
    /// let mut sum = 0;
    /// router.dispatch(&mut sum);
    /// assert_eq!(sum, 5);
    /// ```
    pub fn detach(self) {
        if let Some(host) = self.host.upgrade() {
            self.endpoint.detach(&*host);
        }
    }

    pub(crate) fn is_of(&self, host: &Rc<dyn Host>) -> bool {
        Weak::ptr_eq(&self.host, &Rc::downgrade(host))
    }
}

impl<T: Send + 'static, S: 'static> Drop for MessageReceiver<T, S> {
    fn drop(&mut self) {
        if let Some(host) = self.host.upgrade().filter(|_| !self.endpoint.is_detached()) {
            self.endpoint.close_by(&*host);
        }
    }
}

impl<T: Send + 'static, S: 'static> fmt::Debug for MessageReceiver<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReceiver")
            .field("is_closed", &self.is_closed())
            .field("end", &self.end())
            .finish_non_exhaustive()
    }
}
