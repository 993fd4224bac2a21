use std::fmt;
use std::str::FromStr;

use crate::transport::{Error, ErrorKind};

/// Where a 0MQ socket listens, or connects to: `tcp://host:port`, `ipc://path` or `inproc://name`.
///
/// To listen, `tcp://*:port` is every interface, and the port 0 lets the system choose one. A name `inproc://` is known within this program.
/// `ipc://@name` is Linux's abstract namespace, which has no file permissions: any user of the machine may connect.
///
/// # Examples
///
/// ```
/// use foreground::transport::ErrorKind;
/// use foreground::zmq::Endpoint;
///
/// let endpoint: Endpoint = "tcp://127.0.0.1:5555".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp://127.0.0.1:5555");
/// assert_eq!("127.0.0.1:5555".parse::<Endpoint>().unwrap_err().kind(), ErrorKind::InvalidAddress);
/// # Ok::<(), foreground::transport::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(pub(super) omq_tokio::Endpoint);

impl Endpoint {
    /// Whether it is a name within this program: nothing comes from a network.
    pub(crate) fn is_inproc(&self) -> bool {
        matches!(self.0, omq_tokio::Endpoint::Inproc { .. })
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || {
            let text = format!(
                "{text:?} is no 0MQ address; give \"tcp://host:port\", \"ipc://path\" or \"inproc://name\""
            );
            Error::new(ErrorKind::InvalidAddress, text)
        };
        let endpoint = text.parse().map_err(|error: omq_tokio::Error| invalid().because(error))?;
        match endpoint {
            omq_tokio::Endpoint::Tcp { .. }
            | omq_tokio::Endpoint::Ipc(_)
            | omq_tokio::Endpoint::Inproc { .. } => Ok(Self(endpoint)),
            _ => Err(invalid()),
        }
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl TryFrom<&String> for Endpoint {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<&Endpoint> for Endpoint {
    fn from(endpoint: &Endpoint) -> Self {
        endpoint.clone()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.to_string()).finish()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
