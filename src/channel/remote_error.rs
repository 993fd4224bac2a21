use std::error::Error;
use std::fmt;

use crate::net::PeerAddress;

/// What the peer says when it failed to handle a request.
///
/// On the wire it is a text that ends with `Type: message`. The original sends what Python prints of an exception, with its
/// traceback; [`Request::fail`](super::Request::fail) sends the last line alone.
///
/// # Examples
///
/// ```
/// # use foreground::channel::{self, ReplyError};
/// # let listener = channel::listen("127.0.0.1:0").unwrap();
/// # let channel = channel::connect(listener.local_address()).unwrap();
/// # let peer = listener.accept().unwrap();
/// let pending = channel.request("divide by zero").unwrap();
/// peer.recv().unwrap().fail_as("ZeroDivisionError", "division by zero").unwrap();
///
/// let Err(ReplyError::Remote(error)) = pending.wait::<f64>() else { panic!() };
/// assert_eq!(error.text(), "ZeroDivisionError: division by zero\n");
/// assert_eq!(error.type_name(), Some("ZeroDivisionError"));
/// assert_eq!(error.message(), "division by zero");
/// assert!(error.origin().is_some());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteError {
    origin: Option<PeerAddress>,
    text: String,
}

impl RemoteError {
    pub(super) fn new(origin: Option<PeerAddress>, text: String) -> Self {
        Self { origin, text }
    }

    /// Returns the address of the peer that failed.
    pub fn origin(&self) -> Option<&PeerAddress> {
        self.origin.as_ref()
    }

    /// Returns the text as it came, with a traceback if there is one.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the type of the error in the peer's language, if the text has the usual form.
    pub fn type_name(&self) -> Option<&str> {
        self.parts().0
    }

    /// Returns what went wrong, without the type and the traceback.
    pub fn message(&self) -> &str {
        self.parts().1
    }

    /// The last line that is not a traceback's begins the message, which may have several lines: tracebacks are indented.
    fn parts(&self) -> (Option<&str>, &str) {
        let text = self.text.trim_end();
        let start = match text.starts_with("Traceback (") {
            true => {
                let mut offset = 0;
                let mut start = 0;
                let mut in_stack = true;
                for line in text.split_inclusive('\n') {
                    if line.starts_with("Traceback (") || line.starts_with(' ') && in_stack {
                        in_stack = true;
                    } else if in_stack && !line.trim().is_empty() {
                        start = offset;
                        in_stack = false;
                    }
                    offset += line.len();
                }
                start
            }
            false => 0,
        };
        let last = &text[start..];
        let is_name = |name: &str| {
            !name.is_empty()
                && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '<' | '>'))
        };
        match last.split_once(": ") {
            Some((name, message)) if is_name(name) => (Some(name), message),
            _ if is_name(last) => (Some(last), ""),
            _ => (None, last),
        }
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer failed: ")?;
        match self.parts() {
            (Some(name), "") => f.write_str(name),
            (Some(name), message) => write!(f, "{name}: {message}"),
            (None, message) => f.write_str(message),
        }
    }
}

impl Error for RemoteError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> RemoteError {
        RemoteError::new(None, text.to_owned())
    }

    #[test]
    fn a_traceback_is_told_from_the_message() {
        let text = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    raise E\nValueError: no: such\n  thing\n";
        assert_eq!(error(text).type_name(), Some("ValueError"));
        assert_eq!(error(text).message(), "no: such\n  thing");
        assert_eq!(error(text).text(), text);
        let chained = format!(
            "{text}\nDuring handling of the above exception, another exception occurred:\n\n{}",
            text.replace("Value", "Key")
        );
        assert_eq!(error(&chained).type_name(), Some("KeyError"));
    }

    #[test]
    fn any_text_is_a_message() {
        assert_eq!(error("KeyError\n").type_name(), Some("KeyError"));
        assert_eq!((error("").type_name(), error("").message()), (None, ""));
        assert_eq!(error("it is: so").to_string(), "the peer failed: it is: so");
        assert_eq!(error("two words").type_name(), None);
        assert_eq!(
            error("Traceback (most recent call last):\n").message(),
            "Traceback (most recent call last):"
        );
    }
}
