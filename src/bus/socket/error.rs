use std::error::Error;
use std::fmt;
use std::io;

use crate::net::AddressError;

/// A client or a server that could not be made.
#[derive(Debug)]
pub struct OpenError(Reason);

#[derive(Debug)]
enum Reason {
    Address(AddressError),
    /// With what could not be done.
    Io(String, io::Error),
}

impl OpenError {
    pub(super) fn address(error: AddressError) -> Self {
        Self(Reason::Address(error))
    }

    pub(super) fn io(what: impl Into<String>, error: io::Error) -> Self {
        Self(Reason::Io(what.into(), error))
    }

    /// Returns what sort of error the system reported, if it did.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use std::convert::Infallible;
    /// use foreground::bus::socket::{Message, Server};
    ///
    /// let listen = |address| {
    ///     Server::listen(address, |message, _| Ok::<_, Infallible>(message), Ok::<Message, Infallible>)
    /// };
    /// let server = listen("127.0.0.1:0".to_owned()).unwrap();
    /// let same = server.local_address().unwrap().to_string();
    /// assert_eq!(listen(same).unwrap_err().io_kind(), Some(io::ErrorKind::AddrInUse));
    /// assert_eq!(listen("nowhere".to_owned()).unwrap_err().io_kind(), None);
    /// ```
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match &self.0 {
            Reason::Address(_) => None,
            Reason::Io(_, error) => Some(error.kind()),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Address(error) => error.fmt(f),
            Reason::Io(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Reason::Address(error) => Some(error),
            Reason::Io(_, error) => Some(error),
        }
    }
}
