use std::sync::Arc;
use std::thread;

use super::{Error, ErrorKind};
use crate::{MessageRouter, PipeError};

/// A client: sends messages, and waits for the reply to each. What they mean is for others to know: JSON-RPC, say.
///
/// Threads call [`send_message`](Self::send_message); the foreground, which must not wait, [`send_message_on`](Self::send_message_on). Any
/// number of threads may use one client at once. The trait can be made an object; `Arc<dyn ClientTransport>` is a client too.
pub trait ClientTransport: Send + Sync {
    /// Sends a message, and waits for the reply. Blocks the calling thread, for the client's timeout at most.
    ///
    /// Without `expect_reply` it returns `None`. What it waits for then depends on the transport, as listed in [the module](super);
    /// the timeout holds in any case.
    ///
    /// # Errors
    /// [`Error`]; its [`kind`](Error::kind) tells what to do. After an error, the next call works as if nothing had been.
    fn send_message(&self, message: Vec<u8>, expect_reply: bool) -> Result<Option<Vec<u8>>, Error>;

    /// Sends a message, and has the outcome delivered to the foreground by a callback of the router. Never blocks.
    ///
    /// The callback is called once; it is dropped uncalled if the router is stopped before.
    ///
    /// # Errors
    /// Those of [`MessageRouter::pipe`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::MessageRouter;
    /// use foreground::transport::{self, ClientTransport, ServerTransport};
    ///
    /// let router: MessageRouter<String> = MessageRouter::new(|| {});
    /// router.start()?;
    /// let (client, server) = transport::in_process();
    /// client.send_message_on(&router, b"name?".to_vec(), true, |app: &mut String, reply| {
    ///     if let Ok(Some(reply)) = reply {
    ///         *app = String::from_utf8_lossy(&reply).into_owned();
    ///     }
    /// })?;
    /// let (context, _) = server.receive_message()?;
    /// context.reply("foreground")?;
    ///
    /// let mut app = String::new();
    /// router.route_until(&mut app, |app| !app.is_empty(), None)?;
    /// assert_eq!(app, "foreground");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn send_message_on<S: 'static>(
        &self,
        router: &MessageRouter<S>,
        message: Vec<u8>,
        expect_reply: bool,
        callback: impl FnOnce(&mut S, Result<Option<Vec<u8>>, Error>) + 'static,
    ) -> Result<(), PipeError>
    where
        Self: Clone + 'static,
    {
        let tell = deliver_once(router, callback)?;
        let client = self.clone();
        let told = Arc::new(parking_lot::Mutex::new(Some(tell)));
        let tell = told.clone();
        let spawned = thread::Builder::new().name("foreground-call".into()).spawn(move || {
            let reply = client.send_message(message, expect_reply);
            if let Some(tell) = told.lock().take() {
                tell(reply);
            }
        });
        if let Err(error) = spawned
            && let Some(tell) = tell.lock().take()
        {
            tell(Err(Error::new(ErrorKind::Io, "no thread to send the message from").because(error)));
        }
        Ok(())
    }
}

/// Tells the foreground how a message fared.
pub(super) type Tell = Box<dyn FnOnce(Result<Option<Vec<u8>>, Error>) + Send>;

/// Opens a pipe for one outcome.
#[track_caller]
pub(super) fn deliver_once<S: 'static>(
    router: &MessageRouter<S>,
    callback: impl FnOnce(&mut S, Result<Option<Vec<u8>>, Error>) + 'static,
) -> Result<Tell, PipeError> {
    let (sender, receiver) = router.pipe()?;
    let mut callback = Some(callback);
    receiver.on_message(move |state, outcome| {
        if let Some(callback) = callback.take() {
            callback(state, outcome);
        }
    });
    receiver.detach();
    let sender = sender.start();
    Ok(Box::new(move |outcome| {
        // A router that was stopped wants to know nothing.
        let _ = sender.send(outcome);
    }))
}

impl<T: ClientTransport + ?Sized> ClientTransport for Box<T> {
    fn send_message(&self, message: Vec<u8>, expect_reply: bool) -> Result<Option<Vec<u8>>, Error> {
        (**self).send_message(message, expect_reply)
    }
}

impl<T: ClientTransport + ?Sized> ClientTransport for Arc<T> {
    fn send_message(&self, message: Vec<u8>, expect_reply: bool) -> Result<Option<Vec<u8>>, Error> {
        (**self).send_message(message, expect_reply)
    }
}
