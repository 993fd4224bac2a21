use crate::transport::{Error, ErrorKind};

/// The name of a channel, or several: `"prices"`, `["prices", "news"]`, a slice or a vector of either kind of string.
///
/// # Examples
///
/// ```
/// use foreground::pubsub::Channels;
///
/// assert_eq!("prices".names(), ["prices"]);
/// assert_eq!(vec!["prices".to_string(), "news".to_string()].names(), ["prices", "news"]);
/// ```
pub trait Channels {
    /// Returns the names.
    fn names(&self) -> Vec<&str>;
}

impl Channels for str {
    fn names(&self) -> Vec<&str> {
        vec![self]
    }
}

impl Channels for String {
    fn names(&self) -> Vec<&str> {
        vec![self]
    }
}

impl<C: AsRef<str>> Channels for [C] {
    fn names(&self) -> Vec<&str> {
        self.iter().map(AsRef::as_ref).collect()
    }
}

impl<C: AsRef<str>, const N: usize> Channels for [C; N] {
    fn names(&self) -> Vec<&str> {
        self[..].names()
    }
}

impl<C: AsRef<str>> Channels for Vec<C> {
    fn names(&self) -> Vec<&str> {
        self[..].names()
    }
}

impl<C: Channels + ?Sized> Channels for &C {
    fn names(&self) -> Vec<&str> {
        (**self).names()
    }
}

/// Whether one can publish there: the first space of a frame ends its channel.
pub(super) fn check(channel: &str) -> Result<(), Error> {
    if channel.is_empty() || channel.contains(' ') {
        let text = format!("{channel:?} is no channel to publish on: it must not be empty, nor hold a space");
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    Ok(())
}

/// Whether one can subscribe to it: "" is everything.
pub(super) fn check_subscription(channel: &str) -> Result<(), Error> {
    if channel.contains(' ') {
        let text =
            format!("{channel:?} is no channel, as it holds a space; to match exactly there is `exact`");
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    Ok(())
}
