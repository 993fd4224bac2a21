use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::channels::check;
use super::engine::{Frame, Halt, Outlet};
use super::{Channels, Error, ErrorKind};
use crate::channel::json;
use crate::net::after;

/// Sends messages to whoever has subscribed; made by [`Bus::publisher`](super::Bus::publisher). A cheap handle: clones publish at the
/// same address, from any thread. When the last is dropped the address is free again, after the [linger](super::Bus::linger) time.
#[derive(Clone)]
pub struct Publisher(Arc<Inner>);

struct Inner {
    outlet: Box<dyn Outlet>,
    address: String,
    message_limit: usize,
    published: AtomicU64,
}

/// What became of the messages that were put; returned by [`Publisher::stop`]. A message that was put on two channels counts twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Handed to all who had subscribed, be it nobody.
    pub sent: u64,
    /// Still there when the time was over. Over NATS also what was on its way when a connection was lost: it may have arrived.
    pub unsent: u64,
    /// Dropped here, as the high-water mark was reached.
    pub dropped: u64,
    /// Whether all that was sent has left this program. If not, the time was over before a slow subscriber had taken everything; how many
    /// it lacks, 0MQ does not tell.
    pub is_flushed: bool,
}

impl Publisher {
    pub(super) fn new(outlet: Box<dyn Outlet>, address: String, message_limit: usize) -> Self {
        Self(Arc::new(Inner { outlet, address, message_limit, published: AtomicU64::new(0) }))
    }

    /// Returns the address, with the port that the system chose if it was 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::Bus;
    ///
    /// let publisher = Bus::new("tcp://127.0.0.1:0")?.publisher()?;
    /// assert_ne!(publisher.address(), "tcp://127.0.0.1:0");
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// Publishes a message on a channel, or on several. Never waits. What one thread puts arrives in that order.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`]: no channel, one that is empty or holds a space, or a message that is nothing in JSON.
    /// [`ErrorKind::TooLarge`]. Then the message was put on no channel.
    ///
    /// [`ErrorKind::Closed`]: it was stopped.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::{Bus, ErrorKind};
    ///
    /// let publisher = Bus::new("tcp://127.0.0.1:0")?.publisher()?;
    /// publisher.put("news", "nothing happened")?;
    /// publisher.put(["ann", "bob"], &("dance", 3))?; // any value of serde
    /// assert_eq!(publisher.put("two words", &1).unwrap_err().kind(), ErrorKind::InvalidInput);
    /// assert_eq!(publisher.published(), 3);
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn put<T: Serialize + ?Sized>(&self, channels: impl Channels, message: &T) -> Result<(), Error> {
        let names = channels.names();
        let Some((last, others)) = names.split_last() else {
            return Err(Error::new(ErrorKind::InvalidInput, "there is no channel to publish on"));
        };
        names.iter().try_for_each(|name| check(name).and_then(|()| self.0.outlet.check_channel(name)))?;
        let longest = names.iter().map(|name| name.len()).max().unwrap_or(0);

        let mut frame = start(last);
        json::write(message, &mut frame.bytes).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, "the message cannot be JSON").because(error)
        })?;
        let text = frame.bytes.len() - frame.channel_len;
        if longest + text > self.0.message_limit {
            let text = format!(
                "the message has {} bytes with its channel, and the limit is {}",
                longest + text,
                self.0.message_limit
            );
            return Err(Error::new(ErrorKind::TooLarge, text));
        }

        for name in others {
            let mut other = start(name);
            other.bytes.extend_from_slice(&frame.bytes[frame.channel_len + 1..]);
            self.send(other)?;
        }
        self.send(frame)
    }

    fn send(&self, frame: Frame) -> Result<(), Error> {
        self.0.outlet.send(frame)?;
        self.0.published.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Returns how many messages were put, once for each channel.
    pub fn published(&self) -> u64 {
        self.0.published.load(Ordering::Relaxed)
    }

    /// Returns how many of them were dropped here, as the high-water mark was reached.
    pub fn dropped(&self) -> u64 {
        self.0.outlet.dropped()
    }

    /// Publishes no more, sends what was put, and gives the address free. Blocks the calling thread for `timeout` at most.
    ///
    /// All clones are stopped with it. Stopped again, it says the same again.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::pubsub::{Bus, ErrorKind};
    /// use std::time::Duration;
    ///
    /// let publisher = Bus::new("tcp://127.0.0.1:0")?.publisher()?;
    /// publisher.put("news", "the last")?;
    /// let stopped = publisher.stop(Duration::from_secs(5));
    /// assert_eq!((stopped.sent, stopped.unsent, stopped.dropped), (1, 0, 0));
    /// assert_eq!(publisher.put("news", "too late").unwrap_err().kind(), ErrorKind::Closed);
    /// # Ok::<(), foreground::pubsub::Error>(())
    /// ```
    pub fn stop(&self, timeout: Duration) -> Stopped {
        let Halt { unsent, is_flushed } = self.0.outlet.stop(after(timeout));
        let dropped = self.dropped();
        Stopped { sent: self.published().saturating_sub(unsent + dropped), unsent, dropped, is_flushed }
    }
}

/// A frame that its text is to be appended to.
fn start(channel: &str) -> Frame {
    let mut bytes = Vec::with_capacity(channel.len() + 128);
    bytes.extend_from_slice(channel.as_bytes());
    bytes.push(b' ');
    Frame { bytes, channel_len: channel.len() }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("address", &self.0.address)
            .field("published", &self.published())
            .field("dropped", &self.dropped())
            .finish()
    }
}
