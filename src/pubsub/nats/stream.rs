use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{self, ErrorCode, context::CreateStreamErrorKind};

use super::subjects::{Root, covers};
use crate::nats::Inner;
use crate::runtime::until;
use crate::transport::{Error, ErrorKind};

/// The longest time that NATS is told, 100 years. It counts nanoseconds, in 63 bits.
pub(super) const AGES: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// For how long the server knows a message that it gets twice, unless somebody wants more.
const DUPLICATES: Duration = Duration::from_secs(120);

/// What NATS keeps of what is published: how much, for how long, and where. For [`Bus::stored`](crate::pubsub::Bus::stored).
///
/// # Examples
///
/// ```
/// use foreground::pubsub::Stream;
/// use std::time::Duration;
///
/// let stream = Stream::new().max_age(Duration::from_secs(24 * 60 * 60)).max_bytes(100 * 1024 * 1024);
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    name: Option<String>,
    max_age: Duration,
    max_messages: i64,
    max_bytes: i64,
    replicas: usize,
    is_in_memory: bool,
    refuses: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    /// Starts with the defaults: at most a million messages, each for 7 days, in files; the oldest give way to new ones.
    pub fn new() -> Self {
        Self {
            name: None,
            max_age: Duration::from_secs(7 * 24 * 60 * 60),
            max_messages: 1_000_000,
            max_bytes: -1,
            replicas: 1,
            is_in_memory: false,
            refuses: false,
        }
    }

    /// Sets the name by which the server knows it. The default is the root of the bus, with `_` for each dot.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets how long a message is kept; `Duration::MAX` is for ever. Default: 7 days.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Sets how many messages are kept; `u64::MAX` is any number. Default: a million.
    #[must_use]
    pub fn max_messages(mut self, messages: u64) -> Self {
        self.max_messages = i64::try_from(messages).unwrap_or(-1);
        self
    }

    /// Sets how many bytes are kept; the server sets them aside. Default: any number.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = i64::try_from(bytes).unwrap_or(-1);
        self
    }

    /// Keeps it in the server's memory: faster, and gone when the server ends.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.is_in_memory = true;
        self
    }

    /// Has a full stream take no more messages, which then count as [dropped](crate::pubsub::Publisher::dropped). By default the oldest
    /// give way.
    #[must_use]
    pub fn refuse_when_full(mut self) -> Self {
        self.refuses = true;
        self
    }

    /// Sets on how many servers of a cluster it is kept: 1 to 5, an odd number. Default: 1.
    #[must_use]
    pub fn replicas(mut self, servers: usize) -> Self {
        self.replicas = servers;
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        // The server would take it for no limit.
        if self.max_age.is_zero() || self.max_messages == 0 || self.max_bytes == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "a stream with a limit of 0 keeps nothing"));
        }
        self.name.as_deref().map_or(Ok(()), |name| check_name("stream", name))
    }

    pub(super) fn name_for(&self, root: &Root) -> String {
        self.name.clone().unwrap_or_else(|| root.as_str().replace(['.', '*', '>', '/', '\\'], "_"))
    }

    /// Sees to it that it is there. One that is there already is left as it is, unless it shall be changed.
    pub(super) async fn make(
        &self,
        connection: &Arc<Inner>,
        root: &Root,
        change: bool,
        deadline: Option<Instant>,
    ) -> Result<(), Error> {
        connection.connected(deadline).await?;
        let made = until(deadline, async {
            let context = jetstream::new(connection.client().clone());
            match context.create_stream(self.config(root)).await {
                Ok(_) => Ok(()),
                Err(error) if is_there(&error.kind()) => {
                    let present = self.present(&context, root).await?;
                    if !change {
                        return Ok(());
                    }
                    let changed = context.update_stream(self.limit(present)).await;
                    changed.map(drop).map_err(|error| failed(connection, &error.kind()).because(error))
                }
                Err(error) => Err(failed(connection, &error.kind()).because(error)),
            }
        });
        made.await.unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Timeout, "the server did not make the stream in time"))
        })
    }

    fn config(&self, root: &Root) -> Config {
        Config { name: self.name_for(root), subjects: vec![root.all()], ..self.limit(Config::default()) }
    }

    /// Sets what is settled here, and leaves the rest as it is.
    fn limit(&self, config: Config) -> Config {
        let duplicates = config.duplicate_window.min(self.max_age);
        Config {
            // None is no limit.
            max_age: if self.max_age > AGES { Duration::ZERO } else { self.max_age },
            max_messages: self.max_messages,
            max_bytes: self.max_bytes,
            num_replicas: self.replicas,
            storage: if self.is_in_memory { StorageType::Memory } else { StorageType::File },
            discard: if self.refuses { DiscardPolicy::New } else { DiscardPolicy::Old },
            // None lets the server choose two minutes, or less if no message is kept for so long.
            duplicate_window: if duplicates < DUPLICATES { Duration::ZERO } else { duplicates },
            ..config
        }
    }

    /// What the stream of this name is like, if it is for this bus.
    async fn present(&self, context: &jetstream::Context, root: &Root) -> Result<Config, Error> {
        let name = self.name_for(root);
        let stream = context.get_stream(&name).await.map_err(|error| {
            Error::new(ErrorKind::Timeout, "the server does not tell of the stream").because(error)
        })?;
        let all = root.all();
        let config = &stream.cached_info().config;
        let subjects = &config.subjects;
        if subjects.iter().any(|subject| covers(subject, &all)) {
            return Ok(config.clone());
        }
        let text =
            format!("there is a stream {name:?} already, for other subjects; give this one another name");
        Err(Error::new(ErrorKind::InvalidInput, text))
    }
}

/// What JetStream takes for a name.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '>' | '/' | '\\');
    if name.is_empty() || name.len() > 200 || name.contains(is_odd) {
        let text = format!(
            "{name:?} is no name of a {what}: it holds a dot, a slash, a star or a space, or nothing"
        );
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    Ok(())
}

fn is_there(kind: &CreateStreamErrorKind) -> bool {
    matches!(kind, CreateStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NAME_EXIST)
}

fn failed(connection: &Inner, kind: &CreateStreamErrorKind) -> Error {
    match kind {
        CreateStreamErrorKind::JetStream(error) => refused(error, "the stream"),
        CreateStreamErrorKind::JetStreamUnavailable => unavailable(connection),
        CreateStreamErrorKind::TimedOut => {
            Error::new(ErrorKind::Timeout, "the server did not answer in time")
        }
        CreateStreamErrorKind::EmptyStreamName | CreateStreamErrorKind::InvalidStreamName => {
            Error::new(ErrorKind::InvalidInput, "the stream has no name that can be one")
        }
        _ => Error::new(ErrorKind::Protocol, "the server's answer is none"),
    }
}

/// What JetStream says.
pub(super) fn refused(error: &jetstream::Error, what: &str) -> Error {
    match error.error_code() {
        ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => no_streams(),
        // It has its reasons just now.
        _ if error.code() == 503 => Error::new(ErrorKind::NoResponders, "the server's streams are not ready"),
        _ => Error::new(ErrorKind::InvalidInput, format!("the server does not take {what}")),
    }
}

/// Nobody answers for JetStream.
pub(super) fn unavailable(connection: &Inner) -> Error {
    match connection.client().server_info().jetstream {
        false => no_streams(),
        true => Error::new(ErrorKind::NoResponders, "the server's streams are not ready"),
    }
}

fn no_streams() -> Error {
    Error::new(
        ErrorKind::Refused,
        "the server keeps no streams (JetStream); it does when started with `nats-server -js`",
    )
}

/// Whether it may work later.
pub(super) fn is_passing(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Refused)
}
