use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::engine::Intake;
use super::inbox::{Inbox, Missing};
use super::{GetError, Serving};
use crate::net::after;
use crate::serving::serve_many;
use crate::{MessageRouter, PipeError};

/// Gets the messages of the channels that it has subscribed to; made by [`Bus::subscriber`](super::Bus::subscriber). A cheap handle:
/// each message goes to one of its clones. When the last is dropped the connection is closed.
#[derive(Clone)]
pub struct Subscriber(Arc<Inner>);

struct Inner {
    intake: Arc<dyn Intake>,
    inbox: Arc<Inbox>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.intake.close();
    }
}

impl Subscriber {
    pub(super) fn new(intake: Arc<dyn Intake>, inbox: Arc<Inbox>) -> Self {
        Self(Arc::new(Inner { intake, inbox }))
    }

    /// Gets the messages of the named channels only, and no longer of those whose names begin so. "" stays everything.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::pubsub::Bus;
    /// # use std::time::Duration;
    /// # let publisher = Bus::new("tcp://127.0.0.1:0")?.start_delay(Duration::ZERO).publisher()?;
    /// # let bus = Bus::new(publisher.address())?;
    /// let subscriber = bus.subscriber("news")?.exact();
    /// loop {
    ///     publisher.put(["newspapers", "news"], &7)?; // until the subscription has arrived
    ///     if let Ok(Some((channel, _))) = subscriber.get_timeout::<u32>(Duration::from_millis(10)) {
    ///         assert_eq!(channel, "news");
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    #[must_use]
    pub fn exact(self) -> Self {
        self.0.inbox.exact();
        self.0.intake.exact();
        self
    }

    /// Takes a message that has come, with its channel; none if there is none. Never blocks.
    ///
    /// # Errors
    /// [`GetError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::pubsub::Bus;
    /// # use std::time::Duration;
    /// # let publisher = Bus::new("tcp://127.0.0.1:0")?.start_delay(Duration::ZERO).publisher()?;
    /// # let bus = Bus::new(publisher.address())?;
    /// let subscriber = bus.subscriber("news")?;
    /// assert_eq!(subscriber.get::<u32>(), Ok(None));
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn get<T: DeserializeOwned>(&self) -> Result<Option<(String, T)>, GetError> {
        match self.0.inbox.take() {
            Ok(arrived) => self.0.inbox.open(arrived, owned).map(Some),
            Err(Missing::More) => Err(GetError::Closed),
            Err(_) => Ok(None),
        }
    }

    /// Waits for a message, but not longer than `timeout`; none if none came. A timeout beyond what the clock can name is none.
    ///
    /// # Errors
    /// [`GetError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::pubsub::Bus;
    /// # use std::time::Duration;
    /// # let publisher = Bus::new("tcp://127.0.0.1:0")?.start_delay(Duration::ZERO).publisher()?;
    /// # let bus = Bus::new(publisher.address())?;
    /// let subscriber = bus.subscriber("news")?;
    /// assert_eq!(subscriber.get_timeout::<u32>(Duration::from_millis(10)), Ok(None));
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn get_timeout<T: DeserializeOwned>(
        &self,
        timeout: Duration,
    ) -> Result<Option<(String, T)>, GetError> {
        self.get_until(after(timeout))
    }

    /// Waits for a message. Blocks the calling thread, and no other.
    ///
    /// # Errors
    /// [`GetError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::pubsub::Bus;
    /// # use std::time::Duration;
    /// # let publisher = Bus::new("tcp://127.0.0.1:0")?.start_delay(Duration::ZERO).publisher()?;
    /// # let bus = Bus::new(publisher.address())?;
    /// # let talker = publisher.clone();
    /// # let talking = std::thread::spawn(move || while talker.put("news", &7).is_ok() { std::thread::yield_now() });
    /// let subscriber = bus.subscriber("news")?;
    /// let (channel, message) = subscriber.get_blocking::<u32>().unwrap();
    /// assert_eq!((channel.as_str(), message), ("news", 7));
    /// # publisher.stop(Duration::ZERO);
    /// # talking.join().unwrap();
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn get_blocking<T: DeserializeOwned>(&self) -> Result<(String, T), GetError> {
        // Without a deadline the wait ends with a message or an error.
        self.get_until(None)?.ok_or(GetError::Closed)
    }

    fn get_until<T: DeserializeOwned>(
        &self,
        deadline: Option<Instant>,
    ) -> Result<Option<(String, T)>, GetError> {
        match self.0.inbox.take_wait(deadline) {
            Ok(arrived) => self.0.inbox.open(arrived, owned).map(Some),
            Err(Missing::Yet) => Ok(None),
            Err(Missing::More) => Err(GetError::Closed),
            Err(Missing::WouldDeadlock) => Err(GetError::WouldDeadlock),
        }
    }

    /// Returns the messages as they come, or what is wrong with them. Ends when the subscriber is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::pubsub::Bus;
    /// # use std::time::Duration;
    /// # let publisher = Bus::new("tcp://127.0.0.1:0")?.start_delay(Duration::ZERO).publisher()?;
    /// # let bus = Bus::new(publisher.address())?;
    /// # let talker = publisher.clone();
    /// # let talking = std::thread::spawn(move || while talker.put("news", &7).is_ok() { std::thread::yield_now() });
    /// let subscriber = bus.subscriber("news")?;
    /// for message in subscriber.iter::<u32>() {
    ///     assert_eq!(message.unwrap().1, 7);
    ///     subscriber.close(); // and those that have come already are the last
    /// }
    /// # publisher.stop(Duration::ZERO);
    /// # talking.join().unwrap();
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn iter<T: DeserializeOwned>(&self) -> Messages<'_, T> {
        Messages { subscriber: self, message: PhantomData }
    }

    /// Delivers to the foreground: the router calls `callback` with the application's state, the channel and the message. What cannot be
    /// decoded is [counted](Self::undecoded) and logged.
    ///
    /// # Errors
    /// [`PipeError`], when the router opens no pipe, such as [`PipeError::NotRunning`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::pubsub::Bus;
    /// # use std::time::Duration;
    /// # let publisher = Bus::new("tcp://127.0.0.1:0")?.start_delay(Duration::ZERO).publisher()?;
    /// # let bus = Bus::new(publisher.address())?;
    /// # let talker = publisher.clone();
    /// # let talking = std::thread::spawn(move || while talker.put("news", &7).is_ok() { std::thread::yield_now() });
    /// use foreground::MessageRouter;
    ///
    /// let router: MessageRouter<u32> = MessageRouter::new(|| {});
    /// router.start()?;
    /// let serving = bus.subscriber("news")?.deliver_to(&router, |sum, _channel, n: u32| *sum += n)?;
    ///
    /// let mut sum = 0;
    /// router.route_until(&mut sum, |sum| *sum >= 14, None)?;
    /// # publisher.stop(Duration::ZERO);
    /// # talking.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn deliver_to<S: 'static, T: DeserializeOwned + 'static>(
        self,
        router: &MessageRouter<S>,
        mut callback: impl FnMut(&mut S, &str, T) + 'static,
    ) -> Result<Serving<S>, PipeError> {
        let mut was_warned = false;
        self.deliver_all_to(router, move |state, received| match received {
            Ok((channel, message)) => callback(state, channel, message),
            // A publisher that speaks otherwise does so again and again.
            Err(error) if was_warned => log::debug!("{error}"),
            Err(error) => {
                was_warned = true;
                log::warn!("{error}");
            }
        })
    }

    /// Delivers to the foreground as [`deliver_to`](Self::deliver_to) does, and the errors too: [`GetError::Decode`] and
    /// [`GetError::Refused`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::pubsub::Bus;
    /// # use std::time::Duration;
    /// # let publisher = Bus::new("tcp://127.0.0.1:0")?.start_delay(Duration::ZERO).publisher()?;
    /// # let bus = Bus::new(publisher.address())?;
    /// # let talker = publisher.clone();
    /// # let talking = std::thread::spawn(move || while talker.put("news", &7).is_ok() { std::thread::yield_now() });
    /// use foreground::MessageRouter;
    /// use foreground::pubsub::GetError;
    ///
    /// let router: MessageRouter<Vec<String>> = MessageRouter::new(|| {});
    /// router.start()?;
    /// let serving = bus.subscriber("news")?.deliver_all_to(
    ///     &router,
    ///     |seen: &mut Vec<String>, received: Result<(&str, String), GetError>| match received {
    ///         Ok((channel, text)) => seen.push(format!("{channel}: {text}")),
    ///         Err(error) => seen.push(error.to_string()),
    ///     },
    /// )?;
    ///
    /// let mut seen = Vec::new();
    /// router.route_until(&mut seen, |seen| !seen.is_empty(), None)?;
    /// assert_eq!(seen[0], "a message on \"news\" cannot be read: invalid type: integer `7`, expected a string");
    /// # publisher.stop(Duration::ZERO);
    /// # talking.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn deliver_all_to<S: 'static, T: DeserializeOwned + 'static>(
        self,
        router: &MessageRouter<S>,
        mut callback: impl FnMut(&mut S, Result<(&str, T), GetError>) + 'static,
    ) -> Result<Serving<S>, PipeError> {
        let inbox = self.0.inbox.clone();
        let (deliver, serving) = serve_many(router, move |state, arrived| {
            // It is open as long as the callback lives.
            let inbox = &self.0.inbox;
            if let Some(arrived) = inbox.sort_out(arrived) {
                inbox.open(arrived, |received| callback(state, received));
            }
        })?;
        inbox.deliver_to(deliver);
        Ok(serving)
    }

    /// Gets no more. What has come can still be got; who waits is woken after that.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::{Bus, GetError};
    ///
    /// let subscriber = Bus::new("tcp://127.0.0.1:9")?.subscriber("news")?;
    /// subscriber.close();
    /// assert_eq!(subscriber.get_blocking::<u32>(), Err(GetError::Closed));
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn close(&self) {
        self.0.intake.close();
        self.0.inbox.close();
    }

    /// Returns how many messages were dropped here, as they came faster than they were taken. Over 0MQ it is the publisher that drops
    /// them; a durable subscriber asks for no more than there is room for.
    pub fn dropped(&self) -> u64 {
        self.0.intake.dropped()
    }

    /// Returns how many messages could not be decoded.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::pubsub::Bus;
    /// # use std::time::Duration;
    /// # let publisher = Bus::new("tcp://127.0.0.1:0")?.start_delay(Duration::ZERO).publisher()?;
    /// # let bus = Bus::new(publisher.address())?;
    /// # let talker = publisher.clone();
    /// # let talking = std::thread::spawn(move || while talker.put("news", &7).is_ok() { std::thread::yield_now() });
    /// let subscriber = bus.subscriber("news")?;
    /// assert!(subscriber.get_blocking::<String>().is_err(), "they are numbers");
    /// assert_eq!(subscriber.undecoded(), 1);
    /// # publisher.stop(Duration::ZERO);
    /// # talking.join().unwrap();
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn undecoded(&self) -> u64 {
        self.0.inbox.undecoded()
    }
}

fn owned<T>(received: Result<(&str, T), GetError>) -> Result<(String, T), GetError> {
    received.map(|(channel, message)| (channel.to_owned(), message))
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("channels", &self.0.inbox.channels())
            .field("is_closed", &self.0.inbox.is_closed())
            .finish()
    }
}

/// The messages of a subscriber; made by [`Subscriber::iter`].
#[derive(Debug)]
pub struct Messages<'a, T> {
    subscriber: &'a Subscriber,
    message: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Iterator for Messages<'_, T> {
    type Item = Result<(String, T), GetError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.subscriber.get_blocking() {
            Err(GetError::Closed | GetError::WouldDeadlock) => None,
            received => Some(received),
        }
    }
}

// Once closed, it stays closed.
impl<T: DeserializeOwned> FusedIterator for Messages<'_, T> {}
