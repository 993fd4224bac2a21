#[cfg(any(feature = "nats", feature = "zmq"))]
use std::collections::VecDeque;
use std::fmt;

use crate::{MessageReceiver, MessageRouter, PipeError, SendError};

/// Says that messages, requests or connections come to the foreground. Dropped, they do no longer.
///
/// What has not been delivered by then fails, and so does what comes later, unless threads receive too or somebody serves anew. The
/// connections stay, but for those that only the serving held.
#[must_use = "dropped, nothing more comes to the foreground; keep it, or `detach` it"]
pub struct Serving<S: 'static = ()>(Box<dyn Pipe<S>>);

/// A pipe, whatever comes by it.
trait Pipe<S> {
    fn detach(self: Box<Self>);
    fn on_end(&self, callback: Box<dyn FnOnce(&mut S)>);
}

impl<T: Send + 'static, S: 'static> Pipe<S> for MessageReceiver<T, S> {
    fn detach(self: Box<Self>) {
        MessageReceiver::detach(*self);
    }

    fn on_end(&self, callback: Box<dyn FnOnce(&mut S)>) {
        MessageReceiver::on_end(self, move |state, _| callback(state));
    }
}

impl<S: 'static> Serving<S> {
    /// Serves as long as the router runs and there is somebody to serve.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, channel};
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// listener.serve_on(&router, |_, channel| println!("{channel:?}")).unwrap().detach();
    /// ```
    pub fn detach(self) {
        self.0.detach();
    }

    /// Serves no longer, as dropping it does.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, channel};
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let router: MessageRouter = MessageRouter::new(|| {});
    /// # router.start().unwrap();
    /// let serving = listener.serve_on(&router, |_, channel| println!("{channel:?}")).unwrap();
    /// serving.stop();
    /// ```
    pub fn stop(self) {}

    /// Sets the callback that is called once, when nothing more comes: the connection has ended, the listener was stopped, or a newer
    /// callback serves. It comes after all requests, and is dropped uncalled when the serving or the router stops.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::{MessageRouter, channel};
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let peer = channel::connect(listener.local_address()).unwrap();
    /// # let channel = listener.accept().unwrap();
    /// let router: MessageRouter<bool> = MessageRouter::new(|| {});
    /// router.start().unwrap();
    /// let serving = channel.serve_on(&router, |_: &mut bool, request, (): ()| request.reply(&()).unwrap()).unwrap();
    /// serving.on_end(|has_ended| *has_ended = true);
    ///
    /// drop(peer);
    /// let mut has_ended = false;
    /// router.route_until(&mut has_ended, |has_ended| *has_ended, None).unwrap();
    /// ```
    pub fn on_end(&self, callback: impl FnOnce(&mut S) + 'static) {
        self.0.on_end(Box::new(callback));
    }
}

impl<S> fmt::Debug for Serving<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

/// Delivers to the foreground, or gives back what it cannot.
pub(crate) type Deliver<T> = Box<dyn Fn(T) -> Result<(), T> + Send>;

/// Delivers several items to the foreground at once, and leaves what it cannot.
#[cfg(any(feature = "nats", feature = "zmq"))]
pub(crate) type DeliverAll<T> = Box<dyn Fn(&mut VecDeque<T>) + Send>;

/// Opens a pipe to a callback. What the returned function cannot deliver it leaves.
#[cfg(any(feature = "nats", feature = "zmq"))]
#[track_caller]
pub(crate) fn serve_many<S: 'static, T: Send + 'static>(
    router: &MessageRouter<S>,
    callback: impl FnMut(&mut S, T) + 'static,
) -> Result<(DeliverAll<T>, Serving<S>), PipeError> {
    let (sender, receiver) = router.pipe::<T>()?;
    receiver.on_message(callback);
    let sender = sender.start();
    Ok((Box::new(move |items| sender.send_all(items)), Serving(Box::new(receiver))))
}

/// Opens a pipe to a callback. What the returned function cannot deliver it gives back.
#[track_caller]
pub(crate) fn serve<S: 'static, T: Send + 'static>(
    router: &MessageRouter<S>,
    callback: impl FnMut(&mut S, T) + 'static,
) -> Result<(Deliver<T>, Serving<S>), PipeError> {
    let (sender, receiver) = router.pipe::<T>()?;
    receiver.on_message(callback);
    let sender = sender.start();
    let deliver = move |item| sender.send(item).map_err(SendError::into_inner);
    Ok((Box::new(deliver), Serving(Box::new(receiver))))
}

#[cfg(all(test, any(feature = "nats", feature = "zmq")))]
mod tests {
    use super::*;

    #[test]
    fn many_items_wake_the_foreground_once() {
        let router: MessageRouter<Vec<u32>> = MessageRouter::new(|| {});
        router.start().unwrap();
        let (deliver, serving) = serve_many(&router, |seen: &mut Vec<u32>, n| seen.push(n)).unwrap();
        let mut seen = Vec::new();
        router.dispatch(&mut seen);
        router.settle();
        let before = router.stats().wakes;
        let mut items = (0..100).collect();
        deliver(&mut items);
        assert!(items.is_empty());
        assert_eq!(router.stats().wakes, before + 1);
        deliver(&mut (100..200).collect());
        assert_eq!(router.stats().wakes, before + 1, "it is awake");
        router.dispatch(&mut seen);
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
        // Nothing is no reason to wake anybody.
        router.settle();
        deliver(&mut VecDeque::new());
        drop(serving);
        let mut items = (0..3).collect();
        deliver(&mut items);
        assert_eq!(items, [0, 1, 2], "nobody takes them any more");
    }
}
