use std::fmt;

use omq_tokio::SocketType;

use super::engine::Settings;
use super::{Error, zmq};
use crate::zmq::{Endpoint, Security, Socket};

/// A place where any number of publishers and of subscribers meet; made by [`Bus::forwarder`](super::Bus::forwarder).
///
/// It passes on what is subscribed to, and nothing else. It works on the private thread until it is dropped; both addresses are free then.
/// There is a program that does the same, `bus_forwarder`.
///
/// # Examples
///
/// ```
/// use foreground::pubsub::Bus;
/// use std::time::Duration;
///
/// let forwarder = Bus::new("tcp://127.0.0.1:0")?.forwarder("tcp://127.0.0.1:0")?;
/// let for_publishers = Bus::new(forwarder.publishers_address())?;
/// let for_subscribers = Bus::new(forwarder.subscribers_address())?;
///
/// let subscriber = for_subscribers.subscriber("greetings")?;
/// let (one, another) = (for_publishers.connected_publisher()?, for_publishers.connected_publisher()?);
/// let mut heard = [false; 2];
/// while heard != [true; 2] {
///     one.put("greetings", &0)?; // until the subscription has come through
///     another.put("greetings", &1)?;
///     while let Ok(Some((_, n))) = subscriber.get_timeout::<usize>(Duration::from_millis(10)) {
///         heard[n] = true;
///     }
/// }
/// # Ok::<(), foreground::pubsub::Error>(())
/// ```
#[must_use = "dropped, it forwards nothing"]
pub struct Forwarder {
    publishers: (Socket, Endpoint),
    subscribers: (Socket, Endpoint),
}

impl Forwarder {
    pub(super) fn bind(
        publishers: &Endpoint,
        subscribers: &Endpoint,
        security: &Security,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let bound = |kind, endpoint| {
            let socket = zmq::open(kind, security, settings)?;
            let endpoint = socket.bind(endpoint)?;
            Ok::<_, Error>((socket, endpoint))
        };
        let this = Self {
            publishers: bound(SocketType::XSub, publishers)?,
            subscribers: bound(SocketType::Pub, subscribers)?,
        };
        // It ends when the sockets are closed, by the drop.
        let forward = zmq::forward(this.publishers.0.clone(), this.subscribers.0.clone());
        this.publishers.0.runtime().spawn(forward);
        Ok(this)
    }

    /// Returns the address for [publishers](super::Bus::connected_publisher), with the port that the system chose if it was 0.
    pub fn publishers_address(&self) -> String {
        self.publishers.1.to_string()
    }

    /// Returns the address for subscribers.
    pub fn subscribers_address(&self) -> String {
        self.subscribers.1.to_string()
    }
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder")
            .field("publishers_address", &self.publishers_address())
            .field("subscribers_address", &self.subscribers_address())
            .finish()
    }
}
