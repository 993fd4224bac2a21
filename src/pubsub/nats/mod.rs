//! The bus over NATS: the one part that knows how channels and streams look there.

mod durable;
mod held;
mod intake;
mod outlet;
mod puller;
mod stored;
mod stream;
mod subjects;

use std::sync::Arc;
use std::time::Duration;

pub use self::durable::Durable;
pub(super) use self::intake::Intake;
pub(super) use self::outlet::Outlet;
use self::puller::Puller;
pub use self::stream::Stream;
use self::subjects::Root;
use super::bus::{Bus, Engine};
use super::inbox::Inbox;
use super::{Channels, Error, ErrorKind, Subscriber};
use crate::nats::{Connection, Inner, check_group};
use crate::net::after;

/// What a bus over NATS has of its own.
#[derive(Clone)]
pub(super) struct Settled {
    pub(super) connection: Arc<Inner>,
    pub(super) root: Root,
    pub(super) group: Option<String>,
    pub(super) stream: Option<Stream>,
}

/// Over NATS.
impl Bus {
    /// Makes a bus over a connection to NATS. Its channels are the subjects below `root`: `prices` on a bus `shop` is the subject
    /// `shop.prices`. Any number of publishers and subscribers of any number of programs meet there.
    ///
    /// The defaults differ from those over 0MQ: nobody waits before sending, 65,536 messages may wait, and what was put is still sent
    /// for a second after the publisher was dropped.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: the root is no subject.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use foreground::nats;
    /// use foreground::pubsub::Bus;
    ///
    /// let bus = Bus::over(&nats::connect("127.0.0.1")?, "shop")?;
    /// let subscriber = bus.subscriber("prices")?;
    /// bus.publisher()?.put("prices", &12.5)?;
    /// println!("{:?}", subscriber.get_blocking::<f64>());
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn over(connection: &Connection, root: &str) -> Result<Self, Error> {
        let settled = Settled {
            connection: connection.inner().clone(),
            root: Root::new(root)?,
            group: None,
            stream: None,
        };
        let mut bus = Self::with_engine(Engine::Nats(settled));
        bus.settings.start_delay = Duration::ZERO;
        bus.settings.high_water_mark = 65_536;
        bus.settings.linger = Some(Duration::from_secs(1));
        Ok(bus)
    }

    /// Has subscribers share the work: of those with the same group and the same channels, each message goes to one.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use foreground::{nats, pubsub::Bus};
    /// # let connection = nats::connect("127.0.0.1")?;
    /// let bus = Bus::over(&connection, "jobs")?.queue_group("workers");
    /// let job = bus.subscriber("paint")?.get_blocking::<String>();
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    #[must_use]
    pub fn queue_group(mut self, group: impl Into<String>) -> Self {
        match &mut self.engine {
            Engine::Nats(settled) => settled.group = Some(group.into()),
            #[cfg(feature = "zmq")]
            Engine::Zmq { .. } => self.misuse = Some("0MQ has no queue groups; use a bus over NATS"),
        }
        self
    }

    /// Has NATS keep what is published, in a stream (JetStream), for [durable subscribers](Self::durable_subscriber). A publisher then
    /// sends each message until NATS has confirmed that it is stored; where that was already the case, NATS knows it again.
    ///
    /// The stream is made when the first of the bus needs it. One that is there already is used as it is; to change it there is
    /// [`create_stream`](Self::create_stream).
    ///
    /// # Examples
    ///
    /// See [`durable_subscriber`](Self::durable_subscriber).
    #[must_use]
    pub fn stored(mut self, stream: Stream) -> Self {
        match &mut self.engine {
            Engine::Nats(settled) => settled.stream = Some(stream),
            #[cfg(feature = "zmq")]
            Engine::Zmq { .. } => self.misuse = Some("0MQ stores nothing; use a bus over NATS"),
        }
        self
    }

    /// Makes the stream, or changes the limits of the one that is there, and waits for that. Blocks the calling thread for `timeout` at
    /// most. Nothing else changes a stream, or says at once what is wrong with it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: nothing is [stored](Self::stored) on this bus, or the server does not take these limits.
    /// [`ErrorKind::Refused`]: the server has no JetStream, or does not let this user at it. [`ErrorKind::Unreachable`] and others of
    /// the connection.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use foreground::{nats, pubsub::{Bus, Stream}};
    /// # use std::time::Duration;
    /// # let connection = nats::connect("127.0.0.1")?;
    /// let bus = Bus::over(&connection, "orders")?.stored(Stream::new().max_messages(5000));
    /// bus.create_stream(Duration::from_secs(10))?;
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn create_stream(&self, timeout: Duration) -> Result<(), Error> {
        self.check()?;
        let Engine::Nats(Settled { connection, root, stream: Some(stream), .. }) = &self.engine else {
            return Err(nothing_stored());
        };
        connection.wait(stream.make(connection, root, true, after(timeout)))
    }

    /// Subscribes durably, by a name: NATS remembers what this subscriber has got, also while it is not there. Whoever opens it again,
    /// by the same name, gets what has been published meanwhile. Works in the background, as [`subscriber`](Self::subscriber) does.
    ///
    /// A message is done with when the callback of [`deliver_to`](Subscriber::deliver_to) has returned, or when `get` or one of its kin
    /// gives it; only then is it acknowledged. If the callback panics, or the program ends before, it is delivered again. So each message
    /// comes at least once, now and then twice, and the second time not in order.
    ///
    /// Where several are open by one name, they share the messages. They name the same channels: what is not wanted by the one that NATS
    /// chose is done with for all.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: nothing is [stored](Self::stored) on this bus; no name; a channel that is none. What the server
    /// refuses later comes as [`GetError::Refused`](super::GetError::Refused).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use foreground::{MessageRouter, nats, pubsub::{Bus, Stream}};
    /// # let router: MessageRouter<Vec<String>> = MessageRouter::new(|| {});
    /// # let connection = nats::connect("127.0.0.1")?;
    /// let bus = Bus::over(&connection, "orders")?.stored(Stream::new());
    /// let subscriber = bus.durable_subscriber("window", "")?;
    /// let serving = subscriber.deliver_to(&router, |app: &mut Vec<String>, _channel, order| app.push(order));
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn durable_subscriber(
        &self,
        durable: impl Into<Durable>,
        channels: impl Channels,
    ) -> Result<Subscriber, Error> {
        self.check()?;
        let Engine::Nats(Settled { connection, root, stream: Some(stream), .. }) = &self.engine else {
            return Err(nothing_stored());
        };
        let durable = durable.into();
        durable.check()?;
        let names = root.subscriptions(&channels)?;
        let inbox = Inbox::new(names, &self.settings);
        let puller = Puller::start(connection, root, stream, durable, &self.settings, inbox.clone());
        Ok(Subscriber::new(Arc::new(puller), inbox))
    }
}

impl Settled {
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(group) = &self.group {
            check_group(group)?;
        }
        if let Some(stream) = &self.stream {
            stream.check()?;
        }
        Ok(())
    }
}

fn nothing_stored() -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "nothing is stored on this bus; say `Bus::over(..)?.stored(Stream::new())`",
    )
}
