//! Takes the connections that come to the addresses of a server.

use std::any::Any;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use super::connection::serve;
use super::server::Shared;
use super::stream::Socket;
use crate::net::{self, ListenerKind, PeerAddress};
use crate::runtime::Runtime;

/// How long to leave the listeners alone for which the system has no descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// The listeners of a server. They can be closed at once by any thread.
pub(super) struct Door(Mutex<State>);

struct State {
    listeners: Vec<Listener>,
    /// Whose turn it is.
    next: usize,
    /// Of the task that waits at them.
    waker: Option<Waker>,
}

struct Listener {
    socket: ListeningSocket,
    /// Removes the file of a Unix socket when it is dropped.
    _file: Box<dyn Any + Send + Sync>,
}

enum ListeningSocket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Door {
    /// Opens it, within the private thread's runtime.
    pub(super) fn open(listeners: Vec<net::Listener>) -> io::Result<Self> {
        let listeners = listeners.into_iter().map(Listener::new).collect::<io::Result<_>>()?;
        Ok(Self(Mutex::new(State { listeners, next: 0, waker: None })))
    }

    /// Gives the addresses free.
    pub(super) fn close(&self) {
        let mut state = self.0.lock();
        let listeners = std::mem::take(&mut state.listeners);
        let waker = state.waker.take();
        drop(state);
        drop(listeners);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next connection, or `None` when the door is closed. One listener has its turn after the other.
    fn poll_accept(
        &self,
        context: &mut Context<'_>,
        is_free: impl FnOnce(&mut Context<'_>) -> Poll<()>,
    ) -> Poll<Option<io::Result<(Socket, PeerAddress)>>> {
        let mut state = self.0.lock();
        let count = state.listeners.len();
        if count == 0 {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        if is_free(context).is_pending() {
            return Poll::Pending;
        }
        for turn in 0..count {
            let at = (state.next + turn) % count;
            if let Poll::Ready(accepted) = state.listeners[at].poll_accept(context) {
                state.next = at + 1;
                return Poll::Ready(Some(accepted));
            }
        }
        Poll::Pending
    }
}

impl Listener {
    fn new(listener: net::Listener) -> io::Result<Self> {
        let (socket, file) = listener.into_parts()?;
        let socket = match socket {
            ListenerKind::Tcp(socket) => ListeningSocket::Tcp(TcpListener::from_std(socket)?),
            #[cfg(unix)]
            ListenerKind::Unix(socket) => ListeningSocket::Unix(UnixListener::from_std(socket)?),
        };
        Ok(Self { socket, _file: Box::new(file) })
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(Socket, PeerAddress)>> {
        match &self.socket {
            ListeningSocket::Tcp(listener) => listener.poll_accept(context).map_ok(|(socket, peer)| {
                // An answer that waits for the acknowledgement of the one before costs 40 ms. Refused only by a
                // connection that is gone.
                let _ = socket.set_nodelay(true);
                (Socket::Tcp(socket), PeerAddress::Tcp(peer))
            }),
            #[cfg(unix)]
            ListeningSocket::Unix(listener) => listener.poll_accept(context).map_ok(|(socket, peer)| {
                let path = peer.as_pathname().map(Into::into);
                (Socket::Unix(socket), PeerAddress::Unix(path))
            }),
        }
    }
}

/// Takes connections until the door is closed, as many at once as the settings allow. The others wait outside.
pub(super) async fn accept(shared: Arc<Shared>, runtime: Arc<Runtime>) {
    let next = || {
        poll_fn(|context| shared.door.poll_accept(context, |context| shared.connections.poll_free(context)))
    };
    while let Some(accepted) = next().await {
        match accepted {
            Ok((socket, peer)) => {
                let place = shared.connections.take(0);
                let shared = shared.clone();
                runtime.spawn(async move {
                    serve(socket, peer, &shared).await;
                    drop(place);
                });
            }
            Err(error) => match error.kind() {
                // Came and went before it was taken.
                io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {}
                _ => {
                    log::warn!(
                        "foreground: a server by HTTP cannot take a connection now, and tries again: {error}"
                    );
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
}
