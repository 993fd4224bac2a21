use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};

use super::stream::{AGES, check_name};
use crate::transport::{Error, ErrorKind};

/// By what name NATS remembers a subscriber, and what it does with messages that are not acknowledged. A name alone will often do. For
/// [`Bus::durable_subscriber`](crate::pubsub::Bus::durable_subscriber).
///
/// # Examples
///
/// ```
/// use foreground::pubsub::Durable;
/// use std::time::Duration;
///
/// let durable = Durable::new("window").acknowledge_within(Duration::from_secs(5)).deliveries(10);
/// ```
#[derive(Clone, Debug)]
pub struct Durable {
    name: String,
    acknowledge_within: Duration,
    deliveries: Option<u32>,
    unacknowledged: u32,
    from_now: bool,
}

impl Durable {
    /// Starts with the defaults: everything that is stored, 30 seconds, any number of deliveries, a thousand messages at once.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            acknowledge_within: Duration::from_secs(30),
            deliveries: None,
            unacknowledged: 1000,
            from_now: false,
        }
    }

    /// Sets after what time NATS delivers a message again that is not acknowledged. Default: 30 seconds. While a program holds a message,
    /// it tells NATS so; this is for those that have died.
    #[must_use]
    pub fn acknowledge_within(mut self, time: Duration) -> Self {
        self.acknowledge_within = time;
        self
    }

    /// Sets how often a message is delivered, if it is never acknowledged; then it is passed over. Default: for ever.
    #[must_use]
    pub fn deliveries(mut self, times: u32) -> Self {
        self.deliveries = Some(times);
        self
    }

    /// Sets how many messages may be delivered and not acknowledged. Default: 1000. With 1 they come strictly in order, also again.
    #[must_use]
    pub fn unacknowledged_limit(mut self, messages: u32) -> Self {
        self.unacknowledged = messages;
        self
    }

    /// Begins, when it is opened for the first time, with what is published then, not with all that is stored.
    #[must_use]
    pub fn from_now(mut self) -> Self {
        self.from_now = true;
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        check_name("durable subscriber", &self.name)?;
        let problem = match () {
            () if self.acknowledge_within < Duration::from_millis(100) => {
                "less than 0.1 seconds to acknowledge"
            }
            () if self.deliveries == Some(0) => "no delivery at all",
            () if self.unacknowledged == 0 => "no message that may be unacknowledged",
            () => return Ok(()),
        };
        Err(Error::new(ErrorKind::InvalidInput, format!("{problem} lets no message through")))
    }

    pub(super) fn unacknowledged(&self) -> u32 {
        self.unacknowledged
    }

    /// How often NATS is told that messages are still held.
    pub(super) fn sign_of_life(&self) -> Duration {
        self.acknowledge_within / 3
    }

    pub(super) fn config(&self, filter: String) -> pull::Config {
        pull::Config {
            durable_name: Some(self.name.clone()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.acknowledge_within.min(AGES),
            max_deliver: self.deliveries.map_or(-1, i64::from),
            max_ack_pending: i64::from(self.unacknowledged),
            deliver_policy: if self.from_now { DeliverPolicy::New } else { DeliverPolicy::All },
            filter_subject: filter,
            ..pull::Config::default()
        }
    }
}

impl From<&str> for Durable {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Durable {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}
