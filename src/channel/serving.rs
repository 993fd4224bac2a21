use std::fmt;

use crate::{MessageReceiver, MessageRouter, PipeError, SendError};

/// Says that requests, or connections, come to the foreground. Dropped, they do no longer.
///
/// What has not been delivered by then fails; what comes later waits for whoever receives it. The connections stay.
#[must_use = "dropped, nothing more comes to the foreground; keep it, or `detach` it"]
pub struct Serving(Box<dyn Pipe>);

/// A pipe, whatever comes by it.
trait Pipe {
    fn detach(self: Box<Self>);
}

impl<T: Send + 'static, S: 'static> Pipe for MessageReceiver<T, S> {
    fn detach(self: Box<Self>) {
        MessageReceiver::detach(*self);
    }
}

impl Serving {
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
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

/// Delivers to the foreground, or gives back what it cannot.
pub(super) type Deliver<T> = Box<dyn Fn(T) -> Result<(), T> + Send>;

/// Opens a pipe to a callback. What the returned function cannot deliver it gives back.
#[track_caller]
pub(super) fn serve<S: 'static, T: Send + 'static>(
    router: &MessageRouter<S>,
    callback: impl FnMut(&mut S, T) + 'static,
) -> Result<(Deliver<T>, Serving), PipeError> {
    let (sender, receiver) = router.pipe::<T>()?;
    receiver.on_message(callback);
    let sender = sender.start();
    let deliver = move |item| sender.send(item).map_err(SendError::into_inner);
    Ok((Box::new(deliver), Serving(Box::new(receiver))))
}
