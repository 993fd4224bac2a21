use std::any::type_name;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::Kind;
use super::connection::{Hold, Incoming, Wait, failure_text};
use super::{Channel, ContentError, SendError};
use crate::net::{PeerAddress, after};

/// A request of the peer's, to be answered once: by [`reply`](Self::reply) or by [`fail`](Self::fail).
///
/// It may be kept, sent to another thread, and answered when the user has clicked; other requests are answered meanwhile.
/// Dropped, it fails with `NoReply`, so that nobody waits for ever. Answering takes it, so it cannot be answered twice:
///
/// ```compile_fail,E0382
/// # fn answer(request: foreground::channel::Request) {
/// request.reply("yes").unwrap();
/// request.reply("no").unwrap();
/// # }
/// ```
#[must_use = "a request that is dropped fails with `NoReply`; answer it with `reply` or `fail`"]
pub struct Request {
    // Declared first: the answer goes before the connection is let go.
    incoming: Incoming,
    hold: Hold,
    patient: bool,
}

impl Request {
    /// A request whose reply waits while the peer does not take others.
    pub(super) fn patient(incoming: Incoming) -> Self {
        Self { hold: Hold::new(incoming.link()), incoming, patient: true }
    }

    /// A request whose reply never waits: for the foreground, and for threads that serve several peers.
    pub(super) fn impatient(incoming: Incoming) -> Self {
        Self { hold: Hold::new(incoming.link()), incoming, patient: false }
    }

    pub(super) fn into_incoming(self) -> Incoming {
        self.incoming
    }

    /// Returns what is asked, as a type of yours, or as a [`Value`](super::Value) whatever it is.
    ///
    /// # Errors
    /// The content is not of that type. Nothing is lost: try another type, or [`fail`](Self::fail) with the error.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel::{self, Value};
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// # let peer = listener.accept().unwrap();
    /// let pending = channel.request(&("add", [1, 2])).unwrap();
    ///
    /// let request = peer.recv().unwrap();
    /// assert!(request.content::<u32>().is_err());
    /// let (name, numbers): (String, Vec<i64>) = request.content().unwrap();
    /// assert_eq!((name.as_str(), &numbers[..]), ("add", &[1, 2][..]));
    /// assert_eq!(request.content::<Value>().unwrap().to_string(), r#"["add", [1, 2]]"#);
    /// # drop((request, pending));
    /// ```
    pub fn content<T: DeserializeOwned>(&self) -> Result<T, ContentError> {
        match self.incoming.content() {
            Some(content) => content.to(&self.hold.core().settings.serializers),
            None => Err(ContentError::new("the content has been taken")), // only by the drop
        }
    }

    /// Sends the result.
    ///
    /// A request that came by [`Channel::recv`] waits while too much of what was sent before waits for the peer (see
    /// [`Channel::request`]); one that came to the foreground, or by [`Requests`](super::Requests), never does.
    ///
    /// # Errors
    /// [`SendError::Encode`] and [`SendError::TooLarge`]: the peer then gets an error in place of the result. [`SendError::TimedOut`],
    /// [`SendError::Disconnected`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// # let peer = listener.accept().unwrap();
    /// let pending = channel.request(&20).unwrap();
    /// let request = peer.recv().unwrap();
    /// let n: i32 = request.content().unwrap();
    /// request.reply(&(n + 1)).unwrap();
    /// assert_eq!(pending.wait::<i32>().unwrap(), 21);
    /// ```
    pub fn reply<T: Serialize + ?Sized>(mut self, result: &T) -> Result<(), SendError> {
        let wait = self.wait();
        self.incoming.answer(Kind::Result, result, wait)
    }

    /// Says that the request failed: the peer gets a text of the form `Type: message`.
    ///
    /// `Type` is the name of the error's type, and `Error` if that is a text. [`fail_as`](Self::fail_as) names another.
    ///
    /// # Errors
    /// Those of [`reply`](Self::reply).
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// # let peer = listener.accept().unwrap();
    /// let pending = channel.request("seven").unwrap();
    /// let request = peer.recv().unwrap();
    /// match request.content::<String>().unwrap().parse::<i32>() {
    ///     Ok(n) => request.reply(&n).unwrap(),
    ///     Err(error) => request.fail(error).unwrap(),
    /// }
    /// let error = pending.wait::<i32>().unwrap_err();
    /// assert_eq!(error.to_string(), "the peer failed: ParseIntError: invalid digit found in string");
    /// ```
    pub fn fail<E: fmt::Display>(self, error: E) -> Result<(), SendError> {
        let text = error.to_string();
        self.fail_as(short_type_name::<E>(), text)
    }

    /// Says that the request failed, with an error type that the peer's language knows, such as `ValueError`.
    ///
    /// # Errors
    /// Those of [`reply`](Self::reply).
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// # let peer = listener.accept().unwrap();
    /// let pending = channel.request("seven").unwrap();
    /// peer.recv().unwrap().fail_as("ValueError", "not a number").unwrap();
    /// # assert!(pending.wait::<i32>().unwrap_err().to_string().ends_with("ValueError: not a number"));
    /// ```
    pub fn fail_as(mut self, type_name: &str, message: impl fmt::Display) -> Result<(), SendError> {
        let wait = self.wait();
        let text = failure_text(type_name, &message.to_string());
        self.incoming.answer(Kind::Exception, &text, wait)
    }

    /// Fails at once, on the thread that reads, because of what the asker did.
    pub(super) fn refuse(mut self, type_name: &str, message: &str) {
        self.incoming.refuse(type_name, message);
    }

    /// Returns the channel that the request came by, for a question in return.
    pub fn channel(&self) -> Channel {
        Channel::new(self.hold.clone())
    }

    /// Returns the address of the peer that asks.
    pub fn peer_address(&self) -> Option<&PeerAddress> {
        self.hold.core().peer.as_ref()
    }

    /// Returns whether the asker has gone, so that an answer would reach nobody: a dialog can be closed.
    ///
    /// It tells what this side knows: that the connection has ended. An asker that only waits no longer says nothing of it, and
    /// is not told from one that waits. Once true, it stays true.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foreground::channel;
    /// # let listener = channel::listen("127.0.0.1:0").unwrap();
    /// # let channel = channel::connect(listener.local_address()).unwrap();
    /// # let peer = listener.accept().unwrap();
    /// let pending = channel.request("Save?").unwrap();
    /// let request = peer.recv().unwrap();
    /// assert!(!request.is_abandoned());
    ///
    /// drop((pending, channel));
    /// peer.recv().unwrap_err(); // it has gone
    /// assert!(request.is_abandoned());
    /// ```
    pub fn is_abandoned(&self) -> bool {
        !self.hold.link().is_open() || self.hold.core().ended().is_some()
    }

    fn wait(&self) -> Wait {
        match self.patient {
            true => Wait::Until(self.hold.core().settings.send_timeout.and_then(after)),
            false => Wait::Never,
        }
    }
}

/// The name of a type without its path and parameters; texts have none of their own.
fn short_type_name<E>() -> &'static str {
    let name = type_name::<E>().trim_start_matches('&');
    let name = name.split('<').next().unwrap_or(name);
    match name.rsplit("::").next() {
        Some("str" | "String" | "Arguments" | "Cow" | "") | None => "Error",
        Some(name) if name.starts_with("dyn ") || name.contains(['(', '[', ' ']) => "Error",
        Some("Box" | "Rc" | "Arc") => "Error",
        Some(name) => name,
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("content", &self.incoming.content())
            .field("peer", &self.peer_address())
            .finish_non_exhaustive()
    }
}

/// How long a reply waits for room, unless the options say otherwise.
pub(super) const SEND_TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_named_by_their_types() {
        assert_eq!(short_type_name::<std::io::Error>(), "Error");
        assert_eq!(short_type_name::<&std::num::ParseIntError>(), "ParseIntError");
        assert_eq!(short_type_name::<crate::SendError<Vec<std::fmt::Error>>>(), "SendError");
        assert_eq!(short_type_name::<&str>(), "Error");
        assert_eq!(short_type_name::<String>(), "Error");
        assert_eq!(short_type_name::<Box<dyn std::error::Error>>(), "Error");
        assert_eq!(short_type_name::<std::borrow::Cow<'static, str>>(), "Error");
    }
}
