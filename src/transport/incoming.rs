use std::fmt;
use std::sync::Arc;
use std::task;
use std::time::{Duration, Instant};

use super::{Context, PushError, ReceiveError, ReceiveTimeoutError, Serving, TryReceiveError};
use crate::net::{Mailbox, Nothing, after, is_io_thread};
use crate::room::Room;
use crate::serving::serve;
use crate::{MessageRouter, PipeError};

/// How many messages may be unanswered unless somebody says else, and their bytes.
const MESSAGES: usize = 10_000;
const BYTES: usize = 64 * 1024 * 1024;

/// The messages that have come to a server: where a transport puts them, and where threads and the foreground take them. A cheap handle.
///
/// Each message goes to one taker, in the order in which they came. Whoever writes a transport pushes into it; all else
/// ([`ServerTransport`](super::ServerTransport)) is there then.
///
/// # Examples
///
/// A transport of your own, here over a channel of the standard library:
///
/// ```
/// use foreground::transport::{Context, Incoming, ReplyError, Responder, ServerTransport};
/// use std::sync::mpsc;
///
/// struct ToChannel(mpsc::Sender<Vec<u8>>);
///
/// impl Responder for ToChannel {
///     fn reply(self: Box<Self>, reply: Vec<u8>) -> Result<(), ReplyError> {
///         self.0.send(reply).map_err(|error| ReplyError::Abandoned(error.0))
///     }
///
///     fn peer(&self) -> String {
///         "the other end of a channel".into()
///     }
/// }
///
/// struct MyServer(Incoming);
///
/// impl ServerTransport for MyServer {
///     fn incoming(&self) -> &Incoming {
///         &self.0
///     }
///
///     fn close(&self) {
///         self.0.close();
///     }
/// }
///
/// let server = MyServer(Incoming::new());
/// let (sender, replies) = mpsc::channel();
/// server.incoming().push(Context::new(ToChannel(sender)), b"hello".to_vec())?;
///
/// let (context, message) = server.receive_message()?;
/// server.send_reply(context, message)?;
/// assert_eq!(replies.recv()?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Incoming {
    queue: Arc<Mailbox<(Context, Vec<u8>)>>,
    room: Arc<Room>,
}

impl Default for Incoming {
    fn default() -> Self {
        Self::new()
    }
}

impl Incoming {
    /// Makes an empty one for 10,000 unanswered messages of 64 MiB altogether.
    pub fn new() -> Self {
        Self::with_limit(MESSAGES, BYTES)
    }

    /// Makes an empty one for so many unanswered messages, and so many bytes of them. The transport reads no more while there is no room,
    /// as [`poll_room`](Self::poll_room) tells it.
    pub fn with_limit(messages: usize, bytes: usize) -> Self {
        Self { queue: Arc::new(Mailbox::new()), room: Room::new(messages.max(1), bytes.max(1)) }
    }

    /// Adds a message. Never waits.
    ///
    /// # Errors
    /// Gives it back when nobody takes messages any more: the server was closed, or served on a router that does not run now.
    pub fn push(&self, context: Context, message: Vec<u8>) -> Result<(), PushError> {
        let context = context.holding(self.room.take(message.len()));
        self.queue.push((context, message)).map_err(|(context, message)| PushError { context, message })
    }

    /// Tells a transport whether to read another message; if not, its task is woken when it may. For one task.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::transport::Incoming;
    /// use std::task::{Context, Waker};
    ///
    /// let incoming = Incoming::new();
    /// // In an async function: `poll_fn(|context| incoming.poll_room(context)).await;`
    /// assert!(incoming.poll_room(&mut Context::from_waker(Waker::noop())).is_ready());
    /// ```
    pub fn poll_room(&self, context: &mut task::Context<'_>) -> task::Poll<()> {
        self.room.poll_free(context)
    }

    /// Whether another message may be taken.
    pub(super) fn has_room(&self) -> bool {
        self.room.has_room()
    }

    /// Returns how many messages have come and are neither answered nor dropped.
    pub fn unanswered(&self) -> usize {
        self.room.items()
    }

    /// Takes no more messages. Those that are there can still be received.
    pub fn close(&self) {
        self.queue.close();
    }

    /// Drops the messages that nobody has received, unanswered.
    pub fn clear(&self) {
        self.queue.clear();
    }

    /// Waits until all messages are answered or dropped, but not beyond the deadline. Returns how many are not.
    pub(crate) fn wait_answered(&self, deadline: Option<Instant>) -> usize {
        let deadline = if is_io_thread() { Some(Instant::now()) } else { deadline };
        self.room.wait_until_empty(deadline)
    }

    /// Lets go of the messages, and waits until all are answered or dropped.
    #[cfg(feature = "zmq")]
    pub(super) async fn answered(self) {
        let Self { queue, room } = self;
        drop(queue);
        std::future::poll_fn(|context| room.poll_empty(context)).await;
    }

    /// As [`ServerTransport::receive_message`](super::ServerTransport::receive_message).
    ///
    /// # Errors
    /// As there.
    pub fn receive(&self) -> Result<(Context, Vec<u8>), ReceiveError> {
        self.queue.pop_wait(None).map_err(|nothing| match nothing {
            Nothing::Yet => ReceiveError::WouldDeadlock,
            Nothing::More => ReceiveError::Closed,
        })
    }

    /// As [`ServerTransport::receive_message_timeout`](super::ServerTransport::receive_message_timeout).
    ///
    /// # Errors
    /// As there.
    pub fn receive_timeout(&self, timeout: Duration) -> Result<(Context, Vec<u8>), ReceiveTimeoutError> {
        self.queue.pop_wait(after(timeout)).map_err(|nothing| match nothing {
            Nothing::Yet if is_io_thread() => ReceiveTimeoutError::WouldDeadlock,
            Nothing::Yet => ReceiveTimeoutError::Timeout,
            Nothing::More => ReceiveTimeoutError::Closed,
        })
    }

    /// As [`ServerTransport::try_receive_message`](super::ServerTransport::try_receive_message).
    ///
    /// # Errors
    /// As there.
    pub fn try_receive(&self) -> Result<(Context, Vec<u8>), TryReceiveError> {
        self.queue.pop().map_err(|nothing| match nothing {
            Nothing::Yet => TryReceiveError::Empty,
            Nothing::More => TryReceiveError::Closed,
        })
    }

    /// Has the router call `callback` for each message.
    #[track_caller]
    pub(super) fn serve_on<S: 'static>(
        &self,
        router: &MessageRouter<S>,
        mut callback: impl FnMut(&mut S, Context, Vec<u8>) + 'static,
    ) -> Result<Serving<S>, PipeError> {
        let (deliver, serving) =
            serve(router, move |state, (context, message)| callback(state, context, message))?;
        self.queue.set_sink(deliver);
        Ok(serving)
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("unanswered", &self.unanswered())
            .field("is_closed", &self.queue.is_closed())
            .finish()
    }
}
