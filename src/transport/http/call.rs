//! One message of a client. This is where ureq's errors become ours.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::http::header::{CONTENT_TYPE, EXPECT, HeaderValue, LOCATION};
use ureq::http::{HeaderMap, Response, StatusCode, Uri};
use ureq::{Agent, Body};

use super::client::Settings;
use super::url;
use crate::net::after;
use crate::transport::{Error, ErrorKind};

/// A server may refuse a longer message by its head, before it is sent: many who refuse it later break off the connection,
/// and the reason with it.
const ASK_FIRST: usize = 64 * 1024;

/// How long connections without use are kept.
const IDLE: Duration = Duration::from_secs(15);

/// Makes what holds the connections of a client.
pub(super) fn agent(settings: &Settings) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(settings.proxy.clone())
        .user_agent(concat!("foreground/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .max_idle_connections(settings.idle_connections)
        .max_idle_connections_per_host(settings.idle_connections)
        .max_idle_age(IDLE)
        .timeout_connect(settings.connect_timeout.filter(|time| after(*time).is_some()));
    // To read the system's certificates takes some milliseconds.
    #[cfg(feature = "https")]
    let config = match settings.url.scheme_str() {
        Some("http") if settings.redirects == 0 && settings.proxy.is_none() => config,
        _ => config.tls_config(settings.roots.config()),
    };
    config.build().into()
}

/// Sends a message and waits for the reply.
pub(super) fn send(
    agent: &Agent,
    settings: &Settings,
    deadline: Option<Instant>,
    message: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut target = settings.url.clone();
    let mut redirects = 0;
    loop {
        let failed = |error| failed(&target, error);
        let response = post(agent, settings, &target, deadline, message).map_err(failed)?;
        if redirects < settings.redirects
            && let Some(next) = wanted_at(&target, &response)
        {
            redirects += 1;
            target = next;
            continue;
        }
        let status = response.status();
        if status.is_success() {
            return read(response, settings.reply_limit).map_err(failed);
        }
        let text = format!("{} answered with the status {status}", url::without_secrets(&target));
        return Err(Error::new(ErrorKind::Status, text)
            .with_response(status.as_u16(), beginning(response, settings.reply_limit)));
    }
}

fn post(
    agent: &Agent,
    settings: &Settings,
    target: &Uri,
    deadline: Option<Instant>,
    message: &[u8],
) -> Result<Response<Body>, ureq::Error> {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let mut request = agent.post(target.clone()).config().timeout_global(left).build();
    if let Some(headers) = request.headers_mut() {
        *headers = headers_for(settings, target);
        if message.len() > ASK_FIRST {
            headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
        }
    }
    request.send(message)
}

/// Another server is not told what the first one may know.
fn headers_for(settings: &Settings, target: &Uri) -> HeaderMap {
    if url::is_same_server(&settings.url, target) {
        return settings.headers.clone();
    }
    let content_type = settings.headers.get(CONTENT_TYPE);
    content_type.map(|value| (CONTENT_TYPE, value.clone())).into_iter().collect()
}

/// Where a server wants the same POST.
fn wanted_at(base: &Uri, response: &Response<Body>) -> Option<Uri> {
    match response.status() {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
            url::redirected(base, response.headers().get(LOCATION)?.to_str().ok()?)
        }
        _ => None,
    }
}

/// Reads a reply. Memory grows with what comes, and not with what is announced.
fn read(response: Response<Body>, limit: usize) -> Result<Vec<u8>, ureq::Error> {
    let mut body = response.into_body();
    if body.content_length().is_some_and(|announced| announced > limit as u64) {
        return Err(ureq::Error::BodyExceedsLimit(limit as u64));
    }
    // One more than the limit: with exactly so many, ureq would not see that this is the end.
    body.with_config().limit((limit as u64).saturating_add(1)).read_to_vec().and_then(|reply| {
        if reply.len() > limit { Err(ureq::Error::BodyExceedsLimit(limit as u64)) } else { Ok(reply) }
    })
}

/// Reads of the body that comes with an error what can be had.
fn beginning(response: Response<Body>, limit: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = response.into_body().into_reader().take(limit as u64).read_to_end(&mut bytes);
    bytes
}

fn failed(target: &Uri, error: ureq::Error) -> Error {
    let server = url::without_secrets(target);
    let (kind, text) = match &error {
        ureq::Error::Timeout(_) => (ErrorKind::Timeout, format!("{server} did not answer in time")),
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_) => {
            (ErrorKind::Unreachable, format!("{server} cannot be reached"))
        }
        ureq::Error::BodyExceedsLimit(limit) => (
            ErrorKind::TooLarge,
            format!(
                "the reply of {server} is longer than {limit} bytes; set a higher `reply_limit` if it may be"
            ),
        ),
        ureq::Error::LargeResponseHeader(..) => {
            (ErrorKind::TooLarge, format!("the head of the reply of {server} is too long"))
        }
        ureq::Error::Protocol(_) => {
            (ErrorKind::Protocol, format!("{server} does not speak HTTP as it should"))
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            (ErrorKind::InvalidAddress, format!("{server} is no URL to post to"))
        }
        ureq::Error::Io(error) => input_output(&server, error),
        #[cfg(feature = "https")]
        ureq::Error::Rustls(error) => (super::tls::kind(error), super::tls::text(&server)),
        ureq::Error::Tls(_) | ureq::Error::TlsRequired => {
            (ErrorKind::Refused, format!("there is no secure connection to {server}"))
        }
        _ => (ErrorKind::Protocol, format!("the message to {server} failed")),
    };
    Error::new(kind, text).because(error)
}

fn input_output(server: &str, error: &io::Error) -> (ErrorKind, String) {
    #[cfg(feature = "https")]
    if let Some(kind) = super::tls::kind_of(error) {
        return (kind, super::tls::text(server));
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => {
            (ErrorKind::Unreachable, format!("{server} cannot be reached; is the server running?"))
        }
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => (
            ErrorKind::Disconnected,
            format!("{server} broke off the connection; it may have taken the message"),
        ),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            (ErrorKind::Timeout, format!("{server} did not answer in time"))
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            (ErrorKind::Protocol, format!("{server} does not speak HTTP as it should"))
        }
        // What has no number of the system's, and no kind either, comes from looking up the name.
        _ if error.raw_os_error().is_none_or(is_lookup) => {
            (ErrorKind::Unreachable, format!("the host of {server} is not known"))
        }
        _ => (ErrorKind::Io, format!("the message to {server} failed")),
    }
}

/// Windows has numbers for it.
fn is_lookup(number: i32) -> bool {
    cfg!(windows) && (11001..=11004).contains(&number)
}
