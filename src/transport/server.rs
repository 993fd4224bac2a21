use std::sync::Arc;
use std::time::Duration;

use super::{Context, Incoming, ReceiveError, ReceiveTimeoutError, ReplyError, Serving, TryReceiveError};
use crate::net::after;
use crate::{MessageRouter, PipeError};

/// A server: messages come, each with the right to answer it. What they mean is for others to know: JSON-RPC, say.
///
/// Threads take messages by [`receive_message`](Self::receive_message); the foreground is given them by [`serve_on`](Self::serve_on).
/// The trait can be made an object; `Box<dyn ServerTransport>` and `Arc<dyn ServerTransport>` are servers too.
///
/// # Examples
///
/// ```
/// use foreground::transport::{self, ClientTransport, ServerTransport};
///
/// fn echo(server: &dyn ServerTransport) {
///     while let Ok((context, message)) = server.receive_message() {
///         let _ = server.send_reply(context, message);
///     }
/// }
///
/// let (client, server) = transport::in_process();
/// let serving = std::thread::spawn(move || echo(&server));
/// assert_eq!(client.send_message(b"hello".to_vec(), true)?, Some(b"hello".to_vec()));
/// drop(client);
/// serving.join().unwrap();
/// # Ok::<(), transport::Error>(())
/// ```
pub trait ServerTransport: Send + Sync {
    /// Returns where the messages come.
    fn incoming(&self) -> &Incoming;

    /// Takes no more messages and, where there is one, gives its address free. Those that have come can still be received and answered;
    /// it waits for none of them.
    fn close(&self);

    /// Waits for a message. Blocks the calling thread, and no other.
    ///
    /// # Errors
    /// [`ReceiveError`].
    fn receive_message(&self) -> Result<(Context, Vec<u8>), ReceiveError> {
        self.incoming().receive()
    }

    /// Waits for a message, but not longer than `timeout`. A timeout beyond what the clock can name is none.
    ///
    /// # Errors
    /// [`ReceiveTimeoutError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{self, ReceiveTimeoutError, ServerTransport};
    /// use std::time::Duration;
    ///
    /// let (_client, server) = transport::in_process();
    /// let error = server.receive_message_timeout(Duration::ZERO).unwrap_err();
    /// assert_eq!(error, ReceiveTimeoutError::Timeout);
    /// ```
    fn receive_message_timeout(&self, timeout: Duration) -> Result<(Context, Vec<u8>), ReceiveTimeoutError> {
        self.incoming().receive_timeout(timeout)
    }

    /// Takes a message that has come. Never blocks.
    ///
    /// # Errors
    /// [`TryReceiveError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{self, ServerTransport, TryReceiveError};
    ///
    /// let (_client, server) = transport::in_process();
    /// assert_eq!(server.try_receive_message().unwrap_err(), TryReceiveError::Empty);
    /// server.close();
    /// assert_eq!(server.try_receive_message().unwrap_err(), TryReceiveError::Closed);
    /// ```
    fn try_receive_message(&self) -> Result<(Context, Vec<u8>), TryReceiveError> {
        self.incoming().try_receive()
    }

    /// Answers a message, as [`Context::reply`] does.
    ///
    /// # Errors
    /// As there.
    fn send_reply(&self, context: Context, reply: Vec<u8>) -> Result<(), ReplyError> {
        context.reply(reply)
    }

    /// Serves in the foreground: the router calls `callback` with the application's state for each message. The callback answers
    /// now, or keeps the context until the user has decided, say.
    ///
    /// It serves until the [`Serving`] is dropped, unless detached, or until the router stops, and the server lives at least as long; to
    /// close it before, keep a clone. What comes after stays unanswered, unless threads receive too or somebody serves anew.
    ///
    /// # Errors
    /// [`PipeError`], when the router opens no pipe, such as [`PipeError::NotRunning`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::MessageRouter;
    /// use foreground::transport::{self, ClientTransport, ServerTransport};
    ///
    /// let router: MessageRouter<Vec<Vec<u8>>> = MessageRouter::new(|| {});
    /// router.start()?;
    /// let (client, server) = transport::in_process();
    /// let serving = server.serve_on(&router, |seen: &mut Vec<_>, context, message| {
    ///     seen.push(message);
    ///     let _ = context.reply("seen");
    /// })?;
    /// let asking = std::thread::spawn(move || client.send_message(b"look".to_vec(), true));
    ///
    /// let mut seen = Vec::new();
    /// router.route_until(&mut seen, |seen| !seen.is_empty(), None)?;
    /// assert_eq!(asking.join().unwrap()?, Some(b"seen".to_vec()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn serve_on<S: 'static>(
        self,
        router: &MessageRouter<S>,
        mut callback: impl FnMut(&mut S, Context, Vec<u8>) + 'static,
    ) -> Result<Serving<S>, PipeError>
    where
        Self: Sized + 'static,
    {
        let incoming = self.incoming().clone();
        incoming.serve_on(router, move |state, context, message| {
            // It is open as long as the callback lives.
            let _ = &self;
            callback(state, context, message);
        })
    }

    /// Takes no more messages, and waits until those that have come are answered. Blocks the calling thread for `grace` at most.
    ///
    /// Returns how many were left unanswered. On the thread of a router that [serves](Self::serve_on), none is answered while this
    /// waits: there, [`close`](Self::close), and route until [`Incoming::unanswered`] is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::{self, ServerTransport};
    /// use std::time::Duration;
    ///
    /// let (_client, server) = transport::in_process();
    /// assert_eq!(server.stop(Duration::from_secs(5)), 0);
    /// ```
    fn stop(&self, grace: Duration) -> usize {
        self.close();
        let unanswered = self.incoming().wait_answered(after(grace));
        // What nobody has received is of no use to anybody now.
        self.incoming().clear();
        unanswered
    }
}

impl<T: ServerTransport + ?Sized> ServerTransport for Box<T> {
    fn incoming(&self) -> &Incoming {
        (**self).incoming()
    }

    fn close(&self) {
        (**self).close();
    }

    fn stop(&self, grace: Duration) -> usize {
        (**self).stop(grace)
    }
}

impl<T: ServerTransport + ?Sized> ServerTransport for Arc<T> {
    fn incoming(&self) -> &Incoming {
        (**self).incoming()
    }

    fn close(&self) {
        (**self).close();
    }

    fn stop(&self, grace: Duration) -> usize {
        (**self).stop(grace)
    }
}
