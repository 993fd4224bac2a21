use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omq_tokio::{Identity, KeepAlive, Message, SocketType, TrySendError};
use tokio::sync::{Notify, watch};

use super::{Endpoint, Options};
use crate::net::{after, is_io_thread};
use crate::runtime::{Either, race};
use crate::transport::{Context, Error, ErrorKind, Incoming, ReplyError, Responder, ServerTransport};
use crate::zmq::{Settings, Socket, to_vec};

/// A server over 0MQ, for [`Client`](super::Client), for tinyrpc's, and for anything with a REQ or DEALER socket. A cheap handle.
///
/// It listens until it is closed, or until the last handle is dropped and nobody is [served](ServerTransport::serve_on) any more. Messages that
/// have come by then can still be answered.
///
/// # Examples
///
/// ```
/// use foreground::transport::ServerTransport;
/// use foreground::transport::zmq::Server;
///
/// let server = Server::bind("tcp://127.0.0.1:0")?;
/// println!("tinyrpc.transports.zmq.ZmqClientTransport.create(zmq.Context(), \"{}\")", server.endpoint());
/// # let client = foreground::transport::zmq::Client::connect(server.endpoint())?;
/// # use foreground::transport::ClientTransport;
/// # let asking = std::thread::spawn(move || client.send_message(b"hello".to_vec(), true));
/// let (context, message) = server.receive_message()?;
/// context.reply(message)?;
/// # asking.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Server {
    open: Arc<Open>,
}

/// Closes when its last holder has gone.
struct Open {
    incoming: Incoming,
    router: Arc<Router>,
    endpoint: Endpoint,
    closing: Arc<Notify>,
    phase: watch::Receiver<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Phase {
    Listening,
    /// The address is free.
    Unbound,
    /// All is answered and sent, and the connections are closed.
    Ended,
}

/// The socket, which stays as long as there is something to be answered.
struct Router {
    socket: Socket,
    message_limit: usize,
}

impl Server {
    /// Listens at an address, `tcp://host:port`, `ipc://path` or `inproc://name`, with the [options](Options) as they are by default.
    ///
    /// # Errors
    /// As [`Options::bind`].
    pub fn bind<E>(endpoint: E) -> Result<Self, Error>
    where
        E: TryInto<Endpoint>,
        Error: From<E::Error>,
    {
        Options::new().bind(endpoint)
    }

    pub(super) fn open(
        endpoint: &Endpoint,
        settings: &Settings,
        (messages, bytes): (usize, usize),
        reply_queue: u32,
    ) -> Result<Self, Error> {
        let socket = Socket::open(SocketType::Router, settings, |options| {
            options
                .send_hwm(reply_queue)
                // Otherwise a reply that nobody can get is lost without a word.
                .router_mandatory(true)
                .max_pending_handshakes(PENDING_HANDSHAKES)
                .tcp_keepalive(KEEP_ALIVE)
        })?;
        let endpoint = socket.bind(endpoint)?;
        let router = Arc::new(Router { socket, message_limit: settings.message_limit });
        let incoming = Incoming::with_limit(messages, bytes);
        let closing = Arc::new(Notify::new());
        let (tell, phase) = watch::channel(Phase::Listening);
        let serve = router.clone().serve(endpoint.clone(), incoming.clone(), closing.clone(), tell);
        router.socket.runtime().spawn(serve);
        Ok(Self { open: Arc::new(Open { incoming, router, endpoint, closing, phase }) })
    }

    /// Returns the address at which it listens, with the port that the system has chosen.
    pub fn endpoint(&self) -> &Endpoint {
        &self.open.endpoint
    }
}

/// How long the end of a server lets its caller wait for what is nearly done.
const MOMENT: Duration = Duration::from_millis(10);

/// Clients that come at once, as after a restart.
const PENDING_HANDSHAKES: usize = 1024;

/// Clients that vanish without a word, as when a cable is cut, are found out after some two minutes.
const KEEP_ALIVE: KeepAlive =
    KeepAlive::Enabled { idle: Duration::from_secs(60), intvl: Duration::from_secs(15), cnt: 4 };

impl Router {
    async fn serve(
        self: Arc<Self>,
        endpoint: Endpoint,
        incoming: Incoming,
        closing: Arc<Notify>,
        phase: watch::Sender<Phase>,
    ) {
        self.read(&incoming, &closing).await;
        // It is closed already, unless the socket has failed: then whoever waits for a message is told.
        incoming.close();
        // It fails if the socket has failed altogether, and then the address is free as well.
        let _ = self.socket.unbind(&endpoint).await;
        phase.send_replace(Phase::Unbound);
        incoming.answered().await;
        self.socket.flush().await;
        phase.send_replace(Phase::Ended);
    }

    /// Reads messages, as long as there is room for them, until the server is closed.
    async fn read(self: &Arc<Self>, incoming: &Incoming, closing: &Notify) {
        let mut closed = pin!(closing.notified());
        loop {
            let next = async {
                poll_fn(|context| incoming.poll_room(context)).await;
                self.socket.recv().await
            };
            match race(&mut closed, next).await {
                Either::Right(Ok(message)) => self.take_in(incoming, message),
                Either::Right(Err(_)) | Either::Left(()) => break,
            }
        }
    }

    /// A message is what stands in the last frame; what is before it goes back with the reply.
    fn take_in(self: &Arc<Self>, incoming: &Incoming, mut message: Message) {
        let Some(client) = message.pop_identity() else { return };
        let Some(body) = message.last_payload() else { return };
        if body.len() > self.message_limit {
            // The frames before it had a little room of their own.
            let (router, connection) = (self.clone(), client.peer_info().connection_id);
            log::warn!("{}: a message of {} bytes is over the limit", peer(&client), body.len());
            self.socket.runtime().spawn(async move {
                // It may have gone by itself.
                let _ = router.socket.disconnect_peer(connection).await;
            });
            return;
        }
        let frames = message.len() - 1;
        let envelope = message.iter().take(frames).map(|frame| Bytes::copy_from_slice(&frame)).collect();
        let context = Context::new(Reply { router: self.clone(), client, envelope });
        // A waker is the user's, and runs here. One that panics has been told of, and costs nobody else anything.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            // If nobody takes the message, it stays unanswered.
            let _ = incoming.push(context, to_vec(body));
        }));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close();
    }
}

impl Open {
    fn close(&self) {
        self.incoming.close();
        self.closing.notify_one();
        // For the private thread, which waits for nobody: after this the address is free.
        self.wait_for(Phase::Unbound, Duration::from_secs(1));
        // A reply that is just being given is nearly done. If nothing else is to be answered or sent, the connections are closed
        // after this, and clients know.
        if self.incoming.wait_answered(after(MOMENT)) == 0 {
            self.wait_for(Phase::Ended, MOMENT);
        }
    }

    fn wait_for(&self, phase: Phase, time: Duration) {
        if is_io_thread() {
            return;
        }
        let mut now = self.phase.clone();
        // It is done when it is done.
        let _ = self.router.socket.wait(after(time), now.wait_for(|now| *now >= phase));
    }
}

impl ServerTransport for Server {
    fn incoming(&self) -> &Incoming {
        &self.open.incoming
    }

    fn close(&self) {
        self.open.close();
    }

    fn stop(&self, grace: Duration) -> usize {
        let deadline = after(grace);
        self.close();
        let unanswered = self.open.incoming.wait_answered(deadline);
        // What nobody has received is of no use to anybody now.
        self.open.incoming.clear();
        if unanswered == 0 {
            // The program may end after this, so the replies are to be out.
            let left =
                deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            self.open.wait_for(Phase::Ended, left);
        }
        unanswered
    }
}

/// The way back to a client.
struct Reply {
    router: Arc<Router>,
    client: Identity,
    envelope: Vec<Bytes>,
}

impl Responder for Reply {
    fn reply(self: Box<Self>, reply: Vec<u8>) -> Result<(), ReplyError> {
        let (length, limit) = (reply.len(), self.router.message_limit);
        if length > limit {
            let text = format!(
                "the reply has {length} bytes, and the limit is {limit}; see `Options::message_limit`"
            );
            return Err(ReplyError::Failed(Error::new(ErrorKind::TooLarge, text)));
        }
        let reply = Bytes::from(reply);
        let message = Message::multipart(self.envelope.into_iter().chain([reply.clone()]));
        match self.router.socket.try_send_to(&self.client, message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                let text = format!("{} does not read its replies", peer(&self.client));
                Err(ReplyError::Failed(Error::new(ErrorKind::Full, text)))
            }
            Err(_) => Err(ReplyError::Abandoned(reply.into())),
        }
    }

    fn peer(&self) -> String {
        peer(&self.client)
    }
}

/// Who asked, for people.
fn peer(client: &Identity) -> String {
    let info = client.peer_info();
    match info.peer_address {
        Some(address) => address.to_string(),
        None => format!("{}, connection {}", info.diagnostics.endpoint, info.connection_id),
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("endpoint", &self.open.endpoint)
            .field("incoming", &self.open.incoming)
            .finish()
    }
}
