//! What an engine must do, and what it is given.

use std::time::{Duration, Instant};

use crate::transport::Error;

/// What is settled on the bus. An engine refuses what it cannot do by an error of kind `InvalidInput`.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How many messages may wait for one subscriber on the way out, and for its program on the way in. At least one.
    pub(crate) high_water_mark: u32,
    /// How long what was put is still sent after the publisher was dropped. `None` is for ever.
    pub(crate) linger: Option<Duration>,
    /// How long a publisher waits for its subscribers before it sends.
    pub(crate) start_delay: Duration,
    /// How many bytes a message may have.
    pub(crate) message_limit: usize,
}

/// A message to be sent: the channel, a space, the JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    /// The channel is so long; the text begins behind the space.
    pub(crate) channel_len: usize,
}

// 0MQ takes the frame as it is.
#[allow(dead_code)]
impl Frame {
    pub(crate) fn channel(&self) -> &[u8] {
        &self.bytes[..self.channel_len]
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.bytes[self.channel_len + 1..]
    }
}

/// The way out, held by a publisher. Dropped, it lingers and is gone, without keeping anybody waiting.
///
/// It binds or connects when it is made, waits for the start delay by itself, and sends what it took meanwhile after that.
pub(crate) trait Outlet: Send + Sync {
    /// Whether the engine can carry such a channel, beyond what holds for all.
    fn check_channel(&self, _channel: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Takes a message, in the order of the calls. Never waits: where there is no room it drops the message and counts it.
    ///
    /// # Errors
    /// `Closed` after [`stop`](Self::stop); `TooLarge`.
    fn send(&self, frame: Frame) -> Result<(), Error>;

    /// How many messages it has taken and dropped, as far as it knows.
    fn dropped(&self) -> u64;

    /// Takes no more, and waits until what it took is sent, but not beyond the deadline (`None` is for ever). Then all is closed, and
    /// the address is free. Called again, it returns the same.
    fn stop(&self, deadline: Option<Instant>) -> Halt;
}

/// What [`Outlet::stop`] came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Halt {
    /// How many messages were taken, and neither sent nor dropped.
    pub(crate) unsent: u64,
    /// Whether all that was sent has left this program: nothing was cut off by the deadline.
    pub(crate) is_flushed: bool,
}

/// The way in, held by a subscriber. Dropped, it is closed, without keeping anybody waiting.
///
/// It connects when it is made, without waiting, and pushes what comes into the `Inbox` that it was given. Before it reads on, it awaits
/// `Inbox::poll_room`. When nothing more can come it closes the inbox.
pub(crate) trait Intake: Send + Sync {
    /// Asks for these channels only, and no longer for those that begin like them. The inbox sorts out what comes nevertheless.
    fn exact(&self);

    /// Reads no more. What has been pushed stays.
    fn close(&self);

    /// How many messages it has dropped for want of room.
    fn dropped(&self) -> u64 {
        0
    }
}
