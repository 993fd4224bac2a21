//! One connection, from its first byte to its last.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::answer::answer;
use super::options::Settings;
use super::server::Shared;
use super::stream::{Socket, Stream};
use crate::net::PeerAddress;

/// The buffer of a connection is as large as this, or as the head of a request may be.
const BUFFER: usize = 64 * 1024;

/// A time as long as this is none: hyper panics at one beyond what the clock can name.
const AGES: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How far the request is that a connection is at. All of it is seen by the private thread only, so no ordering matters.
#[derive(Default)]
pub(super) struct Progress {
    /// A request is being read, or answered, or its answer is not all with the system yet.
    is_busy: AtomicBool,
    /// The answer has been given to hyper.
    is_answered: AtomicBool,
    /// Something was read that is no whole request yet, or no part of one.
    is_unread: AtomicBool,
}

impl Progress {
    pub(super) fn has_read(&self) {
        self.is_unread.store(true, Ordering::Relaxed);
    }

    /// The head of a request has been read, whether or not its body follows.
    pub(super) fn has_head(&self) {
        self.is_busy.store(true, Ordering::Relaxed);
        self.is_answered.store(false, Ordering::Relaxed);
        self.is_unread.store(true, Ordering::Relaxed);
    }

    /// The body too.
    pub(super) fn has_body(&self) {
        self.is_unread.store(false, Ordering::Relaxed);
    }

    pub(super) fn has_answer(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }

    /// All that there was to write is with the system.
    pub(super) fn has_written(&self) {
        if self.is_answered.load(Ordering::Relaxed) {
            self.is_busy.store(false, Ordering::Relaxed);
        }
    }

    /// The connection ends. Whether the peer may still be sending.
    pub(super) fn starts_to_linger(&self) -> bool {
        let lingers = self.is_unread.load(Ordering::Relaxed);
        if lingers {
            self.is_busy.store(true, Ordering::Relaxed);
            self.is_answered.store(false, Ordering::Relaxed);
        }
        lingers
    }
}

/// What hyper is told once for all connections.
pub(super) fn builder(settings: &Settings) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout.filter(|time| *time < AGES))
        .max_header_size(settings.header_limit)
        .max_buf_size(settings.header_limit.max(BUFFER))
        .keep_alive(settings.keep_alive)
        .half_close(settings.half_close);
    builder
}

/// Serves a connection until it ends, or until the server is closed and nothing is under way.
pub(super) async fn serve(socket: Socket, peer: PeerAddress, shared: &Arc<Shared>) {
    let progress = Arc::new(Progress::default());
    let peer = Arc::new(peer);
    let stream = Stream::new(socket, progress.clone(), shared.settings.write_timeout);
    let service = service_fn(|request| {
        progress.has_head();
        answer(request, shared.clone(), peer.clone(), progress.clone())
    });
    let mut connection = pin!(shared.builder.serve_connection(TokioIo::new(stream), service));
    let mut closed = pin!(shared.closed());
    let mut is_closed = false;
    poll_fn(|context| {
        if !is_closed && closed.as_mut().poll(context).is_ready() {
            is_closed = true;
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(end) = connection.as_mut().poll(context) {
            if let Err(error) = end {
                log::debug!("foreground: the connection of {peer} by HTTP ended: {error}");
            }
            return Poll::Ready(());
        }
        // hyper would wait for who has connected and asked nothing yet.
        let is_over = is_closed && !progress.is_busy.load(Ordering::Relaxed);
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
