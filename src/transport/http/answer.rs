//! From a request to its answer.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::yield_now;

use super::connection::Progress;
use super::server::Shared;
use crate::net::PeerAddress;
use crate::runtime::{Either, race};
use crate::transport::{Context, ReplyError, Responder};

/// A request that is not for the application, or that it did not answer, and what to tell of it.
struct Refusal {
    status: StatusCode,
    text: &'static str,
}

const fn refuse(status: StatusCode, text: &'static str) -> Refusal {
    Refusal { status, text }
}

const CLOSED: Refusal = refuse(StatusCode::SERVICE_UNAVAILABLE, "The server takes no more messages");
const TIMEOUT: Refusal = refuse(StatusCode::SERVICE_UNAVAILABLE, "The message was not answered in time");
const UNANSWERED: Refusal = refuse(StatusCode::SERVICE_UNAVAILABLE, "The message was not answered");
const BUSY: Refusal = refuse(StatusCode::SERVICE_UNAVAILABLE, "Too many messages are unanswered");
const TOO_LARGE: Refusal = refuse(StatusCode::PAYLOAD_TOO_LARGE, "The message is too large");
const TOO_SLOW: Refusal = refuse(StatusCode::REQUEST_TIMEOUT, "The message did not arrive in time");
const MALFORMED: Refusal = refuse(StatusCode::BAD_REQUEST, "The body is malformed or incomplete");
const FOREIGN: Refusal = refuse(StatusCode::FORBIDDEN, "Pages of this origin may not call");
const NOT_POST: Refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, "Only POST supported");

/// Answers a request: that is the service that hyper is given.
pub(super) async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    peer: Arc<PeerAddress>,
    progress: Arc<Progress>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.body().is_end_stream() {
        progress.has_body();
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let settings = &shared.settings;
    let outcome = match *request.method() {
        Method::OPTIONS => Ok(None),
        Method::POST if !settings.origins.allow(request.headers()) => Err(FOREIGN),
        Method::POST => exchange(request.into_body(), &shared, peer, &progress).await.map(Some),
        _ => Err(NOT_POST),
    };
    let mut response = Response::default();
    let headers = response.headers_mut();
    settings.origins.tell(origin.as_ref(), headers);
    match outcome {
        Ok(None) => {}
        Ok(Some(reply)) => {
            headers.insert(CONTENT_TYPE, settings.content_type.clone());
            *response.body_mut() = Full::new(reply.into());
        }
        Err(refusal) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            match refusal.status {
                StatusCode::METHOD_NOT_ALLOWED => {
                    headers.insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
                }
                // Where the next request begins is not known, or far away.
                StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT | StatusCode::BAD_REQUEST => {
                    headers.insert(CONNECTION, HeaderValue::from_static("close"));
                }
                _ => {}
            }
            *response.status_mut() = refusal.status;
            *response.body_mut() = Full::new(Bytes::from_static(refusal.text.as_bytes()));
        }
    }
    progress.has_answer();
    Ok(response)
}

/// Takes the message and waits for the reply.
async fn exchange(
    body: Incoming,
    shared: &Arc<Shared>,
    peer: Arc<PeerAddress>,
    progress: &Progress,
) -> Result<Vec<u8>, Refusal> {
    let settings = &shared.settings;
    let message = unless_closed(shared, within(settings.body_timeout, read(body, settings.body_limit)))
        .await?
        .unwrap_or(Err(TOO_SLOW))?;
    progress.has_body();
    let room = match shared.room.try_take(message.len()) {
        Some(room) => room,
        None => unless_closed(shared, within(settings.reply_timeout, shared.room.take(message.len())))
            .await?
            .flatten()
            .ok_or(BUSY)?,
    };
    // What has come on other connections at the same time is read first, and all of it delivered at once: who receives is
    // woken once for many messages.
    yield_now().await;
    let (sender, reply) = oneshot::channel();
    let context = Context::new(ToClient { sender, peer, _room: room });
    shared.incoming.push(context, message).map_err(|_| CLOSED)?;
    match within(settings.reply_timeout, reply).await {
        Some(Ok(reply)) => Ok(reply),
        Some(Err(_)) => Err(UNANSWERED),
        None => Err(TIMEOUT),
    }
}

/// Reads a body. What it announces is believed only so far as it is refused for it.
async fn read(mut body: Incoming, limit: usize) -> Result<Vec<u8>, Refusal> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(TOO_LARGE);
    }
    let mut message = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| MALFORMED)?;
        // Trailers tell nothing that matters here.
        let Ok(bytes) = frame.into_data() else { continue };
        if bytes.len() > limit - message.len() {
            return Err(TOO_LARGE);
        }
        message.extend_from_slice(&bytes);
    }
    Ok(message)
}

/// Waits for the future, but not longer than this.
async fn within<T>(time: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
    match time {
        None => Some(future.await),
        Some(time) => tokio::time::timeout(time, future).await.ok(),
    }
}

/// Waits for the future, unless the server is closed first.
async fn unless_closed<T>(shared: &Shared, future: impl Future<Output = T>) -> Result<T, Refusal> {
    match race(future, shared.closed()).await {
        Either::Left(value) => Ok(value),
        Either::Right(()) => Err(CLOSED),
    }
}

/// Hands the reply to the connection.
struct ToClient {
    sender: oneshot::Sender<Vec<u8>>,
    peer: Arc<PeerAddress>,
    /// Until the message is answered or dropped.
    _room: [OwnedSemaphorePermit; 2],
}

impl Responder for ToClient {
    fn reply(self: Box<Self>, reply: Vec<u8>) -> Result<(), ReplyError> {
        // The receiver goes with the connection, or with the time that the answer may take.
        self.sender.send(reply).map_err(ReplyError::Abandoned)
    }

    fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }

    fn peer(&self) -> String {
        self.peer.to_string()
    }
}
