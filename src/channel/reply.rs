use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::connection::{Hold, guarded};
use super::slot::{Failure, Outcome, ReplySlot};
use super::{ContentError, ReplyError};
use crate::net::{Reading, after, is_io_thread};
use crate::{MessageRouter, PipeError};

/// A request whose reply is to come; made by [`Channel::request`](super::Channel::request).
///
/// Replies come in any order. Dropped, the request is given up: a late reply harms nothing.
#[must_use = "a request whose reply nobody waits for is given up; wait for it, or have it delivered"]
pub struct PendingReply {
    hold: Hold,
    id: u64,
    slot: Arc<ReplySlot>,
    /// Somebody has begun to wait.
    waited: AtomicBool,
}

impl PendingReply {
    pub(super) fn new(hold: Hold, id: u64, slot: Arc<ReplySlot>) -> Self {
        Self { hold, id, slot, waited: AtomicBool::new(false) }
    }

    fn begin_to_wait(&self) {
        // Relaxed: it only counts, and nothing else depends on it.
        if !self.waited.swap(true, Ordering::Relaxed) {
            self.hold.core().pending.waited();
        }
    }

    /// Waits for the result, and blocks meanwhile: not for the foreground, which has [`deliver_on`](Self::deliver_on).
    ///
    /// # Errors
    /// [`ReplyError::Remote`] when the peer failed, [`ReplyError::Content`] when the result is of another type,
    /// [`ReplyError::Disconnected`], [`ReplyError::WouldDeadlock`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// # let peer = listener.accept().unwrap();
    /// let slow = channel.request("slow").unwrap();
    /// let quick = channel.request("quick").unwrap();
    /// # let (first, second) = (peer.recv().unwrap(), peer.recv().unwrap());
    /// # second.reply(&1).unwrap();
    /// # first.reply(&2).unwrap();
    /// assert_eq!(quick.wait::<u32>().unwrap(), 1);
    /// assert_eq!(slow.wait::<u32>().unwrap(), 2);
    /// ```
    pub fn wait<R: DeserializeOwned>(self) -> Result<R, ReplyError> {
        self.wait_until(None)
    }

    /// Waits for the result for so long at most; then the request is given up.
    ///
    /// Whoever does not want to give up looks with [`ready_within`](Self::ready_within) first.
    ///
    /// # Errors
    /// [`ReplyError::TimedOut`], and those of [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::{self, ReplyError};
    /// # use std::time::Duration;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// let pending = channel.request("are you awake?").unwrap();
    /// let result = pending.wait_timeout::<bool>(Duration::from_millis(1));
    /// assert!(matches!(result, Err(ReplyError::TimedOut)));
    /// ```
    pub fn wait_timeout<R: DeserializeOwned>(self, timeout: Duration) -> Result<R, ReplyError> {
        self.wait_until(after(timeout))
    }

    fn wait_until<R: DeserializeOwned>(self, deadline: Option<Instant>) -> Result<R, ReplyError> {
        if !self.ready_until(deadline) {
            return Err(if is_io_thread() { ReplyError::WouldDeadlock } else { ReplyError::TimedOut });
        }
        match self.slot.take() {
            Some(outcome) => result(&self.hold, outcome),
            None => Err(ReplyError::TimedOut),
        }
    }

    /// Waits for so long at most, and returns whether [`wait`](Self::wait) would return at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::{self, ReplyError};
    /// # use std::time::Duration;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// # let peer = listener.accept().unwrap();
    /// let pending = channel.request("think").unwrap();
    /// assert!(!pending.ready_within(Duration::from_millis(1)));
    /// peer.recv().unwrap().reply("thought").unwrap();
    /// while !pending.ready_within(Duration::from_secs(1)) {
    ///     println!("still waiting");
    /// }
    /// assert_eq!(pending.wait::<String>().unwrap(), "thought");
    /// ```
    pub fn ready_within(&self, timeout: Duration) -> bool {
        self.ready_until(after(timeout))
    }

    fn ready_until(&self, deadline: Option<Instant>) -> bool {
        self.begin_to_wait();
        self.hold.link().flush();
        while !self.slot.is_done() {
            match self.hold.link().read_until(deadline, || self.slot.is_done()) {
                // It may have ended without a word to this slot only when the slot is done.
                Reading::Done if self.slot.is_done() => {}
                Reading::TimedOut => return self.slot.is_done(),
                Reading::Done | Reading::Elsewhere => {
                    self.slot.wait(deadline);
                    return self.slot.is_done();
                }
            }
        }
        true
    }

    /// Has the result delivered to the foreground, by a callback of the router; does not wait.
    ///
    /// The callback is called once, with the result or the error. It is dropped uncalled if the router is stopped before.
    /// The result is decoded by the thread that receives the reply, not by the foreground, unless it is there already.
    /// The connection stays open until the reply has come.
    ///
    /// # Errors
    /// Those of [`MessageRouter::pipe`]. The request is then given up.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::{MessageRouter, channel};
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// # let peer = listener.accept().unwrap();
    ///
    /// #[derive(Default)]
    /// struct App {
    ///     title: Option<String>,
    /// }
    ///
    /// let router: MessageRouter<App> = MessageRouter::new(|| {});
    /// router.start().unwrap();
    /// let pending = channel.request("title?").unwrap();
    /// pending
    ///     .deliver_on(&router, |app: &mut App, title| match title {
    ///         Ok(title) => app.title = Some(title),
    ///         Err(error) => eprintln!("no title: {error}"),
    ///     })
    ///     .unwrap();
    /// # peer.recv().unwrap().reply("Home").unwrap();
    ///
    /// let mut app = App::default();
    /// router.route_until(&mut app, |app| app.title.is_some(), None).unwrap();
    /// assert_eq!(app.title.unwrap(), "Home");
    /// ```
    #[track_caller]
    pub fn deliver_on<S, R>(
        self,
        router: &MessageRouter<S>,
        callback: impl FnOnce(&mut S, Result<R, ReplyError>) + 'static,
    ) -> Result<(), PipeError>
    where
        R: DeserializeOwned + Send + 'static,
    {
        let (sender, receiver) = router.pipe::<Result<R, ReplyError>>()?;
        let mut callback = Some(callback);
        receiver.on_message(move |state, result| {
            if let Some(callback) = callback.take() {
                callback(state, result);
            }
        });
        receiver.detach();
        let sender = sender.start();
        self.begin_to_wait();
        let slot = self.slot.clone();
        // The hook keeps the request, and so the connection, until the reply has come.
        slot.hook(move |outcome| {
            let result = guarded(|| result(&self.hold, outcome)).unwrap_or_else(|| {
                Err(ReplyError::Content(ContentError::new("the decoding of the result panicked")))
            });
            // A router that was stopped wants no result.
            let _ = sender.send(result);
        });
        Ok(())
    }
}

fn result<R: DeserializeOwned>(hold: &Hold, outcome: Outcome) -> Result<R, ReplyError> {
    match outcome {
        Ok(content) => content.to(&hold.core().settings.serializers).map_err(ReplyError::Content),
        Err(Failure::Remote(error)) => Err(ReplyError::Remote(error)),
        Err(Failure::Disconnected(reason)) => Err(ReplyError::Disconnected(reason)),
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        self.begin_to_wait();
        self.hold.core().pending.remove(self.id);
    }
}

impl fmt::Debug for PendingReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingReply")
            .field("id", &self.id)
            .field("ready", &self.slot.is_done())
            .finish_non_exhaustive()
    }
}
