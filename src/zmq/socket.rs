//! A 0MQ socket on the private thread. This is the one place that knows which crate speaks 0MQ.

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(unix)]
use omq_tokio::IpcPath;
use omq_tokio::message::Payload;
use omq_tokio::{Options, SocketType};
#[cfg(unix)]
use parking_lot::Mutex;

use super::{Endpoint, Security};
#[cfg(unix)]
use crate::net::is_occupied;
use crate::runtime::{GaveUp, Runtime};
use crate::transport::{Error, ErrorKind};

/// What all sockets have to settle.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) security: Security,
    /// How many messages may wait for one peer, on the way out and on the way in.
    pub(crate) high_water_mark: u32,
    /// How long what has been sent is kept for the peers after the end. `None` is for ever.
    pub(crate) linger: Option<Duration>,
    pub(crate) message_limit: usize,
}

/// A socket that is closed when it is dropped, on the private thread, after its linger time.
pub(crate) struct Socket {
    socket: omq_tokio::Socket,
    runtime: Arc<Runtime>,
}

impl Socket {
    /// Opens a socket. `adjust` sets what only this kind of socket has.
    pub(crate) fn open(
        kind: SocketType,
        settings: &Settings,
        adjust: impl FnOnce(Options) -> Options,
    ) -> Result<Self, Error> {
        let runtime = Runtime::shared()
            .map_err(|error| Error::new(ErrorKind::Io, "no thread for 0MQ").because(error))?;
        let mut options = Options::new()
            .send_hwm(settings.high_water_mark)
            .recv_hwm(settings.high_water_mark)
            .max_message_size(settings.message_limit.saturating_add(ENVELOPE));
        options.linger = settings.linger;
        options.mechanism = settings.security.mechanism();
        let entered =
            runtime.enter().map_err(|error| Error::new(ErrorKind::Io, "no socket for 0MQ").because(error))?;
        let socket = omq_tokio::Socket::try_new(kind, adjust(options))
            .map_err(|error| failed("0MQ refuses the settings", error))?;
        drop(entered);
        Ok(Self { socket, runtime })
    }

    pub(crate) fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Listens at an address; returns it with the port that the system chose.
    pub(crate) fn bind(&self, endpoint: &Endpoint) -> Result<Endpoint, Error> {
        let text = || format!("cannot listen at {endpoint}");
        // The crate below would take the place of whatever is there, be it a server or a letter.
        #[cfg(unix)]
        let _alone = if let omq_tokio::Endpoint::Ipc(IpcPath::Filesystem(path)) = &endpoint.0 {
            // Nobody else of this program comes between the look and the bind.
            let alone = BINDING.lock();
            if is_occupied(path) {
                return Err(Error::new(ErrorKind::AddressInUse, text()).because("somebody is there already"));
            }
            Some(alone)
        } else {
            None
        };
        // A name is looked up, which takes as long as it takes; longer than this nobody wants to wait.
        self.wait(Some(Instant::now() + Duration::from_secs(30)), self.socket.bind(endpoint.0.clone()))?
            .map(Endpoint)
            .map_err(|error| failed(&text(), error))
    }

    /// Listens there no longer. After that the address is free.
    pub(crate) async fn unbind(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let text = || format!("cannot unbind {endpoint}");
        self.socket.unbind(endpoint.0.clone()).await.map_err(|error| failed(&text(), error))
    }

    /// Sends what is to be sent, for the linger time at most, and closes.
    pub(crate) async fn flush(&self) {
        // Whatever it says, it is closed.
        let _ = self.socket.clone().close().await;
    }

    /// Connects to an address, again and again until somebody listens. Does not wait for that.
    pub(crate) async fn dial(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let connected = self.socket.connect(endpoint.0.clone()).await;
        connected.map_err(|error| failed(&format!("cannot connect to {endpoint}"), error))
    }

    /// Waits on the calling thread.
    pub(crate) fn wait<T>(
        &self,
        deadline: Option<Instant>,
        future: impl Future<Output = T>,
    ) -> Result<T, Error> {
        self.runtime.wait(deadline, future).map_err(|gave_up| match gave_up {
            GaveUp::Timeout => Error::new(ErrorKind::Timeout, "nothing came before the timeout"),
            GaveUp::WouldDeadlock => Error::new(
                ErrorKind::WouldDeadlock,
                "this thread serves all sockets, and must not wait for one",
            ),
            GaveUp::ThreadEnds => {
                Error::new(ErrorKind::Io, "this thread is ending, and cannot wait for a socket")
            }
        })
    }
}

impl Deref for Socket {
    type Target = omq_tokio::Socket;

    fn deref(&self) -> &Self::Target {
        &self.socket
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let socket = self.socket.clone();
        self.runtime.spawn(async move {
            // It has its linger time; there is nobody left to be told.
            let _ = socket.close().await;
        });
    }
}

/// Held by whoever binds to a file.
#[cfg(unix)]
static BINDING: Mutex<()> = Mutex::new(());

/// Room for the frames before a message, for which the crate below counts a little too.
const ENVELOPE: usize = 4096;

/// The bytes of a frame. A short one is copied, lest it keep all that was read with it.
pub(crate) fn to_vec(frame: Payload) -> Vec<u8> {
    if frame.len() < 64 * 1024 { frame.as_slice().to_vec() } else { frame.into_bytes().into() }
}

/// Makes an error of 0MQ's one of ours.
pub(crate) fn failed(text: &str, error: omq_tokio::Error) -> Error {
    let kind = match &error {
        // A name within this program.
        omq_tokio::Error::InvalidEndpoint(text) if text.contains("already bound") => ErrorKind::AddressInUse,
        omq_tokio::Error::InvalidEndpoint(_) | omq_tokio::Error::UnsupportedScheme(_) => {
            ErrorKind::InvalidAddress
        }
        omq_tokio::Error::Config(_) => ErrorKind::InvalidInput,
        omq_tokio::Error::HandshakeFailed(_) | omq_tokio::Error::HandshakeRefused(_) => ErrorKind::Refused,
        omq_tokio::Error::Closed => ErrorKind::Closed,
        omq_tokio::Error::Timeout | omq_tokio::Error::WouldBlock => ErrorKind::Timeout,
        omq_tokio::Error::MessageTooLarge { .. } => ErrorKind::TooLarge,
        omq_tokio::Error::Io(error) if error.kind() == io::ErrorKind::AddrInUse => ErrorKind::AddressInUse,
        omq_tokio::Error::Io(_) => ErrorKind::Io,
        _ => ErrorKind::Protocol,
    };
    Error::new(kind, text).because(error)
}
