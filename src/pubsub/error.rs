use std::error::Error;
use std::fmt;

/// What came is not a message of the type that was asked for. It harms nothing else: the next one is got as ever.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    channel: Option<String>,
    bytes: Vec<u8>,
    reason: String,
}

impl DecodeError {
    pub(super) fn new(channel: Option<&str>, bytes: &[u8], reason: &str) -> Self {
        Self(Box::new(Inner {
            channel: channel.map(str::to_owned),
            bytes: bytes.to_vec(),
            reason: reason.to_owned(),
        }))
    }

    /// Returns the channel on which it came, if what came names one.
    pub fn channel(&self) -> Option<&str> {
        self.0.channel.as_deref()
    }

    /// Returns what came: the text of the message where the channel is known, else the whole frame.
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
    /// use foreground::pubsub::GetError;
    ///
    /// let subscriber = bus.subscriber("news")?;
    /// if let Err(GetError::Decode(error)) = subscriber.get_blocking::<String>() {
    ///     assert_eq!((error.channel(), error.bytes()), (Some("news"), &b"7"[..]));
    /// }
    /// # publisher.stop(Duration::ZERO);
    /// # talking.join().unwrap();
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeError")
            .field("channel", &self.0.channel)
            .field("bytes", &format_args!("b\"{}\"", self.0.bytes.escape_ascii()))
            .field("reason", &self.0.reason)
            .finish()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.channel {
            Some(channel) => write!(f, "a message on {channel:?} cannot be read: {}", self.0.reason),
            None => write!(f, "what came is no message: {}", self.0.reason),
        }
    }
}

impl Error for DecodeError {}

/// [`Subscriber::get`](super::Subscriber::get), or one of its kin, has no message to give.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GetError {
    /// What came is not of that type. The next message is got as ever.
    Decode(DecodeError),
    /// The other side does not let this one in, and this is why: a wrong key, or none; for a durable subscriber also what the server of
    /// NATS has against it. It is told once; the subscriber tries again nevertheless, unless the other side said that this is no use:
    /// then it is closed.
    Refused(String),
    /// The subscriber was closed, and no message is left.
    Closed,
    /// The calling thread is the one that brings the messages: it would wait for itself.
    WouldDeadlock,
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Refused(reason) => write!(f, "this subscriber is refused: {reason}"),
            Self::Closed => f.write_str("no message will come: the subscriber was closed"),
            Self::WouldDeadlock => {
                f.write_str("waiting for a message on the thread that is to bring it would never end")
            }
        }
    }
}

impl Error for GetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Decode(error) => Some(error),
            _ => None,
        }
    }
}
