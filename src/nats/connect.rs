//! How a connection is made.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerError, rustls};

use super::connection::Connection;
use super::inner::Inner;
use super::servers::{Login, Servers};
use crate::StartedSender;
use crate::net::after;
use crate::runtime::{Either, GaveUp, Runtime, race};
use crate::transport::{Error, ErrorKind};

/// The first pause between two attempts to connect, by how much it grows, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const PAUSE_GROWS: f64 = 1.5;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often one that waits looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);
/// How many messages may wait between the engine's reading and our task, which takes all that is there whenever it runs. What does not
/// fit the engine drops; in one turn it reads 8 MiB at most, so this many do not come.
const SUBSCRIPTION_CAPACITY: usize = 1 << 20;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) login: Option<Login>,
    pub(super) name: Option<String>,
    pub(super) require_tls: bool,
    pub(super) roots: Option<PathBuf>,
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
    pub(super) connect_timeout: Duration,
    /// `None` is for ever.
    pub(super) retry_for: Option<Duration>,
    pub(super) reconnect_pause: Duration,
    pub(super) ping_interval: Duration,
    pub(super) message_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            login: None,
            name: None,
            require_tls: false,
            roots: None,
            certificate: None,
            connect_timeout: Duration::from_secs(10),
            retry_for: Some(Duration::ZERO),
            reconnect_pause: Duration::from_secs(4),
            ping_interval: Duration::from_secs(20),
            message_limit: 16 * 1024 * 1024,
        }
    }
}

pub(super) fn connect(settings: Settings, servers: Servers) -> Result<Connection, Error> {
    let runtime = runtime()?;
    match runtime.wait(None, establish(&runtime, &settings, &servers)) {
        Ok(connection) => connection,
        Err(GaveUp::WouldDeadlock | GaveUp::Timeout | GaveUp::ThreadEnds) => Err(Error::new(
            ErrorKind::WouldDeadlock,
            "this thread serves connections, and must not wait for one",
        )),
    }
}

pub(super) fn connect_on(
    settings: Settings,
    servers: Servers,
    sender: Arc<StartedSender<Result<Connection, Error>>>,
) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = sender.send(Err(error));
            return;
        }
    };
    let inner = runtime.clone();
    runtime.spawn(async move {
        let unwanted = async {
            while !sender.is_closed() {
                tokio::time::sleep(LOOK).await;
            }
        };
        if let Either::Left(connection) = race(establish(&inner, &settings, &servers), unwanted).await {
            // A router that was stopped wants no connection.
            let _ = sender.send(connection);
        }
    });
}

/// Each connection has a thread of its own: one whose server has gone tries for ever to reach it, and the engine offers no way to end
/// that but to end the thread with all that runs on it.
fn runtime() -> Result<Arc<Runtime>, Error> {
    Runtime::start("foreground-nats")
        .map_err(|error| Error::new(ErrorKind::Io, "no thread for NATS").because(error))
}

/// Connects, repeatedly if that was asked for.
async fn establish(
    runtime: &Arc<Runtime>,
    settings: &Settings,
    servers: &Servers,
) -> Result<Connection, Error> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Where a program holds two of them, none is chosen by itself, and the engine would panic.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let give_up_at = settings.retry_for.map(after);
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match attempt(runtime, settings, servers).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        // A time beyond what the clock can name is none.
        let left = match give_up_at {
            Some(Some(at)) => at.saturating_duration_since(Instant::now()),
            Some(None) | None => Duration::MAX,
        };
        if left.is_zero() || !matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Timeout) {
            return Err(error);
        }
        tokio::time::sleep(left.min(pause)).await;
        pause = pause.mul_f64(PAUSE_GROWS).min(LONGEST_PAUSE);
    }
}

async fn attempt(
    runtime: &Arc<Runtime>,
    settings: &Settings,
    servers: &Servers,
) -> Result<Connection, Error> {
    // The engine tells what happens before there is a connection to tell it to.
    let told: Arc<OnceLock<Weak<Inner>>> = Arc::default();
    let options = options(settings, servers)?.event_callback({
        let told = told.clone();
        move |event| {
            let inner = told.get().and_then(Weak::upgrade);
            async move {
                if let Some(inner) = inner {
                    note(&inner, event);
                }
            }
        }
    });
    let connecting = options.connect(&servers.addresses[..]);
    let client = match tokio::time::timeout(settings.connect_timeout, connecting).await {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return Err(failed(&servers.text, error)),
        Err(_) => {
            let text = format!("{} did not answer in time", servers.text);
            return Err(Error::new(ErrorKind::Timeout, text));
        }
    };
    let inner = Inner::new(client, runtime.clone(), servers.text.clone(), settings.message_limit);
    let _ = told.set(Arc::downgrade(&inner));
    inner.refresh();
    Ok(Connection(inner))
}

fn options(settings: &Settings, servers: &Servers) -> Result<ConnectOptions, Error> {
    let longest = settings.reconnect_pause;
    let mut options = ConnectOptions::new()
        .retain_servers_order()
        .ping_interval(settings.ping_interval.max(Duration::from_millis(1)))
        .connection_timeout(settings.connect_timeout)
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        // Else it would not hold for the servers that the cluster tells of, which have no scheme.
        .require_tls(settings.require_tls || servers.are_all_tls())
        .reconnect_delay_callback(move |attempts| match attempts {
            0 | 1 => Duration::ZERO,
            _ => {
                let doubled = 1_u64.checked_shl(u32::try_from(attempts).unwrap_or(64)).unwrap_or(u64::MAX);
                Duration::from_millis(doubled).min(longest)
            }
        });
    if let Some(name) = &settings.name {
        options = options.name(name);
    }
    if let Some(file) = &settings.roots {
        options = options.add_root_certificates(file.clone());
    }
    if let Some((certificate, key)) = &settings.certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(match settings.login.clone().or_else(|| servers.login.clone()) {
        None => options,
        Some(Login::User { name, password }) => options.user_and_password(name, password),
        Some(Login::Token(token)) => options.token(token),
        Some(Login::Seed(seed)) => options.nkey(seed),
        Some(Login::Credentials(text)) => options.credentials(&text).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, "the credentials are not the text of a file .creds")
                .because(error)
        })?,
    })
}

/// Takes note of what the engine tells. It does not tell everything: what matters is looked up.
fn note(inner: &Inner, event: Event) {
    match event {
        Event::Disconnected => log::info!("the connection to {} was lost", inner.address()),
        Event::Connected => log::info!("connected to {}", inner.address()),
        Event::ServerError(error) => {
            log::warn!("{} says: {error}", inner.address());
            inner.complain(error.to_string());
        }
        Event::ClientError(error) => {
            log::debug!("{} cannot be reached: {error}", inner.address());
            inner.trouble(error.to_string());
        }
        Event::SlowConsumer(_) => {
            log::warn!("messages of {} were dropped: too many at once", inner.address())
        }
        _ => {}
    }
    inner.refresh();
}

/// Makes the engine's error one of ours.
fn failed(servers: &str, error: ConnectError) -> Error {
    let source = error.source();
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    let is_tls = io.and_then(io::Error::get_ref).is_some_and(|error| error.is::<rustls::Error>());
    let (kind, text) = match error.kind() {
        ConnectErrorKind::ServerParse => {
            (ErrorKind::InvalidAddress, format!("{servers} is no address of NATS"))
        }
        ConnectErrorKind::AuthorizationViolation => {
            (ErrorKind::Refused, format!("{servers} refuses: the user, the password or the token is wrong"))
        }
        ConnectErrorKind::Authentication => {
            (ErrorKind::InvalidInput, "the key with which to prove who one is cannot be used".into())
        }
        ConnectErrorKind::TimedOut => (ErrorKind::Timeout, format!("{servers} did not answer in time")),
        ConnectErrorKind::Tls => (ErrorKind::InvalidInput, "the files of certificates cannot be used".into()),
        _ if is_tls => (ErrorKind::Refused, format!("no TLS with {servers}")),
        _ if source.is_some_and(|source| source.is::<ServerError>()) => {
            (ErrorKind::Refused, format!("{servers} refuses"))
        }
        _ if io.is_some_and(|error| {
            matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Other)
        }) =>
        {
            (ErrorKind::Protocol, format!("{servers} is no NATS server"))
        }
        ConnectErrorKind::Io if io.is_none() => (ErrorKind::Protocol, format!("{servers} is no NATS server")),
        _ => (ErrorKind::Unreachable, format!("cannot connect to {servers}")),
    };
    Error::new(kind, text).because(error)
}
