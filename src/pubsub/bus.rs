use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::channels::check_subscription;
use super::engine::Settings;
use super::inbox::Inbox;
use super::{Channels, Error, ErrorKind, Publisher, Subscriber};
#[cfg(feature = "zmq")]
use crate::zmq::{Curve, Endpoint, Keys, PublicKey};

/// An address, and how publishers and subscribers meet there. Making one opens nothing.
///
/// # Examples
///
/// ```
/// use foreground::pubsub::Bus;
/// use std::time::Duration;
///
/// let bus = Bus::new("tcp://127.0.0.1:0")?.start_delay(Duration::ZERO);
/// let publisher = bus.publisher()?;
///
/// let bus = Bus::new(publisher.address())?;
/// let subscriber = bus.subscriber("greetings")?;
/// loop {
///     publisher.put("greetings", "hello")?; // until the subscription has arrived
///     if let Ok(Some((channel, message))) = subscriber.get_timeout::<String>(Duration::from_millis(10)) {
///         assert_eq!((channel.as_str(), message.as_str()), ("greetings", "hello"));
///         break;
///     }
/// }
/// # Ok::<(), foreground::pubsub::Error>(())
/// ```
#[derive(Clone)]
pub struct Bus {
    pub(super) engine: Engine,
    pub(super) settings: Settings,
    /// What was asked of an engine that does not have it.
    pub(super) misuse: Option<&'static str>,
}

/// What carries the messages.
#[derive(Clone)]
pub(super) enum Engine {
    #[cfg(feature = "zmq")]
    Zmq { endpoint: Endpoint, curve: Curve },
    #[cfg(feature = "nats")]
    Nats(super::nats::Settled),
}

impl Bus {
    /// Where the original's programs meet unless somebody says else.
    #[cfg(feature = "zmq")]
    pub const DEFAULT_ADDRESS: &str = "tcp://127.0.0.1:5555";

    /// Names the address of a bus over 0MQ, such as `tcp://127.0.0.1:5555`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidAddress`].
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::{Bus, ErrorKind};
    ///
    /// assert!(Bus::new(Bus::DEFAULT_ADDRESS).is_ok());
    /// assert_eq!(Bus::new("5555").unwrap_err().kind(), ErrorKind::InvalidAddress);
    /// ```
    #[cfg(feature = "zmq")]
    pub fn new<A>(address: A) -> Result<Self, Error>
    where
        A: TryInto<Endpoint>,
        A::Error: Into<Error>,
    {
        let endpoint = address.try_into().map_err(Into::into)?;
        Ok(Self::with_engine(Engine::Zmq { endpoint, curve: Curve::default() }))
    }

    pub(super) fn with_engine(engine: Engine) -> Self {
        let settings = Settings {
            high_water_mark: 1000,
            linger: Some(Duration::ZERO),
            start_delay: Duration::from_millis(300),
            message_limit: 16 * 1024 * 1024,
        };
        Self { engine, settings, misuse: None }
    }

    /// Sets how many messages may wait for one subscriber, at either end; what comes then is dropped. Default: 1000.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::{Bus, ErrorKind};
    ///
    /// let bus = Bus::new("inproc://many")?.high_water_mark(100_000);
    /// assert!(bus.publisher().is_ok());
    /// assert_eq!(bus.high_water_mark(0).publisher().unwrap_err().kind(), ErrorKind::InvalidInput);
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    #[must_use]
    pub fn high_water_mark(mut self, messages: u32) -> Self {
        self.settings.high_water_mark = messages;
        self
    }

    /// Sets how long what was put is still sent after the publisher was dropped, and its address kept; `None` is for ever. Default: not
    /// at all. To be sure that all is sent, and to know whether it was, [`stop`](Publisher::stop) the publisher.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::Bus;
    /// use std::time::Duration;
    ///
    /// let bus = Bus::new("tcp://127.0.0.1:0")?.linger(Duration::from_secs(2));
    /// drop(bus.publisher()?); // returns at once; nothing waits to be sent, so the address is free soon
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    #[must_use]
    pub fn linger(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.settings.linger = time.into();
        self
    }

    /// Sets how long a publisher waits for its subscribers before it sends. Default: 0.3 seconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::Bus;
    /// use std::time::Duration;
    ///
    /// let publisher = Bus::new("tcp://127.0.0.1:0")?.start_delay(Duration::from_secs(60)).publisher()?;
    /// publisher.put("news", "not yet")?;
    /// assert_eq!(publisher.stop(Duration::ZERO).unsent, 1);
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    #[must_use]
    pub fn start_delay(mut self, time: Duration) -> Self {
        self.settings.start_delay = time;
        self
    }

    /// Sets how many bytes a message may have, with its channel. Default: 16 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::{Bus, ErrorKind};
    ///
    /// let publisher = Bus::new("tcp://127.0.0.1:0")?.message_limit(1000).publisher()?;
    /// let error = publisher.put("news", &"x".repeat(1000)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::TooLarge);
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    #[must_use]
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.settings.message_limit = bytes;
        self
    }

    /// Has a publisher prove who it is, and encrypts: only subscribers that know the public key can connect. For who listens, which a
    /// [`forwarder`](Self::forwarder) does on both sides; who connects takes [`curve_client`](Self::curve_client). The wrong one of the two
    /// is an error when the bus is used, never no security.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::{Bus, GetError};
    /// use foreground::zmq::Keys;
    /// use std::time::Duration;
    ///
    /// let (ours, theirs) = (Keys::generate(), Keys::generate());
    /// let publisher = Bus::new("tcp://127.0.0.1:0")?.curve_server(ours.clone()).allow([theirs.public()]).publisher()?;
    ///
    /// let stranger = Bus::new(publisher.address())?.curve_client(Keys::generate(), ours.public());
    /// let subscriber = stranger.subscriber("")?;
    /// assert!(matches!(subscriber.get_blocking::<u32>(), Err(GetError::Refused(_))));
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    #[cfg(feature = "zmq")]
    #[must_use]
    pub fn curve_server(self, keys: Keys) -> Self {
        self.secured(|curve| curve.server(keys))
    }

    /// Lets in only who connects with one of these keys, and those of earlier calls. Needs [`curve_server`](Self::curve_server).
    #[cfg(feature = "zmq")]
    #[must_use]
    pub fn allow(self, allowed: impl IntoIterator<Item = PublicKey>) -> Self {
        self.secured(|curve| curve.allow(allowed))
    }

    /// Has a subscriber prove who it is, and encrypts: it connects to who has the secret of `server` only.
    #[cfg(feature = "zmq")]
    #[must_use]
    pub fn curve_client(self, keys: Keys, server: PublicKey) -> Self {
        self.secured(|curve| curve.client(keys, server))
    }

    #[cfg(feature = "zmq")]
    fn secured(mut self, change: impl FnOnce(&mut Curve)) -> Self {
        match &mut self.engine {
            Engine::Zmq { curve, .. } => change(curve),
            #[cfg(feature = "nats")]
            Engine::Nats(_) => {
                self.misuse = Some("the keys of CURVE are 0MQ's; over NATS the connection proves who one is")
            }
        }
        self
    }

    /// Opens the address and publishes there. Does not wait for the start delay: what is put meanwhile is sent after it.
    ///
    /// # Errors
    /// [`ErrorKind::AddressInUse`]: 0MQ has one publisher an address; where several shall publish, they meet at a
    /// `Forwarder`. [`ErrorKind::InvalidInput`]: the settings. The system's errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::{Bus, ErrorKind};
    ///
    /// let publisher = Bus::new("tcp://127.0.0.1:0")?.publisher()?;
    /// let error = Bus::new(publisher.address())?.publisher().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::AddressInUse);
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn publisher(&self) -> Result<Publisher, Error> {
        self.check()?;
        match &self.engine {
            #[cfg(feature = "zmq")]
            Engine::Zmq { endpoint, curve } => {
                let (outlet, bound) =
                    super::zmq::Outlet::bind(endpoint, &curve.for_server()?, &self.settings)?;
                Ok(Publisher::new(Box::new(outlet), bound.to_string(), self.settings.message_limit))
            }
            #[cfg(feature = "nats")]
            Engine::Nats(settled) => {
                let outlet = super::nats::Outlet::start(settled, &self.settings);
                let address = settled.connection.address().to_owned();
                Ok(Publisher::new(Box::new(outlet), address, self.settings.message_limit))
            }
        }
    }

    /// Publishes at an address where somebody else listens: a [`Forwarder`](super::Forwarder), where there is an example. Connects in the background, and again
    /// whenever the connection is lost; what is put while there is none is dropped, but for the start delay.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: the settings. The system's errors.
    #[cfg(feature = "zmq")]
    pub fn connected_publisher(&self) -> Result<Publisher, Error> {
        self.check()?;
        let (endpoint, curve) = self.zmq()?;
        let outlet = super::zmq::Outlet::connect(endpoint, &curve.for_client()?, &self.settings)?;
        Ok(Publisher::new(Box::new(outlet), endpoint.to_string(), self.settings.message_limit))
    }

    /// Listens for subscribers at this bus's address, for publishers at another, and passes on what is published: a
    /// [`Forwarder`](super::Forwarder), where there is an example.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidAddress`]; [`ErrorKind::AddressInUse`]; [`ErrorKind::InvalidInput`]: the settings. The system's errors.
    #[cfg(feature = "zmq")]
    pub fn forwarder<A>(&self, publishers: A) -> Result<super::Forwarder, Error>
    where
        A: TryInto<Endpoint>,
        A::Error: Into<Error>,
    {
        self.check()?;
        let publishers = publishers.try_into().map_err(Into::into)?;
        let (subscribers, curve) = self.zmq()?;
        super::Forwarder::bind(&publishers, subscribers, &curve.for_server()?, &self.settings)
    }

    /// What only 0MQ can do needs this.
    #[cfg(feature = "zmq")]
    fn zmq(&self) -> Result<(&Endpoint, &Curve), Error> {
        match &self.engine {
            Engine::Zmq { endpoint, curve } => Ok((endpoint, curve)),
            #[cfg(feature = "nats")]
            Engine::Nats(_) => {
                let text =
                    "over NATS all publishers and subscribers meet at the server; none of them listens";
                Err(Error::new(ErrorKind::InvalidInput, text))
            }
        }
    }

    /// Subscribes to channels: all whose names begin with one of these; "" is everything. Connects in the background, and again
    /// whenever the connection is lost.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: the settings, or a name that holds a space. The system's errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::{Bus, ErrorKind};
    ///
    /// let bus = Bus::new("tcp://127.0.0.1:9")?;
    /// let early = bus.subscriber(["news", "prices"])?; // before there is a publisher
    /// assert_eq!(bus.subscriber("no good").unwrap_err().kind(), ErrorKind::InvalidInput);
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn subscriber(&self, channels: impl Channels) -> Result<Subscriber, Error> {
        self.check()?;
        let names = channels.names();
        names.iter().try_for_each(|name| check_subscription(name))?;
        let inbox = Inbox::new(names.into_iter().map(str::to_owned).collect(), &self.settings);
        let intake: Box<dyn super::engine::Intake> = match &self.engine {
            #[cfg(feature = "zmq")]
            Engine::Zmq { endpoint, curve } => {
                let security = curve.for_client()?;
                Box::new(super::zmq::Intake::connect(endpoint, &security, &self.settings, inbox.clone())?)
            }
            #[cfg(feature = "nats")]
            Engine::Nats(settled) => {
                settled.root.subscriptions(&channels)?;
                Box::new(super::nats::Intake::start(settled, &self.settings, inbox.clone()))
            }
        };
        Ok(Subscriber::new(Arc::from(intake), inbox))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(misuse) = self.misuse {
            return Err(Error::new(ErrorKind::InvalidInput, misuse));
        }
        #[cfg(feature = "nats")]
        #[cfg_attr(not(feature = "zmq"), allow(irrefutable_let_patterns))]
        if let Engine::Nats(settled) = &self.engine {
            settled.check()?;
        }
        if self.settings.high_water_mark == 0 {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "a high-water mark of 0 lets no message through",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("settings", &self.settings).finish_non_exhaustive()
    }
}
