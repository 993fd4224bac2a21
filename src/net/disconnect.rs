use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a connection ended.
///
/// Cheap to clone: everything that waited for the connection is told the same reason. [`kind`](Self::kind) is for
/// programs, the text for people.
#[derive(Clone)]
pub struct Disconnect(Arc<Reason>);

struct Reason {
    kind: DisconnectKind,
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What sort of reason ended a connection; see [`Disconnect::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectKind {
    /// This side closed it, or dropped its last handle.
    ClosedHere,
    /// The peer closed it, between two messages.
    ClosedByPeer,
    /// The peer closed it in the middle of a message.
    Truncated,
    /// No connection could be made.
    Unreachable,
    /// The peer announced a message above the limit.
    TooLarge,
    /// The peer sent what is no message of the protocol.
    Malformed,
    /// The peer seems to speak another codec.
    CodecMismatch,
    /// The peer took longer than a limit allows.
    TimedOut,
    /// The peer sent more than this side takes before it is answered, or asked for more than it reads.
    Flooded,
    /// Code of the program panicked while it handled what the peer sent.
    Panicked,
    /// The system reported an error, which is the [source](Error::source).
    Io,
}

impl Disconnect {
    /// Returns what sort of reason it was.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "channel")] {
    /// use foreground::channel;
    /// use foreground::net::DisconnectKind;
    ///
    /// let listener = channel::listen("127.0.0.1:0").unwrap();
    /// let channel = channel::connect(listener.local_address()).unwrap();
    /// drop(listener.accept().unwrap());
    ///
    /// let error = channel.recv().unwrap_err();
    /// assert_eq!(error.disconnect().unwrap().kind(), DisconnectKind::ClosedByPeer);
    /// # }
    /// ```
    pub fn kind(&self) -> DisconnectKind {
        self.0.kind
    }

    pub(crate) fn new(kind: DisconnectKind, text: impl Into<String>) -> Self {
        Self(Arc::new(Reason { kind, text: text.into(), source: None }))
    }

    pub(crate) fn with_source(
        kind: DisconnectKind,
        text: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Reason { kind, text: text.into(), source: Some(source.into()) }))
    }

    pub(crate) fn io(doing: &str, error: io::Error) -> Self {
        Self::with_source(DisconnectKind::Io, format!("{doing} failed"), error)
    }

    pub(crate) fn closed_here() -> Self {
        Self::new(DisconnectKind::ClosedHere, "the connection was closed on this side")
    }

    pub(crate) fn closed_by_peer() -> Self {
        Self::new(DisconnectKind::ClosedByPeer, "the peer closed the connection")
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disconnect")
            .field("kind", &self.0.kind)
            .field("text", &self.0.text)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for Disconnect {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
